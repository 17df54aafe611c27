// Everything that can go wrong with an API server, one case each. After every one of them the
// datastore has to be what the server holds, and must follow what changes from there on.
import { describe, expect, test } from "vitest";
import { connectionTimings } from "../../../../src/datastore/kubernetes/connection.ts";
import { kubernetesTimings } from "../../../../src/datastore/kubernetes/store.ts";
import { blockManifest, nodeManifest, poolManifest } from "../../../conformance/manifests.ts";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import type { ApiServerOptions } from "../../../support/kubernetes/api-server.ts";
import { Relay } from "../../../support/kubernetes/relay.ts";
import { KubernetesDriver, type OpenOptions } from "./kubernetes-driver.ts";

const pool = poolManifest("green", "10.77.0.0/16", { vxlanMode: "Always" });
const alder = nodeManifest("alder", "192.0.2.11");
const birch = nodeManifest("birch", "192.0.2.12");
const cedar = nodeManifest("cedar", "192.0.2.13");
const block = blockManifest("10.77.3.64/26", "alder", {
  allocations: [],
  unallocated: [],
  attributes: [],
});

/** For hanging, not for speed. */
const POLL = { timeout: 10_000 };

interface Fault {
  readonly name: string;
  readonly server?: ApiServerOptions;
  readonly open?: OpenOptions;
  run(driver: KubernetesDriver, store: StoreFollower): Promise<void>;
}

const lists = ({ server }: KubernetesDriver): number =>
  server.requests.filter(({ path, isWatch }) => !isWatch && path.includes("/nodes")).length;
const allLists = ({ server }: KubernetesDriver): number =>
  server.requests.filter(({ path, isWatch }) => !isWatch && /s$/.test(path)).length;
const watches = ({ server }: KubernetesDriver): number =>
  server.requests.filter(({ path, isWatch }) => isWatch && path.includes("/nodes")).length;

