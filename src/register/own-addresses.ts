/**
 * Single addresses of a node's blocks, held under a handle. The handle is written before the block,
 * as Calico does it: a handle that counts too many is found and put right by `settleHandle`, an
 * address that no handle knows of would never be.
 */
import { parseCidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import {
  type AllocationBlock,
  type AllocationOwner,
  addressesOf,
  assignAddress,
  isOwnedBy,
  releaseHandle,
} from "../../tunnels/ipam/allocation-block.ts";
import { type AllocationHandle, isEmptyHandle, withCount } from "../../tunnels/ipam/handle.ts";
import type { RecordStore, RecordValue } from "../datastore/record-store.ts";
import { changeRecord } from "./change-record.ts";
import {
  blockName,
  blockRecord,
  handleRecord,
  readAllocationBlock,
  readHandle,
} from "./ipam-records.ts";

/** A node's blocks by CIDR, as they were read or written last. */
export type BlockMap = Map<string, AllocationBlock>;

/**
 * What the handle holds, block by block, in the node's own blocks and in those that it names itself.
 * Its counts are put right on the way.
 */
export async function heldAddresses(
  store: RecordStore,
  handle: string,
  own: BlockMap,
): Promise<Map<string, IpAddress[]>> {
  const record = await store.get("IPAMHandle", handle);
  const known = readHandle(handle, record?.value);
  const named = Object.keys(known.block);
  const held = new Map<string, IpAddress[]>();
  for (const cidr of new Set([...own.keys(), ...named])) {
    const block = own.get(cidr) ?? (await readBlock(store, cidr));
    held.set(cidr, block === undefined ? [] : addressesOf(block, handle));
  }
  if (withCounts(known, held) !== known) await settleHandle(store, handle, held);
  return held;
}

/**
 * An address of the node's block under this handle: the one that it has there already, the preferred
 * one, or another. Undefined if the block is full, or not the node's any more.
 */
export async function holdAddress(
  store: RecordStore,
  node: string,
  cidr: string,
  owner: AllocationOwner,
  own: BlockMap,
  preferred?: IpAddress,
): Promise<IpAddress | undefined> {
  const { handle } = owner;
  const before = own.get(cidr);
  await setCount(store, handle, cidr, Math.max(1, before ? addressesOf(before, handle).length : 0));
  const block = await changeBlock(store, cidr, own, (old) =>
    isOwnedBy(old, node) && addressesOf(old, handle).length === 0
      ? (assignAddress(old, owner, preferred) ?? old)
      : old,
  );
  const held = block === undefined || !isOwnedBy(block, node) ? [] : addressesOf(block, handle);
  await setCount(store, handle, cidr, held.length);
  return held[0];
}

/** Gives back every address that the handle has in the block, but `keep`. */
export async function releaseAddresses(
  store: RecordStore,
  cidr: string,
  handle: string,
  own: BlockMap,
  keep?: IpAddress,
): Promise<void> {
  const block = await changeBlock(store, cidr, own, (old) => releaseHandle(old, handle, keep));
  await setCount(store, handle, cidr, block === undefined ? 0 : addressesOf(block, handle).length);
}

/** @param change gives the same block back where there is nothing to change */
async function changeBlock(
  store: RecordStore,
  cidr: string,
  own: BlockMap,
  change: (block: AllocationBlock) => AllocationBlock,
): Promise<AllocationBlock | undefined> {
  const record = await changeRecord(store, "IPAMBlock", blockName(cidr), (old) => {
    if (old === undefined) return undefined;
    const block = readAllocationBlock(old);
    const next = change(block);
    return next === block ? undefined : blockRecord(next, old);
  });
  const block = record && readAllocationBlock(record);
  if (block !== undefined && own.has(cidr)) own.set(cidr, block);
  return block;
}

/** Writes what the handle really holds; a handle that holds nothing is removed. */
async function settleHandle(
  store: RecordStore,
  id: string,
  held: ReadonlyMap<string, readonly IpAddress[]>,
): Promise<void> {
  await changeHandle(store, id, (handle) => withCounts(handle, held));
}

function withCounts(
  handle: AllocationHandle,
  held: ReadonlyMap<string, readonly IpAddress[]>,
): AllocationHandle {
  let next = handle;
  for (const [cidr, { length }] of held) next = withCount(next, cidr, length);
  return next;
}

/** Sets how many addresses of a block the handle holds. */
export async function setCount(
  store: RecordStore,
  id: string,
  cidr: string,
  count: number,
): Promise<void> {
  await changeHandle(store, id, (handle) => withCount(handle, cidr, count));
}

async function changeHandle(
  store: RecordStore,
  id: string,
  change: (handle: AllocationHandle) => AllocationHandle,
): Promise<void> {
  await changeRecord(store, "IPAMHandle", id, (old: RecordValue | undefined) => {
    const handle = readHandle(id, old);
    const next = change(handle);
    if (isEmptyHandle(next)) return old && "delete";
    return next === handle ? undefined : handleRecord(next, old);
  });
}

async function readBlock(store: RecordStore, cidr: string): Promise<AllocationBlock | undefined> {
  const record = await store.get("IPAMBlock", blockName(parseCidr(cidr)));
  return record && readAllocationBlock(record.value);
}
