import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { Cluster, type ClusterOptions } from "../../bench/cluster/cluster.ts";
import { blockRecord, type ResourceRecord } from "../../bench/cluster/record.ts";
import { type Layout, writeDatastore } from "../../bench/cluster/write-datastore.ts";
import { compareCidr } from "../../encap/address/cidr.ts";
import { readRecord } from "../../src/datastore/record.ts";

const OPTIONS: ClusterOptions = {
  seed: 1,
  nodes: 7,
  blocksPerNode: 3,
  families: [4, 6],
  pools: [
    { encap: "vxlan", mode: "Always" },
    { encap: "ipip", mode: "CrossSubnet" },
    { encap: "vxlan", mode: "CrossSubnet" },
  ],
  localFraction: 0.4,
  largeBlocks: 0,
};

const anyCluster = fc
  .record({
    seed: fc.nat(),
    nodes: fc.integer({ min: 1, max: 40 }),
    blocksPerNode: fc.integer({ min: 1, max: 8 }),
    localFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    largeBlocks: fc.constantFrom(0, 25),
  })
  .map((options) => new Cluster({ ...OPTIONS, ...options }));

function blocksOf(cluster: Cluster): number[] {
  return Array.from({ length: cluster.blockCount }, (_, block) => block);
}

function nodesOf(cluster: Cluster): number[] {
  return Array.from({ length: cluster.options.nodes }, (_, node) => node);
}

describe.each([4, 6] as const)("Cluster, IPv%i", (family) => {
  test("gives disjoint blocks inside its pools", () => {
    fc.assert(
      fc.property(anyCluster, (cluster) => {
        const pools = cluster.pools(family).map(({ cidr }) => cidr);
        const cidrs = blocksOf(cluster).map((block) => cluster.blockCidr(block, family));
        for (const cidr of cidrs) expect(pools.filter((pool) => pool.covers(cidr))).toHaveLength(1);
        cidrs.sort(compareCidr);
        for (const [at, cidr] of cidrs.slice(1).entries()) {
          expect(cidrs[at]?.overlaps(cidr)).toBe(false);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("gives each node an address of its own, outside the pools", () => {
    fc.assert(
      fc.property(anyCluster, (cluster) => {
        const nodes = nodesOf(cluster);
        const addresses = nodes.map((node) => cluster.underlayAddress(node, family));
        expect(new Set(addresses.map(String)).size).toBe(nodes.length);
        for (const { cidr } of cluster.pools(family)) {
          expect(addresses.some((address) => cidr.contains(address))).toBe(false);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("takes each tunnel address from the node's own first block", () => {
    const cluster = new Cluster(OPTIONS);
    for (const node of nodesOf(cluster)) {
      const owned = blocksOf(cluster).filter((block) => cluster.ownerOf(block) === node);
      const first = cluster.blockCidr(owned[0] ?? -1, family);
      expect(String(cluster.tunnelAddress(node, family))).toBe(String(first.address));
    }
  });
});

test("Cluster gives every node its number of blocks", () => {
  const cluster = new Cluster({ ...OPTIONS, largeBlocks: 25 });
  const counts = nodesOf(cluster).map(
    (node) => blocksOf(cluster).filter((block) => cluster.ownerOf(block) === node).length,
  );
  expect(counts).toEqual([3, 25, 3, 3, 3, 3, 25]);
});

test("Cluster depends on its seed, and on nothing else", () => {
  const owners = (seed: number): number[] => {
    const cluster = new Cluster({ ...OPTIONS, seed });
    return blocksOf(cluster).map((block) => cluster.ownerOf(block));
  };
  expect(owners(5)).toEqual(owners(5));
  expect(owners(5)).not.toEqual(owners(6));
});

test("Cluster refuses more blocks than its pools hold", () => {
  expect(() => new Cluster({ ...OPTIONS, nodes: 3000, blocksPerNode: 1000 })).toThrow(
    /only 196608 fit the pools/,
  );
});

describe("writeDatastore", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "causeway-generate-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function write(layout: Layout, detail: "minimal" | "full", name: string = layout): string {
    const path = join(directory, name);
    writeDatastore(new Cluster(OPTIONS), path, { layout, detail });
    return path;
  }

  function recordsIn(path: string): ResourceRecord[] {
    return readdirSync(path).flatMap((name) => {
      const text = readFileSync(join(path, name), "utf8");
      if (name.endsWith(".json")) return (JSON.parse(text) as { items: ResourceRecord[] }).items;
      return parseAllDocuments(text).map((document) => document.toJS() as ResourceRecord);
    });
  }

  const byName = (a: ResourceRecord, b: ResourceRecord): number =>
    a.metadata.name < b.metadata.name ? -1 : 1;

  test("writes the same files for the same options", () => {
    const [one, two] = [write("json", "full", "one"), write("json", "full", "two")];
    expect(readdirSync(one)).toEqual(["blocks-000.json", "nodes-000.json", "pools.json"]);
    for (const name of readdirSync(one)) {
      expect(readFileSync(join(one, name))).toEqual(readFileSync(join(two, name)));
    }
  });

  test.each(["minimal", "full"] as const)(
    "writes the same %s records in every layout",
    (detail) => {
      const json = recordsIn(write("json", detail)).sort(byName);
      expect(json).toHaveLength(5 + 7 + 2 * 21);
      expect(recordsIn(write("yaml", detail)).sort(byName)).toEqual(json);
      expect(recordsIn(write("per-node", detail)).sort(byName)).toEqual(json);
    },
  );

  test.each(["minimal", "full"] as const)("writes %s records that the agent accepts", (detail) => {
    for (const record of recordsIn(write("json", detail))) {
      const reading = readRecord(record);
      expect(reading.problems, record.metadata.name).toEqual([]);
      expect(reading.resource, record.metadata.name).toBeDefined();
    }
  });

  test("splits its lists after 1,000 records", () => {
    const path = join(directory, "large");
    const cluster = new Cluster({ ...OPTIONS, families: [4], nodes: 1001, blocksPerNode: 1 });
    const written = writeDatastore(cluster, path, { layout: "json", detail: "minimal" });
    expect(written).toMatchObject({ files: 5, resources: 3 + 1001 + 1001 });
    expect(recordsIn(path)).toHaveLength(written.resources);
  });

  test("gives a full IPv4 block 64 allocations that agree with its attributes", () => {
    const { spec } = blockRecord(new Cluster(OPTIONS), 0, 4, "full");
    const { allocations, attributes, unallocated } = spec as {
      allocations: (number | null)[];
      attributes: object[];
      unallocated: number[];
    };
    expect(allocations).toHaveLength(64);
    const used = allocations.filter((index) => index !== null);
    expect(used).toEqual(attributes.map((_, index) => index));
    expect(unallocated).toHaveLength(64 - used.length);
  });

  test("refuses a directory that is not empty", () => {
    write("json", "minimal");
    expect(() => write("json", "minimal")).toThrow(/is not empty/);
  });
});
