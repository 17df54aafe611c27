import { describe, expect, test } from "vitest";
import { type Entry, keyOf } from "../../../src/datastore/entry.ts";
import { FollowedRecords } from "../../../src/datastore/followed-records.ts";
import { readRemote, unreadableRemote } from "../../../src/datastore/remote-entry.ts";
import type { ResourceKind } from "../../../tunnels/model/snapshot.ts";
import {
  blockManifest,
  type Manifest,
  nodeManifest,
  poolManifest,
} from "../../conformance/manifests.ts";

const pool = poolManifest("green", "10.77.0.0/16");
const badPool = poolManifest("green", "10.77.0.0/33");
const alder = nodeManifest("alder", "192.0.2.11");
const birch = nodeManifest("birch", "192.0.2.12");
const block = blockManifest("10.77.3.64/26", "alder");

function place(manifest: Manifest): string {
  return `/${manifest.kind}/${manifest.metadata.name}`;
}

function entry(manifest: Manifest, key: string = place(manifest)): Entry {
  const { kind, metadata } = manifest;
  return readRemote({ key, kind: kind as ResourceKind, name: metadata.name, raw: manifest });
}

function done<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

class Follower {
  readonly records = new FollowedRecords();
  readonly inForce = new Set<string>();

  list(manifests: Manifest[], rules: { acceptEmpty?: boolean; hasGoneBack?: boolean } = {}) {
    const entries = manifests.map((one) => entry(one));
    done(this.records.list(entries, { acceptEmpty: false, ...rules }));
    return this.changes();
  }

  put(...manifests: Manifest[]) {
    return this.change(manifests.map((one) => ({ key: place(one), entry: entry(one) })));
  }

  remove(...manifests: Manifest[]) {
    return this.change(manifests.map((one) => ({ key: place(one), entry: undefined })));
  }

  change(changes: { key: string; entry: Entry | undefined }[]) {
    done(this.records.change(changes));
    return this.changes();
  }

  /** "+Node/alder" or "-Node/alder" for each change. */
  changes(): string[] {
    return done(this.records.takeChanges()).map(({ kind, name, resource }) => {
      const key = `${kind}/${name}`;
      if (resource === undefined) this.inForce.delete(key);
      else this.inForce.add(key);
      return `${resource === undefined ? "-" : "+"}${key}`;
    });
  }
}

describe("a list", () => {
  test("is compared with what is in force: only the difference is a change", () => {
    const follower = new Follower();
    expect(follower.list([pool, alder, block])).toEqual([
      "+IPPool/green",
      "+Node/alder",
      "+IPAMBlock/10-77-3-64-26",
    ]);
    expect(follower.list([pool, alder, block])).toEqual([]);
    expect(follower.list([pool, nodeManifest("alder", "192.0.2.99"), birch])).toEqual([
      "+Node/alder",
      "+Node/birch",
      "-IPAMBlock/10-77-3-64-26",
    ]);
    expect(follower.records).toMatchObject({ present: 3, missing: 0 });
  });

  test("of some keys says nothing about the others", () => {
    const follower = new Follower();
    follower.list([pool, alder, birch]);
    const covers = (key: string): boolean => key.startsWith("/Node/");
    done(follower.records.list([entry(alder)], { acceptEmpty: false, covers }));
    expect(follower.changes()).toEqual(["-Node/birch"]);
  });

  test("that is empty where there was something removes nothing", () => {
    const follower = new Follower();
    follower.list([pool, alder]);
    expect(follower.list([])).toEqual([]);
    expect(follower.records).toMatchObject({ present: 0, missing: 2 });
    expect(follower.list([], { acceptEmpty: true })).toEqual(["-IPPool/green", "-Node/alder"]);
    expect(follower.records).toMatchObject({ present: 0, missing: 0 });
  });

  test("of a store that comes back piece by piece keeps what is still missing", () => {
    const follower = new Follower();
    follower.list([pool, alder, birch]);
    follower.list([]);
    expect(follower.put(alder)).toEqual([]);
    expect(follower.records).toMatchObject({ present: 1, missing: 2 });
    expect(follower.list([alder, pool])).toEqual([]);
    expect(follower.records).toMatchObject({ present: 2, missing: 1 });
    expect(follower.remove(alder)).toEqual(["-Node/alder"]);
    expect(follower.put(birch)).toEqual([]);
    expect(follower.records).toMatchObject({ present: 2, missing: 0 });
    expect([...follower.inForce]).toEqual(["IPPool/green", "Node/birch"]);
  });

  test("of a store that went back in time removes nothing, and takes in what it has", () => {
    const follower = new Follower();
    follower.list([pool, alder]);
    const moved = nodeManifest("alder", "192.0.2.99");
    expect(follower.list([moved], { hasGoneBack: true })).toEqual(["+Node/alder"]);
    expect(follower.records).toMatchObject({ present: 1, missing: 1 });
    expect(follower.list([moved])).toEqual([]);
    expect(follower.list([moved], { acceptEmpty: true })).toEqual(["-IPPool/green"]);
  });

  test("after a snapshot was restored changes what differs from it", () => {
    const written = new Follower();
    written.list([pool, alder, birch]);
    const snapshot = done(written.records.inForce())?.get(undefined) ?? [];
    expect(snapshot).toHaveLength(3);
    const follower = new Follower();
    done(follower.records.restore(snapshot, ({ kind, name }) => `/${kind}/${name}`));
    expect(follower.changes()).toHaveLength(3);
    expect(follower.list([badPool, alder, block])).toEqual([
      "-Node/birch",
      "+IPAMBlock/10-77-3-64-26",
    ]);
    expect(follower.records.faults()).toMatchObject([
      { where: "/IPPool/green", keptLastGood: true },
    ]);
  });
});

