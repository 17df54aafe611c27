/** What every store of records has to do, whatever it is made of. */
import { expect } from "vitest";
import type { RecordKind, RecordStore, RecordValue } from "../../src/datastore/record-store.ts";
import { CausewayError, type ErrorCode } from "../../src/errors.ts";

export interface RecordStoreDriver extends AsyncDisposable {
  /** An empty store's records. */
  readonly store: RecordStore;
  /** A second client of the same store. */
  open(): RecordStore;
  /** Makes the store unreachable, and reachable again with the same content. */
  disappear(): Promise<void>;
  comeBack(): Promise<void>;
}

export interface RecordStoreCase {
  readonly name: string;
  run(driver: RecordStoreDriver): Promise<void>;
}

const apiVersion = "projectcalico.org/v3";

function record(kind: RecordKind, name: string, spec: Record<string, unknown>): RecordValue {
  return { apiVersion, kind, metadata: { name }, spec };
}

/** One of each kind, with fields that are of no use to us and have to be kept. */
export const samples: readonly RecordValue[] = [
  record("IPPool", "green", { cidr: "10.77.0.0/16", vxlanMode: "Always", blockSize: 26 }),
  record("Node", "alder", {
    bgp: { ipv4Address: "192.0.2.11/24", asNumber: "64512" },
    orchRefs: [{ nodeName: "alder", orchestrator: "k8s" }],
  }),
  record("FelixConfiguration", "default", { vxlanPort: 4799, logSeverityScreen: "Info" }),
  record("IPAMBlock", "10-77-3-64-26", {
    cidr: "10.77.3.64/26",
    affinity: "host:alder",
    allocations: [0, null, 1],
    unallocated: [1],
    attributes: [
      { handle_id: "vxlan-tunnel-addr-alder", secondary: { node: "alder" } },
      { handle_id: "k8s-pod-network.bb02", secondary: { node: "birch", pod: "cart-1" } },
    ],
    sequenceNumber: 417,
    sequenceNumberForAllocation: { "0": 401, "2": 416 },
    deleted: false,
  }),
  record("IPAMBlock", "fd77--40-122", {
    cidr: "fd77::40/122",
    affinity: "host:alder",
    allocations: [],
    unallocated: [],
    attributes: [],
    deleted: false,
  }),
  record("BlockAffinity", "alder-10-77-3-64-26", {
    state: "confirmed",
    node: "alder",
    type: "host",
    cidr: "10.77.3.64/26",
    deleted: false,
  }),
  record("BlockAffinity", "node-ba-d-fd77--40-122", {
    state: "pending",
    node: "node-ba-d",
    type: "host",
    cidr: "fd77::40/122",
    deleted: false,
  }),
  record("IPAMHandle", "vxlan-tunnel-addr-alder", {
    handleID: "vxlan-tunnel-addr-alder",
    block: { "10.77.3.64/26": 1 },
    deleted: false,
  }),
  record("IPAMConfig", "default", {
    strictAffinity: false,
    autoAllocateBlocks: true,
    maxBlocksPerHost: 0,
  }),
];

const [pool] = samples as [RecordValue];
/** A kind of which every store keeps whatever it is given. */
const settings = record("FelixConfiguration", "default", { vxlanPort: 4799 });

async function refuses(call: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CausewayError);
  expect(error).toMatchObject({ code });
}

function named(value: RecordValue, name: string): RecordValue {
  return { ...value, metadata: { name } };
}

