/**
 * A node's blocks: claimed and given back in the steps that Calico's address management takes, so
 * that both can work on one datastore. A claim is an affinity that says "pending", then the block,
 * then the affinity says "confirmed"; whoever is stopped in between finds the rest to do.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import {
  type AllocationBlock,
  hostAffinity,
  isOwnedBy,
  isVacant,
  newBlock,
  withoutAffinity,
} from "../../tunnels/ipam/allocation-block.ts";
import { blockCandidates } from "../../tunnels/ipam/block-candidates.ts";
import type { AddressPool } from "../../tunnels/ipam/pool.ts";
import type { RecordStore, RecordValue } from "../datastore/record-store.ts";
import { changeRecord } from "./change-record.ts";
import {
  affinityCidr,
  affinityName,
  affinityRecord,
  affinityState,
  blockName,
  blockRecord,
  isDeleted,
  isHostAffinity,
  readAllocationBlock,
} from "./ipam-records.ts";

/** So many candidates are tried before all blocks are listed: seldom is more than one taken. */
const BLIND_TRIES = 4;

/** The node's blocks, with what an interrupted claim or release left brought to an end. */
export async function ownBlocks(store: RecordStore, node: string): Promise<AllocationBlock[]> {
  const affinities = await store.list("BlockAffinity", { node });
  const settled = affinities
    .filter(({ value }) => isHostAffinity(value, node))
    .map(({ value }) => settle(store, node, value));
  return (await Promise.all(settled)).filter((block) => block !== undefined);
}

async function settle(
  store: RecordStore,
  node: string,
  affinity: RecordValue,
): Promise<AllocationBlock | undefined> {
  const cidr = affinityCidr(affinity);
  if (affinityState(affinity) === "confirmed") {
    const record = await store.get("IPAMBlock", blockName(cidr));
    const block = record && readAllocationBlock(record.value);
    if (block !== undefined && isOwnedBy(block, node)) return block;
  }
  return claimBlock(store, node, cidr);
}

/**
 * Claims a block of the pool that is nobody's yet. Undefined where there is none.
 * @throws CausewayError of the store
 */
export async function claimInPool(
  store: RecordStore,
  node: string,
  pool: AddressPool,
): Promise<AllocationBlock | undefined> {
  const candidates = blockCandidates(pool, node, []);
  for (let tries = 0; tries < BLIND_TRIES; tries++) {
    const next = candidates.next();
    if (next.done) return undefined;
    const block = await claimIfFree(store, node, next.value);
    if (block !== undefined) return block;
  }
  const taken: Cidr[] = [];
  for (const { value } of await store.list("IPAMBlock")) {
    const cidr = affinityCidr(value);
    // The affinity was lost, or is not written yet.
    const isOurs = value.spec["affinity"] === hostAffinity(node) && pool.cidr.covers(cidr);
    const block = isOurs ? await claimBlock(store, node, cidr) : undefined;
    if (block !== undefined) return block;
    taken.push(cidr);
  }
  for (const cidr of blockCandidates(pool, node, taken)) {
    const block = await claimIfFree(store, node, cidr);
    if (block !== undefined) return block;
  }
  return undefined;
}

/** Looks first: a claim that fails costs four calls. */
async function claimIfFree(
  store: RecordStore,
  node: string,
  cidr: Cidr,
): Promise<AllocationBlock | undefined> {
  const found = await store.get("IPAMBlock", blockName(cidr));
  if (found !== undefined && found.value.spec["affinity"] !== hostAffinity(node)) return undefined;
  return claimBlock(store, node, cidr);
}

/** The block, if it is the node's in the end; undefined if somebody else has it. */
export async function claimBlock(
  store: RecordStore,
  node: string,
  cidr: Cidr,
): Promise<AllocationBlock | undefined> {
  const name = affinityName(node, cidr);
  const stateOf = (old: RecordValue | undefined) => old && affinityState(old);
  const pending = { node, cidr: cidr.toString(), state: "pending" } as const;
  await changeRecord(store, "BlockAffinity", name, (old) =>
    stateOf(old) === "confirmed" ? undefined : affinityRecord(pending, old),
  );
  const claimed = await changeRecord(store, "IPAMBlock", blockName(cidr), (old) =>
    old === undefined ? blockRecord(firstBlock(cidr, node)) : undefined,
  );
  const block = claimed && !isDeleted(claimed) ? readAllocationBlock(claimed) : undefined;
  if (block === undefined || !isOwnedBy(block, node)) {
    await changeRecord(store, "BlockAffinity", name, (old) => old && "delete");
    return undefined;
  }
  await changeRecord(store, "BlockAffinity", name, (old) =>
    stateOf(old) === "confirmed"
      ? undefined
      : affinityRecord({ ...pending, state: "confirmed" }, old),
  );
  return block;
}

/**
 * Gives a block up: it is deleted where nothing is allocated in it, else it is nobody's from then on.
 * @throws CausewayError of the store
 */
export async function releaseBlock(store: RecordStore, node: string, cidr: Cidr): Promise<void> {
  const name = affinityName(node, cidr);
  const deletion = { node, cidr: cidr.toString(), state: "pendingDeletion" } as const;
  await changeRecord(store, "BlockAffinity", name, (old) =>
    old === undefined || affinityState(old) === "pendingDeletion"
      ? undefined
      : affinityRecord(deletion, old),
  );
  await changeRecord(store, "IPAMBlock", blockName(cidr), (old) => {
    const block = old && readAllocationBlock(old);
    if (block === undefined || !isOwnedBy(block, node)) return undefined;
    return isVacant(block) ? "delete" : blockRecord(withoutAffinity(block), old);
  });
  await changeRecord(store, "BlockAffinity", name, (old) => old && "delete");
}

/** Microseconds since 1970, as far as they can be told: higher than in an earlier block. */
function firstBlock(cidr: Cidr, node: string): AllocationBlock {
  const now = Date.now();
  const block = newBlock(cidr, node, now * 1_000);
  return { ...block, affinityClaimTime: new Date(now).toISOString() };
}
