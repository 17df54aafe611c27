import { describe, expect, test } from "vitest";
import { ApiClient } from "../../../../src/datastore/kubernetes/api-client.ts";
import { KubernetesRecordStore } from "../../../../src/datastore/kubernetes/record-store.ts";
import type { RecordValue } from "../../../../src/datastore/record-store.ts";
import {
  type RecordStoreDriver,
  recordStoreCases,
} from "../../../conformance/record-store.cases.ts";
import { type CalicoGroup, KubernetesDriver } from "./kubernetes-driver.ts";

/** Cases that Kubernetes has no way for, and why. */
const skipped: Readonly<Record<string, string>> = {
  "Node alder is created, read, listed, changed and deleted":
    "a core Node keeps annotations for the fields that there are, and no others; see below",
};

class Driver implements RecordStoreDriver {
  readonly cluster: KubernetesDriver;
  readonly store: KubernetesRecordStore;
  readonly #open: KubernetesRecordStore[] = [];

  private constructor(cluster: KubernetesDriver) {
    this.cluster = cluster;
    this.store = this.open();
  }

  static async start(group: CalicoGroup = "crd.projectcalico.org/v1"): Promise<Driver> {
    return new Driver(await KubernetesDriver.start(group));
  }

  open = (): KubernetesRecordStore => {
    const store = new KubernetesRecordStore(new ApiClient(this.cluster.access()));
    this.#open.push(store);
    return store;
  };

  disappear = (): Promise<void> => this.cluster.disappear();

  comeBack = (): Promise<void> => this.cluster.comeBack();