export const recordStoreCases: readonly RecordStoreCase[] = [
  ...samples.map((sample): RecordStoreCase => {
    const { kind, metadata } = sample;
    return {
      name: `${kind} ${metadata.name} is created, read, listed, changed and deleted`,
      async run({ store }) {
        expect(await store.get(kind, metadata.name)).toBeUndefined();
        const created = await store.create(sample);
        expect(created.value).toMatchObject(sample);
        const read = await store.get(kind, metadata.name);
        expect(read?.value).toMatchObject(sample);
        expect(read?.revision).toBe(created.revision);
        expect((await store.list(kind)).map(({ value }) => value)).toEqual([read?.value]);
        const spec = { ...read?.value.spec, deleted: true, extra: { kept: [1] } };
        const updated = await store.update({ ...sample, ...read?.value, spec }, created.revision);
        expect(updated.revision).not.toBe(created.revision);
        const again = await store.get(kind, metadata.name);
        expect(again?.value.spec).toEqual(spec);
        expect(again?.revision).toBe(updated.revision);
        await store.delete(kind, metadata.name, updated.revision);
        expect(await store.get(kind, metadata.name)).toBeUndefined();
        expect(await store.list(kind)).toEqual([]);
      },
    };
  }),
  {
    name: "a record is created once",
    async run({ store }) {
      await store.create(pool);
      await refuses(store.create(pool), "conflict");
      expect(await store.list("IPPool")).toHaveLength(1);
    },
  },
  {
    name: "an update takes effect only while the revision is still the one that was read",
    async run({ store, open }) {
      const other = open();
      const mine = await store.create(settings);
      const theirs = await other.update({ ...settings, spec: { theirs: true } }, mine.revision);
      await refuses(store.update({ ...settings, spec: { mine: true } }, mine.revision), "conflict");
      expect((await store.get("FelixConfiguration", "default"))?.value.spec).toEqual({
        theirs: true,
      });
      await refuses(store.delete("FelixConfiguration", "default", mine.revision), "conflict");
      await other.delete("FelixConfiguration", "default", theirs.revision);
      await refuses(store.update(settings, theirs.revision), "conflict");
      expect(await store.get("FelixConfiguration", "default")).toBeUndefined();
      await other.close();
    },
  },
  {
    name: "a record that is gone already can be deleted",
    async run({ store }) {
      const { revision } = await store.create(settings);
      await store.delete("FelixConfiguration", "default", revision);
      await store.delete("FelixConfiguration", "default", revision);
    },
  },
  {
    name: "of many writers that change one record at once each has its turn",
    async run({ store }) {
      await store.create({ ...settings, spec: { count: 0 } });
      const add = async (): Promise<void> => {
        for (;;) {
          const read = await store.get("FelixConfiguration", "default");
          if (read === undefined) throw new Error("it is gone");
          const count = Number(read.value.spec["count"]) + 1;
          try {
            await store.update({ ...read.value, spec: { count } }, read.revision);
            return;
          } catch (error) {
            if ((error as CausewayError).code !== "conflict") throw error;
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, add));
      expect((await store.get("FelixConfiguration", "default"))?.value.spec).toEqual({ count: 8 });
    },
  },
  {
    name: "labels and annotations of a resource are kept",
    async run({ store }) {
      const labels = { zone: "b", "kubernetes.io/hostname": "alder" };
      const annotations = { "example.org/note": "a b" };
      const value = { ...settings, metadata: { name: "default", labels, annotations } };
      await store.create(value);
      expect((await store.get("FelixConfiguration", "default"))?.value.metadata).toMatchObject(
        value.metadata,
      );
    },
  },
  {
    name: "a list has all records of its kind in order of names",
    async run({ store }) {
      const names = Array.from({ length: 30 }, (_, at) => `node.n${at}`);
      await Promise.all(names.map((name) => store.create(named(settings, name))));
      await store.create(pool);
      const listed = await store.list("FelixConfiguration");
      expect(listed.map(({ value }) => value.metadata.name)).toEqual(names.sort());
      for (const { value, revision } of listed.slice(0, 3)) {
        await store.update(value, revision);
      }
    },
  },
  {
    name: "the affinities of one node are listed alone",
    async run({ store }) {
      const affinity = (owner: string, third: number): RecordValue =>
        record("BlockAffinity", `${owner}-10-77-${third}-0-26`, {
          state: "confirmed",
          node: owner,
          type: "host",
          cidr: `10.77.${third}.0/26`,
          deleted: false,
        });
      for (const one of [affinity("alder", 1), affinity("alder", 2), affinity("alder-2", 3)]) {
        await store.create(one);
      }
      const own = await store.list("BlockAffinity", { node: "alder" });
      expect(own.map(({ value }) => value.spec["cidr"])).toEqual(["10.77.1.0/26", "10.77.2.0/26"]);
      expect(await store.list("BlockAffinity")).toHaveLength(3);
    },
  },
  {
    name: "a store that cannot be reached is an error, and the same store works when it is back",
    async run({ store, disappear, comeBack }) {
      const { revision } = await store.create(settings);
      await disappear();
      await refuses(store.get("FelixConfiguration", "default"), "datastore");
      await refuses(store.list("FelixConfiguration"), "datastore");
      await refuses(store.update(settings, revision), "datastore");
      await comeBack();
      expect(await store.get("FelixConfiguration", "default")).toMatchObject({ revision });
    },
  },
];