const faults: readonly Fault[] = [
  {
    name: "410 as the status of a watch: everything of that kind is listed again",
    async run(driver) {
      const before = allLists(driver);
      driver.server.faults.goneAtStart = 4;
      driver.server.cutWatches();
      await driver.put(birch);
      await expect.poll(() => allLists(driver), POLL).toBe(before + 4);
    },
  },
  {
    name: "410 as an ERROR event in a watch: everything of that kind is listed again",
    async run(driver) {
      driver.server.store.forgetHistory();
      for (const watch of driver.server.watches) watch.expire();
      await driver.put(birch);
      await expect.poll(() => lists(driver), POLL).toBe(2);
    },
  },
  {
    name: "410 as an ERROR event at the start of a watch, time and again",
    async run(driver) {
      driver.server.faults.goneInStream = 8;
      driver.server.cutWatches();
      await driver.put(birch);
      await expect.poll(() => driver.server.faults.goneInStream, POLL).toBe(0);
    },
  },
  {
    name: "a bookmark keeps a quiet watch from growing too old",
    server: { bookmarkEvery: 30 },
    async run(driver) {
      for (let at = 0; at < 10; at++) await driver.put(nodeManifest("elm", `192.0.2.${20 + at}`));
      await new Promise((resolve) => setTimeout(resolve, 150));
      const before = driver.server.requests.filter(({ isWatch }) => !isWatch).length;
      driver.server.store.forgetHistory();
      driver.server.cutConnections();
      await expect.poll(() => watches(driver), POLL).toBe(2);
      expect(driver.server.requests.filter(({ isWatch }) => !isWatch)).toHaveLength(before);
    },
  },
  {
    name: "a watch whose time is up goes on from its last event",
    open: { timings: { watch: 900 } },
    async run(driver) {
      await expect.poll(() => watches(driver), POLL).toBeGreaterThan(2);
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "a watch that the server should have ended is given up",
    open: { timings: { watch: 900 } },
    async run(driver) {
      driver.server.faults.isMute = true;
      await driver.put(birch);
      await expect.poll(() => watches(driver), POLL).toBeGreaterThan(1);
      driver.server.faults.isMute = false;
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "cut watches on connections that stay go on from their last events",
    async run(driver, store) {
      driver.server.cutWatches();
      await store.until(({ state }) => state === "unreachable");
      await driver.put(birch);
      await store.until(({ resources }) => resources.has("Node/birch"));
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "cut connections are made anew and lose nothing",
    async run(driver, store) {
      driver.server.cutConnections();
      await driver.put(birch);
      await driver.remove(alder);
      await store.until(({ resources }) => !resources.has("Node/alder"));
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "a line cut short and a line that is no JSON end the watch, not the datastore",
    async run(driver, store) {
      for (const watch of driver.server.watches) watch.truncate();
      await store.until(({ state }) => state === "unreachable");
      await store.until(({ state }) => state === "ok");
      for (const watch of driver.server.watches) watch.garble();
      await store.until(({ last }) => /not JSON: <html>/.test(JSON.stringify(last?.condition)));
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "a restart with its history goes on from the last events",
    async run(driver, store) {
      const back = driver.server.restart({ away: 200 });
      await store.until(({ state }) => state === "unreachable");
      await driver.put(birch);
      await back;
      await store.until(({ resources }) => resources.has("Node/birch"));
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "a restart without its history lists everything again",
    async run(driver, store) {
      const back = driver.server.restart({ away: 200, forgets: true });
      await store.until(({ state }) => state === "unreachable");
      await driver.put(birch);
      await driver.remove(block);
      await back;
      driver.server.store.forgetHistory();
      await store.until(({ resources }) => resources.has("Node/birch"));
    },
  },
  {
    name: "a graceful restart, which ends watches as if their time were up",
    async run(driver, store) {
      await driver.server.restart({ away: 100, isGraceful: true });
      await driver.put(birch);
      await store.until(({ resources }) => resources.has("Node/birch"));
    },
  },
  {
    name: "a cluster restored from a backup is listed again",
    async run(driver) {
      await driver.server.stop();
      driver.server.store.goBack(500);
      await driver.server.listen();
      await expect.poll(() => lists(driver), POLL).toBe(2);
    },
  },
  {
    name: "a slow server is waited for",
    async run(driver, store) {
      driver.server.faults.delay = 200;
      driver.server.store.forgetHistory();
      driver.server.cutConnections();
      await driver.put(birch);
      await store.until(({ resources }) => resources.has("Node/birch"));
    },
  },
  {
    name: "429 with Retry-After is left alone for that time",
    async run(driver, store) {
      driver.server.faults.refused = { code: 429, retryAfter: 1, times: 1 };
      driver.server.cutConnections();
      await store.until(({ last }) => /429/.test(JSON.stringify(last?.condition)));
      await store.until(({ state }) => state === "ok");
      const { requests } = driver.server;
      const refused = requests.findIndex(({ code }) => code === 429);
      const next = requests[refused + 1]?.at ?? 0;
      expect(next - (requests[refused]?.at ?? 0)).toBeGreaterThan(900);
    },
  },
  {
    name: "503 is said, and tried again",
    async run(driver, store) {
      driver.server.faults.refused = { code: 503 };
      driver.server.cutConnections();
      await store.until(({ last }) => /503/.test(JSON.stringify(last?.condition)));
      driver.server.faults.refused = undefined;
      await store.until(({ state }) => state === "ok");
    },
  },
  {
    name: "403 names the right that is lacking, and removes nothing",
    async run(driver, store) {
      const keys = [...store.keys];
      driver.server.faults.refused = { code: 403, plural: "ipamblocks" };
      driver.server.store.forgetHistory();
      driver.server.cutConnections();
      await store.until(({ state }) => state === "unreachable");
      await store.until(({ last }) => /403/.test(JSON.stringify(last?.condition)));
      expect(Reflect.get(store.last?.condition ?? {}, "reason")).toMatch(
        /ipamblocks is forbidden: User ".*" cannot list resource "ipamblocks" in API group "crd/,
      );
      expect(store.keys).toEqual(keys);
      driver.server.faults.refused = undefined;
      await store.until(({ state }) => state === "ok");
    },
  },
  {
    name: "an expired token is replaced with a newer one",
    async run(driver, store) {
      driver.server.tokens.clear();
      driver.server.tokens.add("second");
      driver.server.cutConnections();
      await store.until(({ last }) => /401, Unauthorized/.test(JSON.stringify(last?.condition)));
      driver.token = "second";
      await store.until(({ state }) => state === "ok");
      expect(lists(driver)).toBe(1);
    },
  },
  {
    name: "a custom resource definition that is gone is said and waited for, and removes nothing",
    async run(driver, store) {
      const keys = [...store.keys];
      driver.server.serve("crd.projectcalico.org/v1 ippools", false);
      driver.server.cutWatches();
      await store.until(({ state }) => state === "incomplete");
      expect(Reflect.get(store.last?.condition ?? {}, "reason")).toMatch(
        /^the cluster serves no ippools, neither in crd.projectcalico.org\/v1 nor in projectcalico.org\/v3; waiting for/,
      );
      expect(store.keys).toEqual(keys);
      driver.server.serve("crd.projectcalico.org/v1 ippools", true);
      await store.until(({ state }) => state === "ok");
    },
  },
];

describe.each(faults)("$name", ({ server, open, run }) => {
  test.each(["HTTP/2", "HTTP/1.1"])("over %s", async (http) => {
    const options = { ...server, onlyHttp1: http === "HTTP/1.1" };
    await using driver = await KubernetesDriver.start("crd.projectcalico.org/v1", options);
    // What the other group has is not looked at.
    driver.server.serve("projectcalico.org/v3", false);
    await driver.put(pool, alder, block);
    await using store = new StoreFollower(driver.open(open));
    await store.until(({ last }) => last?.inSync === true);
    await expect.poll(() => driver.server.watches.size, POLL).toBe(4);
    await run(driver, store);
    await driver.put(cedar);
    await driver.remove(birch);
    const { store: objects } = driver.server;
    const held = [...driver.server.served].flatMap((kind) =>
      objects.all(kind).map(({ kind: word, metadata }) => `${word}/${metadata.name}`),
    );
    await store.until(({ state }) => state === "ok");
    await store.until(({ keys }) => keys.join() === held.sort().join());
    expect(store.last).toMatchObject({ complete: true, faults: [] });
  });
});

describe("a server that goes silent", () => {
  test.each(["HTTP/2", "HTTP/1.1"])("is found, over %s", async (http) => {
    await using driver = await KubernetesDriver.start("crd.projectcalico.org/v1", {
      onlyHttp1: http === "HTTP/1.1",
    });
    await using relay = await Relay.start(driver.server.port);
    await driver.put(pool, alder);
    await using store = new StoreFollower(driver.open({ port: relay.port }));
    await store.until(({ last }) => last?.inSync === true);
    relay.silence(true);
    await store.until(({ state }) => state === "unreachable");
    await driver.put(birch);
    relay.silence(false);
    await store.until(({ state }) => state === "ok");
    await store.until(({ resources }) => resources.has("Node/birch"));
    expect(lists(driver)).toBe(1);
  });
});

test("a server that goes silent is found in less than a minute with the product's own times", async () => {
  await using driver = await KubernetesDriver.start();
  await using relay = await Relay.start(driver.server.port);
  await driver.put(pool, alder);
  const timings = { ...kubernetesTimings, ...connectionTimings };
  await using store = new StoreFollower(driver.open({ port: relay.port, timings }));
  await expect.poll(() => driver.server.watches.size, POLL).toBe(4);
  relay.silence(true);
  await expect.poll(() => store.state, { timeout: 60_000 }).toBe("unreachable");
  expect(Reflect.get(store.last?.condition ?? {}, "reason")).toMatch(/silent for 30 s/);
}, 90_000);

test("a cluster restored from a backup takes nothing away until somebody says that it is right", async () => {
  await using driver = await KubernetesDriver.start();
  await driver.put(pool, alder, birch);
  await using store = new StoreFollower(driver.open());
  await expect.poll(() => driver.server.watches.size, POLL).toBe(4);
  await store.until(({ last }) => last?.inSync === true);
  await driver.server.stop();
  await driver.remove(birch);
  driver.server.store.goBack(500);
  await driver.server.listen();
  await store.until(({ state }) => state === "incomplete");
  expect(Reflect.get(store.last?.condition ?? {}, "reason")).toMatch(
    /has lost data \(it went back from revision 1003 to 504\): 1 resources are gone/,
  );
  expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch"]);
  store.datastore.resync({ acceptEmpty: true });
  await store.until(({ state }) => state === "ok");
  expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
}, 60_000);

describe("a cluster without Calico's definitions", () => {
  test("is waited for until it has them", async () => {
    await using driver = await KubernetesDriver.start();
    driver.server.serve("crd.projectcalico.org/v1", false);
    driver.server.serve("projectcalico.org/v3", false);
    await driver.put(alder);
    await using store = new StoreFollower(driver.open());
    await store.until(({ state }) => state === "incomplete");
    expect(store.last).toMatchObject({ inSync: false, changes: [] });
    driver.server.serve("crd.projectcalico.org/v1", true);
    await driver.put(pool);
    await store.until(({ last }) => last?.inSync === true);
    expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
  });

  test("needs no IPAMBlocks for podCIDRs, and no settings", async () => {
    await using driver = await KubernetesDriver.start();
    driver.server.serve("crd.projectcalico.org/v1 ipamblocks", false);
    driver.server.serve("crd.projectcalico.org/v1 felixconfigurations", false);
    await driver.put(pool, nodeManifest("alder", "192.0.2.11", { podCIDRs: ["10.77.1.0/24"] }));
    await using store = new StoreFollower(driver.open());
    await store.until(({ last }) => last?.inSync === true);
    expect(store.last).toMatchObject({ complete: true, condition: { state: "ok" } });
    expect(Reflect.get(store.resources.get("Node/alder") ?? {}, "podCidrs").map(String)).toEqual([
      "10.77.1.0/24",
    ]);
    driver.server.serve("crd.projectcalico.org/v1", true);
    await driver.put(block);
    await store.until(({ resources }) => resources.has("IPAMBlock/10-77-3-64-26"));
  });

  test("has to have IPAMBlocks where they are what is meant", async () => {
    await using driver = await KubernetesDriver.start();
    driver.server.serve("crd.projectcalico.org/v1 ipamblocks", false);
    await driver.put(pool, alder);
    await using store = new StoreFollower(driver.open({ blocks: "ipam" }));
    await store.until(({ state }) => state === "incomplete");
    expect(Reflect.get(store.last?.condition ?? {}, "reason")).toMatch(
      /^the cluster serves no ipamblocks in crd.projectcalico.org\/v1; waiting/,
    );
  });
});

describe("a list", () => {
  test("of several pages shows one revision, and begins anew where that is too old", async () => {
    await using driver = await KubernetesDriver.start();
    const nodes = Array.from({ length: 1_200 }, (_, at) =>
      nodeManifest(`node-${String(at).padStart(4, "0")}`, `10.9.${at >> 8}.${at & 255}`),
    );
    await driver.put(pool, ...nodes);
    await using first = new StoreFollower(driver.open());
    await first.until(({ last }) => last?.inSync === true);
    expect(first.keys).toHaveLength(1_201);
    expect(lists(driver)).toBe(3);
    driver.server.faults.goneInList = 1;
    await using second = new StoreFollower(driver.open());
    await second.until(({ last }) => last?.inSync === true);
    expect(second.keys).toHaveLength(1_201);
  });
});