  /** As the kubelet registers it. */
  addCoreNode(name: string): void {
    this.cluster.server.store.create("v1 nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name,
        labels: { "kubernetes.io/os": "linux" },
        annotations: { "node.alpha.kubernetes.io/ttl": "0" },
      },
      spec: { podCIDR: "10.99.1.0/24", podCIDRs: ["10.99.1.0/24"] },
      status: {
        addresses: [
          { type: "InternalIP", address: "192.0.2.11" },
          { type: "Hostname", address: name },
        ],
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#open) await store.close();
    await this.cluster[Symbol.asyncDispose]();
  }
}

describe.each(["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const)("in %s", (group) => {
  for (const { name, run } of recordStoreCases) {
    test(name, async ({ skip }) => {
      if (skipped[name] !== undefined) skip(skipped[name]);
      await using driver = await Driver.start(group);
      await run(driver);
    });
  }
});

const apiVersion = "projectcalico.org/v3";
const alder: RecordValue = {
  apiVersion,
  kind: "Node",
  metadata: { name: "alder", annotations: { "causeway/machine": "abc" } },
  spec: {
    bgp: { ipv4Address: "192.0.2.11/24", asNumber: "64512" },
    ipv4VXLANTunnelAddr: "10.77.3.64",
  },
};

describe("a Node", () => {
  test("is what annotations of the core Node say, and writes nothing else of it", async () => {
    await using driver = await Driver.start();
    driver.addCoreNode("alder");
    const core = () => driver.cluster.server.store.get("v1 nodes", "alder");
    const before = core();
    expect(await driver.store.get("Node", "alder")).toBeUndefined();
    expect(await driver.store.list("Node")).toEqual([]);
    const created = await driver.store.create(alder);
    expect(created.value).toMatchObject({
      spec: {
        ...alder.spec,
        orchRefs: [{ nodeName: "alder", orchestrator: "k8s" }],
        addresses: [
          { address: "192.0.2.11/24", type: "CalicoNodeIP" },
          { address: "192.0.2.11", type: "InternalIP" },
        ],
      },
      status: { podCIDRs: ["10.99.1.0/24"] },
    });
    expect(created.value.metadata.annotations).toMatchObject({ "causeway/machine": "abc" });
    const { metadata: _, ...restBefore } = before ?? { metadata: {} };
    const { metadata, ...rest } = core() ?? { metadata: {} };
    expect(rest).toEqual(restBefore);
    expect(Reflect.get(metadata, "annotations")).toEqual({
      "node.alpha.kubernetes.io/ttl": "0",
      "causeway/machine": "abc",
      "projectcalico.org/IPv4Address": "192.0.2.11/24",
      "projectcalico.org/ASNumber": "64512",
      "projectcalico.org/IPv4VXLANTunnelAddr": "10.77.3.64",
    });
    const { ipv4VXLANTunnelAddr: __, ...spec } = created.value.spec;
    const updated = await driver.store.update({ ...created.value, spec }, created.revision);
    expect(updated.value.spec).not.toHaveProperty("ipv4VXLANTunnelAddr");
    expect(await driver.store.list("Node")).toEqual([updated]);
    await driver.store.delete("Node", "alder", updated.revision);
    expect(await driver.store.get("Node", "alder")).toBeUndefined();
    expect(core()?.metadata["annotations"]).toEqual({ "node.alpha.kubernetes.io/ttl": "0" });
    expect(core()?.metadata["labels"]).toEqual({ "kubernetes.io/os": "linux" });
  });

  test("is registered once, and changed by one at a time", async () => {
    await using driver = await Driver.start();
    driver.addCoreNode("alder");
    const mine = await driver.store.create(alder);
    const conflict = expect.objectContaining({ code: "conflict" });
    await expect(driver.store.create(alder)).rejects.toEqual(conflict);
    await driver.open().update({ ...alder, spec: {} }, mine.revision);
    await expect(driver.store.update(alder, mine.revision)).rejects.toEqual(conflict);
    await expect(driver.store.delete("Node", "alder", mine.revision)).rejects.toEqual(conflict);
  });

  test("that Kubernetes does not know is an error that says so", async () => {
    await using driver = await Driver.start();
    await expect(driver.store.create(alder)).rejects.toMatchObject({
      code: "bad-resource",
      message: 'Kubernetes has no node "alder" to register',
    });
  });
});

describe("KubernetesRecordStore", () => {
  test("says what of a record breaks the schema", async () => {
    await using driver = await Driver.start();
    const bad = { apiVersion, kind: "IPPool", metadata: { name: "x" }, spec: { cidr: 7 } } as const;
    await expect(driver.store.create(bad)).rejects.toMatchObject({
      code: "bad-resource",
      message:
        'IPPool "x": IPPool.crd.projectcalico.org "x" is invalid: spec.cidr: Invalid value: must be string',
    });
  });

  test("keeps the metadata that Calico packed, and what it does not know", async () => {
    await using driver = await Driver.start();
    const packed = { uid: "u-1", labels: { zone: "b" } };
    driver.cluster.server.store.create("crd.projectcalico.org/v1 ippools", {
      metadata: {
        name: "green",
        finalizers: ["x/y"],
        annotations: { "projectcalico.org/metadata": JSON.stringify(packed) },
      },
      spec: { cidr: "10.77.0.0/16", assignmentMode: "Automatic" },
    });
    const read = await driver.store.get("IPPool", "green");
    expect(read?.value.metadata).toMatchObject({ name: "green", labels: { zone: "b" } });
    expect(read?.value.metadata).not.toHaveProperty("annotations");
    const { value, revision } = read ?? { value: alder, revision: "" };
    await driver.store.update({ ...value, spec: { ...value.spec, disabled: true } }, revision);
    const object = driver.cluster.server.store.get("crd.projectcalico.org/v1 ippools", "green");
    expect(object).toMatchObject({
      metadata: { finalizers: ["x/y"] },
      spec: { cidr: "10.77.0.0/16", assignmentMode: "Automatic", disabled: true },
    });
    const annotations = object?.metadata["annotations"] as Record<string, string>;
    expect(JSON.parse(annotations["projectcalico.org/metadata"] ?? "")).toEqual(packed);
  });

  test("writes handles under a name that Kubernetes takes", async () => {
    await using driver = await Driver.start();
    const handleID = "vxlan-tunnel-addr-Alder";
    const spec = { handleID, block: { "10.77.3.64/26": 1 }, deleted: false };
    await driver.store.create({
      apiVersion,
      kind: "IPAMHandle",
      metadata: { name: handleID },
      spec,
    });
    expect((await driver.store.get("IPAMHandle", handleID))?.value).toMatchObject({
      metadata: { name: handleID },
      spec,
    });
  });

  test("does not take a kind that is gone for a record that is not there", async () => {
    await using driver = await Driver.start();
    expect(await driver.store.get("IPPool", "green")).toBeUndefined();
    driver.cluster.server.serve("crd.projectcalico.org/v1", false);
    driver.cluster.server.serve("projectcalico.org/v3", false);
    await expect(driver.store.get("IPPool", "green")).rejects.toMatchObject({
      code: "datastore",
      message: expect.stringMatching(/^the cluster serves no ippools in crd/),
    });
  });
});
