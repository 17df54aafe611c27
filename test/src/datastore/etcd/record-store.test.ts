import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseEtcdUrl } from "../../../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../../../src/datastore/etcd/client.ts";
import { EtcdRecordStore } from "../../../../src/datastore/etcd/record-store.ts";
import {
  type RecordStoreDriver,
  recordStoreCases,
} from "../../../conformance/record-store.cases.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";

let server: EtcdServer;
let count = 0;
beforeAll(async () => {
  server = await EtcdServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A prefix of its own for each case. */
class Driver implements RecordStoreDriver {
  readonly prefix = `/calico-${count++}`;
  readonly open = (): EtcdRecordStore => {
    const url = `etcd://${server.endpoint}?prefix=${this.prefix}`;
    return new EtcdRecordStore(new EtcdClient(parseEtcdUrl(url, {}), { call: 2_000 }));
  };
  readonly store = this.open();
  readonly disappear = (): Promise<void> => server.kill();
  readonly comeBack = (): Promise<void> => server.start();

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }
}

describe("records in etcd", () => {
  test.each(recordStoreCases)("$name", async ({ run }) => {
    await using driver = new Driver();
    await run(driver);
  });

  test("are under the keys and in the form that Calico has", async () => {
    await using driver = new Driver();
    const { store, prefix } = driver;
    const { samples } = await import("../../../conformance/record-store.cases.ts");
    for (const sample of samples) await store.create(sample);
    const value = async (key: string): Promise<unknown> =>
      JSON.parse(await server.ctl("get", "--print-value-only", `${prefix}${key}`));
    const keys = (await server.ctl("get", "--prefix", "--keys-only", prefix)).trim().split(/\n+/);
    expect(keys.map((key) => key.slice(prefix.length))).toEqual([
      "/ipam/v2/assignment/ipv4/block/10.77.3.64-26",
      "/ipam/v2/assignment/ipv6/block/fd77::40-122",
      "/ipam/v2/config",
      "/ipam/v2/handle/vxlan-tunnel-addr-alder",
      "/ipam/v2/host/alder/ipv4/block/10.77.3.64-26",
      "/ipam/v2/host/node-ba-d/ipv6/block/fd77::40-122",
      "/resources/v3/projectcalico.org/felixconfigurations/default",
      "/resources/v3/projectcalico.org/ippools/green",
      "/resources/v3/projectcalico.org/nodes/alder",
    ]);
    expect(await value("/ipam/v2/config")).toEqual({
      strict_affinity: false,
      auto_allocate_blocks: true,
      maxBlocksPerHost: 0,
    });
    expect(await value("/ipam/v2/handle/vxlan-tunnel-addr-alder")).toEqual({
      block: { "10.77.3.64/26": 1 },
      deleted: false,
    });
    expect(await value("/ipam/v2/host/alder/ipv4/block/10.77.3.64-26")).toEqual({
      state: "confirmed",
      deleted: false,
    });
    expect(await value("/ipam/v2/assignment/ipv4/block/10.77.3.64-26")).toMatchObject({
      cidr: "10.77.3.64/26",
      affinity: "host:alder",
      allocations: [0, null, 1],
      sequenceNumber: 417,
    });
    expect(await value("/resources/v3/projectcalico.org/nodes/alder")).toMatchObject({
      apiVersion: "projectcalico.org/v3",
      kind: "Node",
      metadata: { name: "alder", uid: expect.any(String), creationTimestamp: expect.any(String) },
    });
  });

  test("that Calico wrote without a value, or somebody without JSON, are not in the way", async () => {
    await using driver = new Driver();
    const { store, prefix } = driver;
    await server.ctl("put", `${prefix}/ipam/v2/host/alder/ipv4/block/10.77.3.64-26`, "");
    await server.ctl("put", `${prefix}/resources/v3/projectcalico.org/nodes/alder`, "{");
    await server.ctl("put", `${prefix}/resources/v3/projectcalico.org/nodes/birch`, '{"spec":{}}');
    const [affinity] = await store.list("BlockAffinity");
    expect(affinity?.value.spec).toEqual({
      state: "confirmed",
      type: "host",
      node: "alder",
      cidr: "10.77.3.64/26",
    });
    expect(await store.list("Node")).toMatchObject([
      { value: { kind: "Node", metadata: { name: "birch" }, spec: {} } },
    ]);
    await expect(store.get("Node", "alder")).rejects.toMatchObject({ code: "bad-resource" });
  });
});
