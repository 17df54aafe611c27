import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import { EtcdServer, freePorts } from "../../../support/etcd-server.ts";
import { EtcdDriver } from "./etcd-driver.ts";
import { becomesExact, content, followed, nodes } from "./etcd-lab.ts";

describe("an etcd cluster of three", () => {
  let members: EtcdServer[] = [];
  beforeAll(async () => {
    const names = ["a", "b", "c"];
    const ports = await freePorts(3);
    const cluster = Object.fromEntries(
      names.map((name, at) => [name, `http://127.0.0.1:${ports[at]}`]),
    );
    members = await Promise.all(names.map((name) => EtcdServer.prepare({ cluster, name })));
  });
  // Each test begins with three that run, also where the one before it failed half-way.
  beforeEach(async () => {
    for (const member of members) {
      member.thaw();
      if (!member.isRunning) member.spawn();
    }
    await settled();
  }, 60_000);
  afterAll(async () => {
    for (const member of members) await member[Symbol.asyncDispose]();
  });

  function endpoints(): string[] {
    return members.map(({ endpoint }) => endpoint);
  }

  async function settled(): Promise<void> {
    for (const member of members) await member.ready();
  }

  test("is followed on while its leader is killed, and its members are restarted in turn", async () => {
    const [first] = members as [EtcdServer];
    await using driver = new EtcdDriver(first, { endpoints: endpoints() });
    await using store = await followed(driver);
    let version = 0;
    for (const member of members) {
      await member.kill();
      const writer = members.find((one) => one !== member) as EtcdServer;
      await writer.ready();
      await using other = new EtcdDriver(writer, { driver });
      await other.put(...nodes(10, ++version));
      await member.start();
    }
    await settled();
    await becomesExact(driver, store);
  });

  test("whose member has lost the others is left for one that has not", async () => {
    const [first, second, third] = members as [EtcdServer, EtcdServer, EtcdServer];
    // The first is alone: it answers, and its watches would stay open in silence.
    await using driver = new EtcdDriver(second);
    await using alone = new EtcdDriver(first, { driver, endpoints: [first.endpoint] });
    await using store = await followed(alone);
    await second.kill();
    await third.kill();
    await store.until(({ state }) => state === "unreachable");
    expect(store.last?.condition).toMatchObject({
      reason: expect.stringMatching(/no leader|timed out|deadline exceeded|no answer/),
    });
    expect(store.keys).toHaveLength(content.length);
    second.spawn();
    third.spawn();
    await settled();
    await driver.put(...nodes(20));
    await becomesExact(driver, store);
  });

  test("whose member is behind is not believed before it has caught up", async () => {
    const [first, second, third] = members as [EtcdServer, EtcdServer, EtcdServer];
    await using driver = new EtcdDriver(second);
    await using both = new EtcdDriver(second, {
      driver,
      endpoints: [first.endpoint, third.endpoint],
    });
    await driver.put(...content);
    // The third sees nothing of what comes now.
    third.freeze();
    await using store = new StoreFollower(both.open());
    // If the third was the leader, there is none until the others have elected one.
    await store.until(({ last }) => last?.inSync === true);
    const start = store.batches.length;
    for (const version of [1, 2, 3]) await driver.put(...nodes(40, version));
    await becomesExact(driver, store);
    await first.kill();
    third.thaw();
    // The third stands for election as soon as it runs again; a write before that is over may be lost.
    await third.ready();
    await second.ready();
    await driver.put(...nodes(10, 4));
    await becomesExact(driver, store);
    const since = store.batches.slice(start);
    expect(since.every(({ complete }) => complete)).toBe(true);
    expect(since.map(({ condition }) => condition.state)).not.toContain("incomplete");
  });
});