describe("single changes", () => {
  test("of one step count together, the last of each key", () => {
    const follower = new Follower();
    follower.list([pool, alder]);
    const changes = [
      { key: place(birch), entry: entry(birch) },
      { key: place(alder), entry: undefined },
      { key: place(birch), entry: undefined },
      { key: place(block), entry: entry(block) },
    ];
    expect(follower.change(changes)).toEqual(["-Node/alder", "+IPAMBlock/10-77-3-64-26"]);
  });

  test("that remove all there is are withheld", () => {
    const follower = new Follower();
    follower.list([pool, alder]);
    expect(follower.remove(pool, alder)).toEqual([]);
    expect(follower.records).toMatchObject({ present: 0, missing: 2 });
    expect(follower.remove(pool)).toEqual([]);
    expect(follower.put(pool, birch)).toEqual(["+Node/birch"]);
    expect(follower.records).toMatchObject({ present: 2, missing: 1 });
  });

  test("that mean the same are no change", () => {
    const follower = new Follower();
    follower.list([alder]);
    const labelled = { ...alder, metadata: { name: "alder", labels: { zone: "b" } } };
    expect(follower.put(labelled)).toEqual([]);
    expect(follower.remove(birch)).toEqual([]);
  });
});

describe("a refused record", () => {
  test("keeps its last good version until it is mended or removed", () => {
    const follower = new Follower();
    follower.list([pool, alder]);
    expect(follower.put(badPool)).toEqual([]);
    expect(follower.put(badPool)).toEqual([]);
    expect(follower.records.faults()).toMatchObject([
      { where: "/IPPool/green", what: 'IPPool "green"', field: "spec.cidr", keptLastGood: true },
    ]);
    const key = place(pool);
    const noJson = unreadableRemote({ key, kind: "IPPool", name: "green" }, "not JSON");
    expect(follower.change([{ key, entry: noJson }])).toEqual([]);
    expect(follower.records.faults()).toMatchObject([{ reason: "not JSON", keptLastGood: true }]);
    expect(follower.remove(pool)).toEqual(["-IPPool/green"]);
    expect(follower.records.faults()).toEqual([]);
  });

  test("that never was good is a fault and nothing else", () => {
    const follower = new Follower();
    expect(follower.list([badPool])).toEqual([]);
    expect(follower.records).toMatchObject({ present: 0, missing: 0 });
    expect(follower.records.faults()).toMatchObject([{ keptLastGood: false }]);
    expect(follower.remove(badPool)).toEqual([]);
    expect(follower.records.faults()).toEqual([]);
  });

  test("is one whose key says something else", () => {
    const key = "/nodes/elm";
    const renamed = readRemote({ key, kind: "Node", name: "elm", raw: alder });
    expect(renamed).toMatchObject({ kind: "Node", name: "elm", resource: undefined });
    const follower = new Follower();
    follower.change([{ key, entry: renamed }]);
    expect(follower.records.faults()).toMatchObject([
      { where: key, field: "metadata.name", value: '"alder"', reason: "the key says elm" },
    ]);
    const wrongKind = readRemote({ key: "/p", kind: "IPPool", name: "alder", raw: alder });
    expect(wrongKind.problems).toMatchObject([{ field: "kind", reason: "the key says IPPool" }]);
  });

  test("without the word spec has none in its faults", () => {
    const raw = blockManifest("10.77.3.64/33", "alder");
    const record = { key: "/b", kind: "IPAMBlock", name: raw.metadata.name, raw } as const;
    expect(readRemote({ ...record, isBare: true }).problems).toMatchObject([{ field: "cidr" }]);
    expect(readRemote(record).problems).toMatchObject([{ field: "spec.cidr" }]);
  });
});

test("of two keys with one resource the first by key is in force, and both are named", () => {
  const follower = new Follower();
  const twin = nodeManifest("alder", "192.0.2.99");
  const second = entry(twin, "/Node/twin-of-alder");
  expect(keyOf(second)).toBe("Node/alder");
  expect(follower.change([{ key: second.file, entry: second }])).toEqual(["+Node/alder"]);
  expect(follower.put(alder)).toEqual(["+Node/alder"]);
  expect(follower.records.faults()).toMatchObject([
    {
      where: "/Node/twin-of-alder",
      what: 'Node "alder"',
      reason: "also in /Node/alder, which is in force; remove one of them",
    },
  ]);
  expect(follower.remove(alder)).toEqual(["+Node/alder"]);
  expect(follower.records.faults()).toEqual([]);
});
