/** Nodes that register themselves at once in a real etcd. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseEtcdUrl } from "../../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../../src/datastore/etcd/client.ts";
import { EtcdRecordStore } from "../../../src/datastore/etcd/record-store.ts";
import type { RecordStore } from "../../../src/datastore/record-store.ts";
import { CausewayError } from "../../../src/errors.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import { EtcdServer } from "../../support/etcd-server.ts";
import { pool, register, vxlanPool } from "../../support/register-lab.ts";

let server: EtcdServer;
let count = 0;
beforeAll(async () => {
  server = await EtcdServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

function open(prefix: string): EtcdRecordStore {
  const url = `etcd://${server.endpoint}?prefix=${prefix}`;
  return new EtcdRecordStore(new EtcdClient(parseEtcdUrl(url, {}), { call: 2_000 }));
}

const NODES = 6;
const names = Array.from({ length: NODES }, (_, at) => `node-${at}`);

/** A cluster of just enough blocks. */
async function emptyCluster(prefix: string): Promise<RecordStore> {
  const store = open(prefix);
  await store.create(vxlanPool("vxlan", "10.244.0.0/24", { blockSize: 27 }));
  await store.create(vxlanPool("six", "fd00:1::/120", { blockSize: 123 }));
  await store.create(pool("ipip", "10.245.0.0/24", { ipipMode: "Always", blockSize: 27 }));
  return store;
}

/** Passes until one ends without a fault, each with a connection of its own. */
async function registerUntilDone(prefix: string, name: string, at: number): Promise<void> {
  for (;;) {
    const store = open(prefix);
    try {
      await register(store, name, `192.0.2.${at + 1}/24`, `2001:db8::${at + 1}/64`);
      return;
    } catch (error) {
      if (!(error instanceof CausewayError) || error.code !== "datastore") throw error;
    } finally {
      await store.close();
    }
  }
}

async function expectWhole(store: RecordStore): Promise<void> {
  expect(await checkIpam(store)).toEqual([]);
  const blocks = await store.list("IPAMBlock");
  const owners = blocks.map(({ value }) => String(value.spec["affinity"])).sort();
  expect(owners).toEqual(names.flatMap((name) => Array(3).fill(`host:${name}`)));
  const nodes = await store.list("Node");
  expect(nodes.map(({ value }) => value.metadata.name)).toEqual(names);
}

test("six nodes that start at once share an empty etcd, 5 times over", async () => {
  for (let round = 0; round < 5; round++) {
    const prefix = `/race-${count++}`;
    const store = await emptyCluster(prefix);
    await Promise.all(names.map((name, at) => registerUntilDone(prefix, name, at)));
    await expectWhole(store);
    const before = await Promise.all([store.list("IPAMBlock"), store.list("Node")]);
    await Promise.all(names.map((name, at) => registerUntilDone(prefix, name, at)));
    expect(await Promise.all([store.list("IPAMBlock"), store.list("Node")])).toEqual(before);
    await store.close();
  }
});

test("they do so too while etcd is killed and started again", async () => {
  const prefix = `/killed-${count++}`;
  const store = await emptyCluster(prefix);
  const registering = Promise.all(names.map((name, at) => registerUntilDone(prefix, name, at)));
  for (let kills = 0; kills < 2; kills++) {
    // As soon as something was written, so that the next answers are lost.
    const written = kills === 0 ? "BlockAffinity" : "IPAMHandle";
    while ((await store.list(written)).length === 0);
    await server.kill();
    await server.start();
  }
  await registering;
  await expectWhole(store);
  await store.close();
});
