/**
 * Takes out of the datastore what a dead node has there: addresses first, blocks next, its record at
 * last, so that a removal that was stopped half way can be run again. An agent that is alive after
 * all finds its record gone and registers its node anew.
 */
import { parseCidr } from "../../encap/address/cidr.ts";
import {
  type AllocationBlock,
  allocatedAddresses,
  handleCounts,
  isOwnedBy,
  releaseNode,
} from "../../tunnels/ipam/allocation-block.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import { changeRecord } from "./change-record.ts";
import {
  affinityCidr,
  blockName,
  blockRecord,
  isHostAffinity,
  readAllocationBlock,
} from "./ipam-records.ts";
import { setCount } from "./own-addresses.ts";
import { releaseBlock } from "./own-blocks.ts";

export interface RemovedNode {
  readonly hadRecord: boolean;
  /** CIDRs, in order of names. */
  readonly blocks: readonly string[];
  /** Given back, of its own blocks and of others'. */
  readonly addresses: readonly string[];
}

/** @throws CausewayError of the store; what was removed by then stays removed */
export async function removeNode(store: RecordStore, node: string): Promise<RemovedNode> {
  const addresses: string[] = [];
  const blocks = new Set<string>();
  for (const { value } of await store.list("IPAMBlock")) {
    const block = readAllocationBlock(value);
    if (isOwnedBy(block, node)) blocks.add(block.cidr);
    if (releaseNode(block, node) !== block) {
      addresses.push(...(await releaseInBlock(store, node, block)));
    }
  }
  for (const { value } of await store.list("BlockAffinity", { node })) {
    if (isHostAffinity(value, node)) blocks.add(affinityCidr(value).toString());
  }
  for (const cidr of blocks) await releaseBlock(store, node, parseCidr(cidr));
  const record = await store.get("Node", node);
  await changeRecord(store, "Node", node, (old) => old && "delete");
  return { hadRecord: record !== undefined, blocks: [...blocks], addresses };
}

/**
 * Gives back the addresses that are the node's in this block. Handles first: as long as an address
 * stands in the block, a removal that is run again finds it, and nobody else writes these handles.
 */
async function releaseInBlock(
  store: RecordStore,
  node: string,
  block: AllocationBlock,
): Promise<string[]> {
  const { cidr } = block;
  const counts = handleCounts(releaseNode(block, node));
  for (const [handle, count] of handleCounts(block)) {
    const left = counts.get(handle) ?? 0;
    if (left !== count) await setCount(store, handle, cidr, left);
  }
  const after = await changeRecord(store, "IPAMBlock", blockName(cidr), (old) => {
    const now = old && readAllocationBlock(old);
    const next = now && releaseNode(now, node);
    return next === undefined || next === now ? undefined : blockRecord(next, old);
  });
  const left = after === undefined ? [] : allocatedAddresses(readAllocationBlock(after));
  const remaining = new Set(left.map(String));
  return allocatedAddresses(block)
    .map(String)
    .filter((address) => !remaining.has(address));
}
