import { describe, expect, test } from "vitest";
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import { blockCandidates } from "../../../tunnels/ipam/block-candidates.ts";

const range = (cidr: string, blockSize: number) => ({ cidr: parseCidr(cidr), blockSize });
const all = (pool: ReturnType<typeof range>, taken: readonly Cidr[] = []): string[] =>
  [...blockCandidates(pool, "alder", taken)].map(String);

test("blockCandidates gives every block of a pool once, in order and round", () => {
  const blocks = all(range("10.244.0.0/24", 28));
  expect(new Set(blocks).size).toBe(16);
  const sorted = [...blocks].map((text) => Number(text.split(/[./]/)[3]) / 16);
  for (const [at, index] of sorted.entries()) {
    expect(index).toBe(((sorted[0] as number) + at) % 16);
  }
});

test("blockCandidates begins at another place for most nodes", () => {
  const pool = range("10.244.0.0/16", 26);
  const starts = Array.from({ length: 200 }, (_, at) =>
    String(blockCandidates(pool, `node-${at}`, []).next().value),
  );
  expect(new Set(starts).size).toBeGreaterThan(160);
});

describe("blockCandidates leaves out", () => {
  const pool = range("10.244.0.0/24", 26);

  test("a block that is taken", () => {
    expect(all(pool, [parseCidr("10.244.0.64/26")]).sort()).toEqual([
      "10.244.0.0/26",
      "10.244.0.128/26",
      "10.244.0.192/26",
    ]);
  });

  test("a block inside a larger one that is taken", () => {
    expect(all(pool, [parseCidr("10.244.0.128/25")]).sort()).toEqual([
      "10.244.0.0/26",
      "10.244.0.64/26",
    ]);
  });

  test("a block with a smaller one inside that is taken", () => {
    expect(all(pool, [parseCidr("10.244.0.200/29")])).not.toContain("10.244.0.192/26");
  });

  test("everything, where the pool is full", () => {
    expect(all(pool, [parseCidr("10.244.0.0/16")])).toEqual([]);
  });
});

test("blockCandidates counts in IPv6 pools of any size", () => {
  const [first, second] = blockCandidates(range("fd00:10:244::/48", 122), "alder", []);
  expect(first?.length).toBe(122);
  expect(parseCidr("fd00:10:244::/48").covers(first as Cidr)).toBe(true);
  expect(second?.equals(first as Cidr)).toBe(false);
});

test("blockCandidates of a pool that is one block", () => {
  expect(all(range("fd00::40/122", 122))).toEqual(["fd00::40/122"]);
});
