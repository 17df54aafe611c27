import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EtcdRecordStore } from "../../../../src/datastore/etcd/record-store.ts";
import type { RecordValue } from "../../../../src/datastore/record-store.ts";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";
import { Relay } from "../../../support/kubernetes/relay.ts";
import { EtcdDriver } from "./etcd-driver.ts";
import { becomesExact, block, content, followed, nodes, pool } from "./etcd-lab.ts";

let server: EtcdServer;
beforeAll(async () => {
  server = await EtcdServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

function portOf({ endpoint }: EtcdServer): number {
  return Number(endpoint.split(":")[1]);
}

/** A store that is followed through a relay. */
async function relayed(): Promise<{ relay: Relay; driver: EtcdDriver }> {
  const relay = await Relay.start(portOf(server));
  const driver = new EtcdDriver(server, { endpoints: [`127.0.0.1:${relay.port}`] });
  return { relay, driver };
}

/** Something of everything: added, changed, removed. */
async function changeMuch(driver: EtcdDriver): Promise<void> {
  await driver.put(...nodes(50));
  for (const node of nodes(50, 2)) await driver.put(node);
  await driver.remove(block, ...nodes(5));
}

describe("a datastore that follows etcd", () => {
  test("goes on behind the last change where its connection is cut", async () => {
    const { relay, driver } = await relayed();
    await using _ = relay;
    await using __ = driver;
    await using store = await followed(driver);
    relay.cut();
    relay.isRefusing = true;
    await store.until(({ state }) => state === "unreachable");
    await changeMuch(driver);
    expect(store.keys).toHaveLength(content.length);
    relay.isRefusing = false;
    await becomesExact(driver, store);
  });

  test("goes on while its connection is cut again and again", async () => {
    const { relay, driver } = await relayed();
    await using _ = relay;
    await using __ = driver;
    await using store = await followed(driver);
    const changing = changeMuch(driver);
    for (let count = 0; count < 10; count++) {
      await sleep(20);
      relay.cut();
    }
    await changing;
    await becomesExact(driver, store);
  });

  test("lists anew where what it wants to watch was compacted away", async () => {
    const { relay, driver } = await relayed();
    await using _ = relay;
    await using __ = driver;
    await using store = await followed(driver);
    relay.cut();
    relay.isRefusing = true;
    await changeMuch(driver);
    const { header } = await driver.client.range({ key: Buffer.from("x") });
    await server.ctl("compact", "--physical", String(header?.revision));
    await changeOnce(driver);
    relay.isRefusing = false;
    await becomesExact(driver, store);
  });

  test("goes on after the server was killed and started again", async () => {
    await using driver = new EtcdDriver(server);
    await using store = await followed(driver);
    for (const round of [1, 2, 3]) {
      await driver.put(...nodes(20, round));
      await server.kill();
      if (round === 2) await store.until(({ state }) => state === "unreachable");
      await server.start();
    }
    await changeMuch(driver);
    await becomesExact(driver, store);
  });

  test("finds a connection that went silent, and what changed meanwhile", async () => {
    const { relay, driver } = await relayed();
    await using _ = relay;
    await using __ = driver;
    await using store = await followed(driver);
    relay.silence(true);
    await changeMuch(driver);
    await store.until(({ state }) => state === "unreachable");
    expect(store.keys).toHaveLength(content.length);
    relay.silence(false);
    await becomesExact(driver, store);
  });

  test("finds a server that is frozen, and what changed when it goes on", async () => {
    await using driver = new EtcdDriver(server);
    await using store = await followed(driver);
    server.freeze();
    await store.until(({ state }) => state === "unreachable");
    server.thaw();
    await changeMuch(driver);
    await becomesExact(driver, store);
  });

  test("uses the next endpoint where one does not answer", async () => {
    await using dead = await Relay.start(1);
    await using silent = await Relay.start(portOf(server));
    silent.silence(true);
    const endpoints = [`127.0.0.1:${dead.port}`, `127.0.0.1:${silent.port}`, server.endpoint];
    await using driver = new EtcdDriver(server, { endpoints, timings: { call: 500, page: 500 } });
    await driver.put(...content);
    const stores = Array.from({ length: 6 }, () => new StoreFollower(driver.open()));
    for (const store of stores) await store.until(({ last }) => last?.inSync === true);
    await changeMuch(driver);
    for (const store of stores) {
      await becomesExact(driver, store);
      await store[Symbol.asyncDispose]();
    }
  });

  test("takes a step of many megabytes in one piece", async () => {
    await using large = await EtcdServer.start({
      flags: ["--max-request-bytes", "33554432", "--max-txn-ops", "10000"],
    });
    await using driver = new EtcdDriver(large);
    await using store = await followed(driver);
    const note = "x".repeat(10_000);
    const heavy = nodes(1_000).map((node) => ({
      ...node,
      metadata: { ...node.metadata, annotations: { note } },
    }));
    await driver.put(...heavy);
    await store.until(({ keys }) => keys.length === content.length + heavy.length);
    expect(store.batches).toHaveLength(2);
    await becomesExact(driver, store);
  });

  test("names a value that cannot be read with its key, and keeps what was in force", async () => {
    await using driver = new EtcdDriver(server);
    await using store = await followed(driver);
    const below = `${driver.prefix}/resources/v3/projectcalico.org/`;
    const blocks = `${driver.prefix}/ipam/v2/assignment/ipv4/block/`;
    await driver.write([
      [`${below}ippools/green`, "{"],
      [`${below}nodes/alder`, JSON.stringify(nodes(1)[0])],
      [`${blocks}10.77.3.64-26`, '{"cidr":"10.77.3.64/33","affinity":"host:alder"}'],
      [`${blocks}10.77.9.0-26`, '{"cidr":"10.77.8.0/26","affinity":"host:alder"}'],
    ]);
    await store.until(({ faults }) => faults.length === 4);
    expect(store.keys).toHaveLength(content.length);
    expect(store.faults).toMatchObject([
      { where: `${blocks}10.77.3.64-26`, field: "cidr", keptLastGood: true },
      {
        where: `${blocks}10.77.9.0-26`,
        what: 'IPAMBlock "10-77-9-0-26"',
        field: "cidr",
        value: '"10.77.8.0/26"',
        reason: "the key says 10.77.9.0/26",
        keptLastGood: false,
      },
      {
        where: `${below}ippools/green`,
        what: 'IPPool "green"',
        reason: expect.stringMatching(/^not JSON/),
        keptLastGood: true,
      },
      {
        where: `${below}nodes/alder`,
        field: "metadata.name",
        reason: "the key says alder",
        keptLastGood: true,
      },
    ]);
    await driver.remove(pool);
    await store.until(({ resources }) => !resources.has("IPPool/green"));
    expect(store.faults).toHaveLength(3);
  });

  test("passes over keys that are none of its business", async () => {
    await using driver = new EtcdDriver(server);
    await using store = await followed(driver);
    const { prefix } = driver;
    await driver.write(
      [
        "/ipam/v2/config",
        "/ipam/v2/handle/x",
        "/ipam/v2/host/alder/ipv4/block/10.77.3.64-26",
        "/ipam/v2/assignment/ipv4/block/",
        "/resources/v3/projectcalico.org/bgpconfigurations/default",
        "/resources/v3/projectcalico.org/networkpolicies/a/b",
        "/resources/v3/projectcalico.org/nodes/a/b",
        "/resources/v3/projectcalico.org/workloadendpoints/a/b",
      ].map((key) => [`${prefix}${key}`, "nothing to read"]),
    );
    await driver.put(...nodes(1));
    await store.until(({ keys }) => keys.length === content.length + 1);
    expect(store.faults).toEqual([]);
    await becomesExact(driver, store);
  });
});

describe("an etcd that lost its data", () => {
  test("removes nothing before an operator says so, also after a restart", async () => {
    await using own = await EtcdServer.start();
    await using driver = new EtcdDriver(own);
    await using store = await followed(driver);
    await own.kill();
    own.loseData();
    await own.start();
    await store.until(({ state }) => state === "empty");
    expect(store.last?.condition).toMatchObject({
      reason: expect.stringMatching(/has lost all its resources .* resync --accept-empty$/),
    });
    await driver.put(pool);
    await store.until(({ state }) => state === "incomplete");
    expect(store.keys).toHaveLength(content.length);
    store.datastore.resync({ acceptEmpty: true });
    await store.until(({ state }) => state === "ok");
    expect(store.keys).toEqual(["IPPool/green"]);
    await becomesExact(driver, store);
  });

  test("and has new data removes nothing of what it lacks", async () => {
    await using own = await EtcdServer.start();
    await using driver = new EtcdDriver(own);
    for (const version of [1, 2, 3]) await driver.put(...nodes(5, version));
    await using store = await followed(driver);
    await own.kill();
    own.loseData();
    await own.start();
    await driver.put(...nodes(1, 9));
    await store.until(({ state }) => state === "incomplete");
    expect(store.keys).toHaveLength(content.length + 5);
    await driver.put(...nodes(5, 9), ...content);
    await store.until(({ state }) => state === "ok");
    await becomesExact(driver, store);
  });
});

describe("records in etcd", () => {
  test("have a deadline: a frozen server is an error, and no write is repeated", async () => {
    await using driver = new EtcdDriver(server);
    const records = new EtcdRecordStore(driver.client);
    const node = nodes(1)[0] as unknown as RecordValue;
    const created = await records.create(node);
    server.freeze();
    const update = records.update({ ...node, spec: { tried: true } }, created.revision);
    await expect(update).rejects.toMatchObject({
      code: "datastore",
      message: `etcd ${server.endpoint}: no answer within 2 s`,
    });
    server.thaw();
    // It may have happened all the same: whoever tries again reads first.
    const read = await records.get("Node", "node-0");
    await records.update({ ...node, spec: { tried: "again" } }, read?.revision ?? "");
    expect((await records.get("Node", "node-0"))?.value.spec).toEqual({ tried: "again" });
  });
});

async function changeOnce(driver: EtcdDriver): Promise<void> {
  await driver.put(...nodes(1, 7));
}
