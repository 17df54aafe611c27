/**
 * What every datastore has to do, whatever it is made of. A driver plays the cluster's side: it
 * changes the store the way that its users do.
 */
import { expect } from "vitest";
import type { Datastore } from "../../src/datastore/datastore.ts";
import type { SnapshotFile } from "../../src/datastore/snapshot-file.ts";
import { blockManifest, type Manifest, nodeManifest, poolManifest } from "./manifests.ts";
import { StoreFollower } from "./store-follower.ts";

export interface StoreDriver extends AsyncDisposable {
  /** A new reader of the store, as after a restart of the agent. */
  open(options?: { snapshot?: SnapshotFile }): Datastore;
  /** A place for a snapshot file. */
  readonly runDir: string;
  /** Adds or replaces resources, all in one step. */
  put(...manifests: Manifest[]): Promise<void>;
  remove(...manifests: Manifest[]): Promise<void>;
  /** Makes the store unreachable, and reachable again with the same content. */
  disappear(): Promise<void>;
  comeBack(): Promise<void>;
  /** Removes everything that is in the store; the store itself stays. */
  empty(): Promise<void>;
}

export interface StoreCase {
  readonly name: string;
  run(driver: StoreDriver): Promise<void>;
}

const pool = poolManifest("green", "10.77.0.0/16", { vxlanMode: "Always" });
const alder = nodeManifest("alder", "192.0.2.11");
const birch = nodeManifest("birch", "192.0.2.12");
const block = blockManifest("10.77.3.64/26", "alder");
const everything = ["IPAMBlock/10-77-3-64-26", "IPPool/green", "Node/alder", "Node/birch"];

