import { describe, expect, test } from "vitest";
import { RemoteDatastore } from "../../../src/datastore/remote.ts";
import { SnapshotFile } from "../../../src/datastore/snapshot-file.ts";
import { storeCases } from "../../conformance/datastore.cases.ts";
import { blockManifest, nodeManifest, poolManifest } from "../../conformance/manifests.ts";
import { StoreFollower } from "../../conformance/store-follower.ts";
import { MemoryDriver } from "./memory-driver.ts";

const pool = poolManifest("green", "10.77.0.0/16");
const badPool = poolManifest("green", "10.77.0.0/33");
const alder = nodeManifest("alder", "192.0.2.11");
const birch = nodeManifest("birch", "192.0.2.12");
const block = blockManifest("10.77.3.64/26", "alder");

describe("a remote store in memory", () => {
  test.each(storeCases)("$name", async ({ run }) => {
    await using driver = new MemoryDriver();
    await run(driver);
  });
});

/** A store that was read once, and the snapshot that its reader left. */
async function withSnapshot(driver: MemoryDriver): Promise<SnapshotFile> {
  await driver.put(pool, alder, birch);
  await leaveSnapshot(driver);
  return new SnapshotFile(driver.runDir);
}

async function leaveSnapshot(driver: MemoryDriver): Promise<void> {
  const snapshot = new SnapshotFile(driver.runDir);
  await using store = new StoreFollower(driver.open({ snapshot }));
  await store.until(({ last }) => last?.inSync === true);
  await snapshot.flush();
}

describe("RemoteDatastore", () => {
  test("says that a store that lost data did, and removes nothing of it", async () => {
    await using driver = new MemoryDriver();
    await driver.put(pool, alder, birch);
    await using store = new StoreFollower(driver.open());
    await store.until(({ last }) => last?.inSync === true);
    await driver.disappear();
    driver.loseData(alder);
    await driver.comeBack();
    await store.until(({ state }) => state === "incomplete");
    expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch"]);
    expect(store.last?.condition).toMatchObject({
      reason:
        "memory: has lost data (it went back from revision 2 to 1): 2 resources are gone from it " +
        "and kept in force all the same; if it is right as it is: causeway resync --accept-empty",
    });
    store.datastore.resync({ acceptEmpty: false });
    await driver.put(pool);
    await store.until(({ last }) => last?.condition.state !== "ok" && /: 1 /.test(text(last)));
    store.datastore.resync({ acceptEmpty: true });
    await store.until(({ state }) => state === "ok");
    expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
  });

  test("knows from the snapshot that a store lost data while nobody followed it", async () => {
    await using driver = new MemoryDriver();
    const snapshot = await withSnapshot(driver);
    driver.loseData(alder);
    await using store = new StoreFollower(driver.open({ snapshot }));
    await store.until(({ state }) => state === "incomplete");
    expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch"]);
    expect(store.last?.complete).toBe(false);
  });

  test("goes on holding what was held before a restart", async () => {
    await using driver = new MemoryDriver();
    const snapshot = await withSnapshot(driver);
    {
      await using store = new StoreFollower(driver.open({ snapshot }));
      await store.until(({ last }) => last?.inSync === true);
      await driver.empty();
      await store.until(({ state }) => state === "empty");
      await driver.put(alder);
      await store.until(({ state }) => state === "incomplete");
    }
    await snapshot.flush();
    const again = new SnapshotFile(driver.runDir);
    await using store = new StoreFollower(driver.open({ snapshot: again }));
    await store.until(({ state }) => state === "incomplete");
    expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch"]);
    store.datastore.resync({ acceptEmpty: true });
    await store.until(({ state }) => state === "ok");
    expect(store.keys).toEqual(["Node/alder"]);
  });

  test("removes after a restart what was removed in the meantime", async () => {
    await using driver = new MemoryDriver();
    const snapshot = await withSnapshot(driver);
    await driver.remove(birch);
    await using store = new StoreFollower(driver.open({ snapshot }));
    await store.until(({ last }) => last?.inSync === true);
    expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
    expect(store.last).toMatchObject({ complete: true, condition: { state: "ok" } });
  });

  test("has the last good version of a refused record from the snapshot", async () => {
    await using driver = new MemoryDriver();
    const snapshot = await withSnapshot(driver);
    await driver.put(badPool);
    await driver.remove(birch);
    await using store = new StoreFollower(driver.open({ snapshot }));
    await store.until(({ last }) => last?.inSync === true);
    expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
    expect(store.faults).toMatchObject([{ what: 'IPPool "green"', keptLastGood: true }]);
    expect(store.last).toMatchObject({ complete: true, condition: { state: "ok" } });
  });

  test("waits for a slow store only so long, then goes on from the snapshot", async () => {
    await using driver = new MemoryDriver();
    const snapshot = await withSnapshot(driver);
    const url = "memory:";
    const silent = {
      url,
      keyOf: () => "",
      relist: () => undefined,
      follow: (_: unknown, signal: AbortSignal) =>
        new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    };
    const keyed = { ...silent, keyOf: ({ name }: { name: string }) => name };
    const options = { snapshot, timings: { patience: 20 } };
    await using store = new StoreFollower(new RemoteDatastore(keyed, options));
    await store.until(({ last }) => last?.inSync === true);
    expect(store.keys).toHaveLength(3);
    expect(store.last).toMatchObject({ complete: false, condition: { state: "starting" } });
  });

  test("an operator's word on an empty store does not outlive a loss of the connection", async () => {
    await using driver = new MemoryDriver();
    await driver.put(pool, alder);
    await using store = new StoreFollower(driver.open());
    await store.until(({ last }) => last?.inSync === true);
    await driver.disappear();
    await store.until(({ state }) => state === "unreachable");
    store.datastore.resync({ acceptEmpty: true });
    driver.loseData();
    await driver.comeBack();
    await store.until(({ state }) => state === "empty");
    expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
  });

  test("begins again with a store that throws, and says why meanwhile", async () => {
    await using driver = new MemoryDriver();
    await driver.put(pool, block);
    let attempts = 0;
    const failing = {
      url: "memory:",
      keyOf: () => "",
      relist: () => undefined,
      follow: async () => {
        attempts++;
        throw new Error("not today");
      },
    };
    const timings = { retry: 1 };
    await using store = new StoreFollower(new RemoteDatastore(failing, { timings }));
    await store.until(({ last }) => last !== undefined);
    expect(store.last).toMatchObject({
      inSync: false,
      condition: { state: "unreachable", reason: "memory:: not today" },
    });
    await expect.poll(() => attempts).toBeGreaterThan(2);
  });

  test("stops following when whoever listens leaves", async () => {
    await using driver = new MemoryDriver();
    await driver.put(pool);
    for await (const batch of driver.open().watch(new AbortController().signal)) {
      if (batch.inSync) break;
    }
  });
});

function text(batch: { condition: object } | undefined): string {
  return String(Reflect.get(batch?.condition ?? {}, "reason"));
}
