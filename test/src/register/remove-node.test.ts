import { expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { CausewayError } from "../../../src/errors.ts";
import { blockRecord, readAllocationBlock } from "../../../src/register/ipam-records.ts";
import { setCount } from "../../../src/register/own-addresses.ts";
import { removeNode } from "../../../src/register/remove-node.ts";
import { answersRollCall } from "../../../src/register/roll-call.ts";
import { type AllocationBlock, assignAddress } from "../../../tunnels/ipam/allocation-block.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import type { SharedRecords } from "../../support/memory-record-store.ts";
import { pool, put, records, register, vxlanPool } from "../../support/register-lab.ts";

async function twoNodes(): Promise<SharedRecords> {
  const shared = records(
    vxlanPool("a", "10.1.0.0/24"),
    pool("b", "10.2.0.0/24", { ipipMode: "Always" }),
  );
  await register(shared.open(), "alder", "192.0.2.1/24");
  await register(shared.open(), "birch", "192.0.2.2/24");
  return shared;
}

const owners = (shared: SharedRecords): unknown[] =>
  shared.all("IPAMBlock").map(({ value }) => value.spec["affinity"] ?? null);

/** As Calico does it for a workload that found no room on its own node. */
async function borrow(shared: SharedRecords, owner: string, user: string): Promise<string> {
  const found = shared
    .all("IPAMBlock")
    .find(({ value }) => value.spec["affinity"] === `host:${owner}`);
  if (found === undefined) throw new Error(`no block of ${owner}`);
  const handle = `pod-of-${user}`;
  const block = readAllocationBlock(found.value);
  const next = assignAddress(block, { handle, attributes: { node: user } }) as AllocationBlock;
  put(shared, blockRecord(next, found.value));
  await setCount(shared.open(), handle, block.cidr, 1);
  return block.cidr;
}

test("removeNode takes everything of the node and nothing of others", async () => {
  const shared = await twoNodes();
  const before = shared.get("Node", "birch");
  const removed = await removeNode(shared.open(), "alder");
  expect(removed.hadRecord).toBe(true);
  expect(removed.blocks).toHaveLength(2);
  expect(removed.addresses).toHaveLength(2);
  expect(shared.get("Node", "alder")).toBeUndefined();
  expect(shared.get("Node", "birch")).toEqual(before);
  expect(owners(shared)).toEqual(["host:birch", "host:birch"]);
  expect(await checkIpam(shared.open())).toEqual([]);
  const { writes } = shared;
  expect(await removeNode(shared.open(), "alder")).toEqual({
    hadRecord: false,
    blocks: [],
    addresses: [],
  });
  expect(shared.writes).toBe(writes);
});

test("removeNode leaves a block that others have addresses in, as nobody's", async () => {
  const shared = await twoNodes();
  const cidr = await borrow(shared, "alder", "birch");
  await removeNode(shared.open(), "alder");
  expect(owners(shared).sort()).toEqual(["host:birch", "host:birch", null]);
  expect(await checkIpam(shared.open())).toEqual([]);
  // Nobody claims it while the address is in use.
  const cedar = await register(shared.open(), "cedar", "192.0.2.3/24");
  expect(cedar.blocks.map((block) => block.cidr)).not.toContain(cidr);
});

test("removeNode gives back what the node borrowed from others", async () => {
  const shared = await twoNodes();
  const cidr = await borrow(shared, "birch", "alder");
  const { addresses } = await removeNode(shared.open(), "alder");
  expect(addresses.filter((address) => parseCidr(cidr).contains(parseIp(address)))).toHaveLength(1);
  expect(addresses).toHaveLength(3);
  expect(shared.get("IPAMHandle", "pod-of-alder")).toBeUndefined();
  expect(await checkIpam(shared.open())).toEqual([]);
});

test("removeNode ends what it began, whatever is lost on the way", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const shared = await twoNodes();
    let state = seed;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    for (let done = false; !done; ) {
      try {
        await removeNode(shared.open({ random, lostAnswers: 0.2, failures: 0.2 }), "alder");
        done = true;
      } catch (error) {
        if (!(error instanceof CausewayError)) throw error;
      }
    }
    expect(shared.get("Node", "alder")).toBeUndefined();
    expect(owners(shared)).toEqual(["host:birch", "host:birch"]);
    expect(await checkIpam(shared.open())).toEqual([]);
  }
});

test("a node whose agent does not answer counts as dead, and so does one without a record", async () => {
  const shared = await twoNodes();
  expect(await answersRollCall(shared.open(), "alder", 300)).toBe(false);
  expect(await answersRollCall(shared.open(), "cedar", 300)).toBe(false);
});

test("a pass of registering is the answer", async () => {
  const shared = await twoNodes();
  const asking = answersRollCall(shared.open(), "alder", 10_000);
  while (
    shared.get("Node", "alder")?.value.metadata.annotations?.["causeway/roll-call"] === undefined
  ) {
    await new Promise(setImmediate);
  }
  await register(shared.open(), "alder", "192.0.2.1/24");
  expect(await asking).toBe(true);
});