export const storeCases: readonly StoreCase[] = [
  {
    name: "the first batch in sync has everything there is",
    async run(driver) {
      await driver.put(pool, alder, birch, block);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      expect(store.keys).toEqual(everything);
      expect(store.last).toMatchObject({ complete: true, condition: { state: "ok" }, faults: [] });
    },
  },
  {
    name: "a resource added, changed and removed is one change each, and nothing else changes",
    async run(driver) {
      await driver.put(pool, alder);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await driver.put(birch);
      await store.until(({ resources }) => resources.has("Node/birch"));
      await driver.put(nodeManifest("birch", "192.0.2.99"));
      await store.until(({ batches }) => batches.length === 3);
      expect(String(Reflect.get(store.resources.get("Node/birch") ?? {}, "ipv4").address)).toBe(
        "192.0.2.99",
      );
      await driver.remove(birch);
      await store.until(({ resources }) => !resources.has("Node/birch"));
      expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
      expect(store.batches.slice(1).map(({ changes }) => changes.length)).toEqual([1, 1, 1]);
    },
  },
  {
    name: "revisions count up and readAt never goes back",
    async run(driver) {
      await driver.put(pool);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await driver.put(alder);
      await store.until(({ resources }) => resources.has("Node/alder"));
      const [first, second] = store.batches;
      expect(second?.revision).not.toBe(first?.revision);
      expect(second?.readAt).toBeGreaterThan(first?.readAt ?? Number.POSITIVE_INFINITY);
    },
  },
  {
    name: "what changes in one step comes in one batch",
    async run(driver) {
      await driver.put(pool);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await driver.put(alder, birch, block);
      await store.until(({ keys }) => keys.length === 4);
      expect(store.batches).toHaveLength(2);
    },
  },
  {
    name: "a resource that turns bad keeps its last good version, and stops nothing else",
    async run(driver) {
      await driver.put(pool, alder);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await driver.put(poolManifest("green", "10.77.0.0/33"), birch);
      await store.until(({ faults, keys }) => faults.length > 0 && keys.length === 3);
      expect(store.faults).toMatchObject([
        {
          what: 'IPPool "green"',
          field: "spec.cidr",
          value: '"10.77.0.0/33"',
          reason: "prefix length 33 is over 32",
          severity: "error",
          keptLastGood: true,
        },
      ]);
      expect(String(Reflect.get(store.resources.get("IPPool/green") ?? {}, "cidr"))).toBe(
        "10.77.0.0/16",
      );
      await driver.put(pool);
      await store.until(({ faults }) => faults.length === 0);
      expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch"]);
    },
  },
  {
    name: "a field that does not exist is named, and the resource is used",
    async run(driver) {
      await driver.put(nodeManifest("alder", "192.0.2.11", { vxlanMode: "Always" }));
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      expect(store.keys).toEqual(["Node/alder"]);
      expect(store.faults).toMatchObject([
        {
          field: "spec.vxlanMode",
          reason: "no such field; did you mean the IPPool's?",
          severity: "warning",
        },
      ]);
    },
  },
  {
    name: "a store that disappears removes nothing, says so, and goes on when it is back",
    async run(driver) {
      await driver.put(pool, alder, birch, block);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await driver.disappear();
      await store.until(({ state }) => state === "unreachable");
      expect(store.keys).toEqual(everything);
      await driver.comeBack();
      await store.until(({ state }) => state === "ok");
      await driver.remove(birch);
      await store.until(({ resources }) => !resources.has("Node/birch"));
      expect(store.batches.flatMap(({ changes }) => changes)).toHaveLength(5);
    },
  },
  {
    name: "a store that suddenly holds nothing removes nothing until somebody says that it is right",
    async run(driver) {
      await driver.put(pool, alder);
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await driver.empty();
      await store.until(({ state }) => state === "empty");
      expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
      expect(store.last?.inSync).toBe(true);
      store.datastore.resync({ acceptEmpty: false });
      store.datastore.resync({ acceptEmpty: true });
      await store.until(({ keys }) => keys.length === 0);
      expect(store.state).toBe("ok");
    },
  },
  {
    name: "a store that is empty from the start is not in sync until it has something",
    async run(driver) {
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last !== undefined);
      expect(store.last).toMatchObject({ inSync: false, condition: { state: "empty" } });
      await driver.put(alder);
      await store.until(({ last }) => last?.inSync === true);
      expect(store.keys).toEqual(["Node/alder"]);
    },
  },
  {
    name: "a store that is empty from the start is in sync once somebody says that it is right",
    async run(driver) {
      await using store = new StoreFollower(driver.open());
      await store.until(({ last }) => last !== undefined);
      store.datastore.resync({ acceptEmpty: true });
      await store.until(({ last }) => last?.inSync === true);
      expect(store.keys).toEqual([]);
    },
  },
  {
    name: "a restart without the store goes on from the snapshot and removes nothing",
    async run(driver) {
      const { SnapshotFile } = await import("../../src/datastore/snapshot-file.ts");
      await driver.put(pool, alder, birch, block);
      const written = new SnapshotFile(driver.runDir);
      {
        await using store = new StoreFollower(driver.open({ snapshot: written }));
        await store.until(({ last }) => last?.inSync === true);
      }
      await written.flush();
      await driver.disappear();
      const snapshot = new SnapshotFile(driver.runDir);
      await using store = new StoreFollower(driver.open({ snapshot }));
      await store.until(({ last }) => last?.inSync === true);
      expect(store.keys).toEqual(everything);
      expect(store.last).toMatchObject({ complete: false, condition: { state: "unreachable" } });
      await driver.comeBack();
      await store.until(({ state }) => state === "ok");
      expect(store.last?.complete).toBe(true);
      expect(store.keys).toEqual(everything);
      expect(store.batches.flatMap(({ changes }) => changes)).toHaveLength(4);
    },
  },
  {
    name: "watching ends when it is asked to",
    async run(driver) {
      await driver.put(pool);
      const store = new StoreFollower(driver.open());
      await store.until(({ last }) => last?.inSync === true);
      await store[Symbol.asyncDispose]();
      expect(store.isEnded).toBe(true);
    },
  },
];
