import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import {
  type AllocationBlock,
  addressesOf,
  allocatedAddresses,
  assignAddress,
  handleCounts,
  isOwnedBy,
  isVacant,
  newBlock,
  releaseHandle,
  releaseNode,
  withoutAffinity,
} from "../../../tunnels/ipam/allocation-block.ts";
import { tunnelOwner } from "../../../tunnels/ipam/tunnel-owner.ts";

const fresh = (): AllocationBlock => newBlock(parseCidr("10.244.1.64/29"), "alder", 1_000);
const owner = (handle: string, node = "alder") => ({ handle, attributes: { node } });

function assign(block: AllocationBlock, handle: string, preferred?: string): AllocationBlock {
  const next = assignAddress(block, owner(handle), preferred ? parseIp(preferred) : undefined);
  if (next === undefined) throw new Error("the block is full");
  return next;
}

test("newBlock has every address free, in order", () => {
  expect(fresh()).toEqual({
    cidr: "10.244.1.64/29",
    affinity: "host:alder",
    allocations: [null, null, null, null, null, null, null, null],
    unallocated: [0, 1, 2, 3, 4, 5, 6, 7],
    attributes: [],
    sequenceNumber: 1_000,
    sequenceNumberForAllocation: {},
    deleted: false,
  });
  expect(isOwnedBy(fresh(), "alder")).toBe(true);
  expect(isOwnedBy(fresh(), "alder2")).toBe(false);
  expect(isVacant(fresh())).toBe(true);
});

describe("assignAddress", () => {
  test("takes the lowest free address and says for whom", () => {
    const block = assignAddress(fresh(), tunnelOwner("vxlan", "alder")) as AllocationBlock;
    expect(addressesOf(block, "vxlan-tunnel-addr-alder").map(String)).toEqual(["10.244.1.64"]);
    expect(block.attributes).toEqual([
      {
        handle_id: "vxlan-tunnel-addr-alder",
        secondary: { node: "alder", type: "vxlanTunnelAddress" },
      },
    ]);
    expect(block.unallocated).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(block.sequenceNumberForAllocation).toEqual({ "0": 1_000 });
    expect(block.sequenceNumber).toBe(1_001);
    expect(isVacant(block)).toBe(false);
  });

  test("takes the preferred address where it is free and inside", () => {
    const block = assign(fresh(), "a", "10.244.1.70");
    expect(addressesOf(block, "a").map(String)).toEqual(["10.244.1.70"]);
    expect(addressesOf(assign(block, "b", "10.244.1.70"), "b").map(String)).toEqual([
      "10.244.1.64",
    ]);
    expect(addressesOf(assign(block, "b", "10.244.9.70"), "b").map(String)).toEqual([
      "10.244.1.64",
    ]);
  });

  test("says so when the block is full", () => {
    let block = fresh();
    for (let count = 0; count < 8; count++) block = assign(block, `h${count}`);
    expect(assignAddress(block, owner("one more"))).toBeUndefined();
  });

  test("counts on from nanoseconds, which a double cannot count one by one", () => {
    const block = { ...fresh(), sequenceNumber: 1_764_377_000_123_456_800 };
    expect(assign(block, "a").sequenceNumber).toBeGreaterThan(block.sequenceNumber);
  });
});

test("releaseHandle frees all of a handle, or all but one address", () => {
  const block = assign(assign(assign(fresh(), "a"), "b"), "a");
  expect(releaseHandle(block, "c")).toBe(block);
  const left = releaseHandle(block, "a");
  expect(left.allocations.slice(0, 3)).toEqual([null, 0, null]);
  expect(left.attributes).toEqual([{ handle_id: "b", secondary: { node: "alder" } }]);
  expect(left.unallocated).toEqual([3, 4, 5, 6, 7, 0, 2]);
  expect(Object.keys(left.sequenceNumberForAllocation)).toEqual(["1"]);
  const kept = releaseHandle(block, "a", parseIp("10.244.1.66"));
  expect(addressesOf(kept, "a").map(String)).toEqual(["10.244.1.66"]);
});

test("releaseNode frees what the node has in the block and nothing else", () => {
  const block = assignAddress(assign(fresh(), "a"), owner("b", "birch")) as AllocationBlock;
  expect(allocatedAddresses(releaseNode(block, "birch")).map(String)).toEqual(["10.244.1.64"]);
});

test("withoutAffinity keeps what is allocated", () => {
  const block = withoutAffinity({ ...assign(fresh(), "a"), affinityClaimTime: "2026-01-01" });
  expect(block.affinity).toBeNull();
  expect("affinityClaimTime" in block).toBe(false);
  expect(addressesOf(block, "a")).toHaveLength(1);
});

test("any sequence of changes keeps the block whole", () => {
  const step = fc.record({
    verb: fc.constantFrom("assign", "release", "releaseNode"),
    handle: fc.constantFrom("a", "b", "c"),
    node: fc.constantFrom("alder", "birch"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let block: AllocationBlock = { ...fresh(), unknownField: "kept" };
      for (const { verb, handle, node } of steps) {
        const before = block;
        if (verb === "assign") block = assignAddress(block, owner(handle, node)) ?? block;
        else if (verb === "release") block = releaseHandle(block, handle);
        else block = releaseNode(block, node);
        if (block !== before) expect(block.sequenceNumber).toBeGreaterThan(before.sequenceNumber);
        expectWhole(block);
        if (verb === "release") expect(addressesOf(block, handle)).toEqual([]);
      }
    }),
  );
});

function expectWhole(block: AllocationBlock): void {
  const allocated = block.allocations.flatMap((index, at) => (index === null ? [] : [at]));
  expect(block["unknownField"]).toBe("kept");
  expect([...block.unallocated, ...allocated].sort((a, b) => a - b)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7,
  ]);
  const used = new Set(block.allocations.filter((index) => index !== null));
  expect([...used].sort()).toEqual([...block.attributes.keys()]);
  expect(Object.keys(block.sequenceNumberForAllocation).map(Number)).toEqual(allocated);
  const counted = [...handleCounts(block).values()].reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(allocated.length);
}
