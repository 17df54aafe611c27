/**
 * A block with all that is allocated in it, as Calico's address management keeps it. Every change is
 * a new value; fields that are not known here stay as they are.
 */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import { addressAt, addressCount, ordinalOf } from "./address-number.ts";

export interface AllocationAttribute {
  readonly handle_id?: string | null;
  readonly secondary?: Readonly<Record<string, string>> | null;
  readonly [field: string]: unknown;
}

export interface AllocationBlock {
  readonly cidr: string;
  /** "host:NODE" or "virtual:NAME"; null where the block belongs to nobody. */
  readonly affinity?: string | null;
  /** By ordinal: null where free, else an index of `attributes`. */
  readonly allocations: readonly (number | null)[];
  /** Free ordinals, the longest free one first. */
  readonly unallocated: readonly number[];
  readonly attributes: readonly AllocationAttribute[];
  /** Counts up with every write. */
  readonly sequenceNumber: number;
  /** By ordinal: `sequenceNumber` of the block when it was allocated. */
  readonly sequenceNumberForAllocation: Readonly<Record<string, number>>;
  readonly [field: string]: unknown;
}

/** What an address is allocated for. */
export interface AllocationOwner {
  readonly handle: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** @param sequence higher than in any earlier block of this prefix, so that old releases miss */
export function newBlock(cidr: Cidr, node: string, sequence: number): AllocationBlock {
  const size = Number(addressCount(cidr));
  return {
    cidr: cidr.toString(),
    affinity: hostAffinity(node),
    allocations: new Array<null>(size).fill(null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: [],
    sequenceNumber: sequence,
    sequenceNumberForAllocation: {},
    deleted: false,
  };
}

export function hostAffinity(node: string): string {
  return `host:${node}`;
}

export function isOwnedBy(block: AllocationBlock, node: string): boolean {
  return block.affinity === hostAffinity(node);
}

/** True if no address of it is allocated. */
export function isVacant(block: AllocationBlock): boolean {
  return block.allocations.every((index) => index === null);
}

/** The addresses that a handle has in the block, in order. */
export function addressesOf(block: AllocationBlock, handle: string): IpAddress[] {
  const cidr = parseCidr(block.cidr);
  return ordinalsOf(block, handle).map((ordinal) => addressAt(cidr, ordinal));
}

/** All allocated addresses, in order. */
export function allocatedAddresses(block: AllocationBlock): IpAddress[] {
  const cidr = parseCidr(block.cidr);
  return block.allocations.flatMap((index, at) => (index === null ? [] : [addressAt(cidr, at)]));
}

/**
 * Allocates `preferred` if it is free, else the lowest free address: the tunnel addresses of a node
 * stand together at the start of its block. Undefined where none is free.
 */
export function assignAddress(
  block: AllocationBlock,
  { handle, attributes }: AllocationOwner,
  preferred?: IpAddress,
): AllocationBlock | undefined {
  const cidr = parseCidr(block.cidr);
  const isFree = (at: number): boolean => block.allocations[at] === null;
  const wanted = preferred && cidr.contains(preferred) ? ordinalOf(cidr, preferred) : -1;
  const ordinal = isFree(wanted) ? wanted : block.allocations.indexOf(null);
  if (ordinal < 0) return undefined;
  const next = nextSequence(block.sequenceNumber);
  return {
    ...block,
    allocations: block.allocations.with(ordinal, block.attributes.length),
    unallocated: block.unallocated.filter((one) => one !== ordinal),
    attributes: [...block.attributes, { handle_id: handle, secondary: attributes }],
    sequenceNumber: next,
    // As Calico has it: the number that the block had before this write.
    sequenceNumberForAllocation: {
      ...block.sequenceNumberForAllocation,
      [String(ordinal)]: block.sequenceNumber,
    },
  };
}

/** Frees every address of a handle but `keep`; the same block where there is none. */
export function releaseHandle(
  block: AllocationBlock,
  handle: string,
  keep?: IpAddress,
): AllocationBlock {
  const cidr = parseCidr(block.cidr);
  const kept = keep && cidr.contains(keep) ? ordinalOf(cidr, keep) : -1;
  return releaseOrdinals(
    block,
    ordinalsOf(block, handle).filter((ordinal) => ordinal !== kept),
  );
}

/** Frees every address whose attributes name the node. */
export function releaseNode(block: AllocationBlock, node: string): AllocationBlock {
  const isOfNode = (index: number | null): boolean =>
    index !== null && block.attributes[index]?.secondary?.["node"] === node;
  return releaseOrdinals(
    block,
    block.allocations.flatMap((index, ordinal) => (isOfNode(index) ? [ordinal] : [])),
  );
}

/** The block without an owner; what is allocated in it stays. */
export function withoutAffinity(block: AllocationBlock): AllocationBlock {
  const { affinityClaimTime: _, ...rest } = block;
  return nextBlock({ ...(rest as AllocationBlock), affinity: null });
}

/** The block as it is to be written, after a change that is not about its addresses. */
export function nextBlock(block: AllocationBlock): AllocationBlock {
  return { ...block, sequenceNumber: nextSequence(block.sequenceNumber) };
}

/** The handles that have addresses in the block, and how many each. */
export function handleCounts(block: AllocationBlock): Map<string, number> {
  const counts = new Map<string, number>();
  for (const index of block.allocations) {
    const handle = index === null ? undefined : block.attributes[index]?.handle_id;
    if (handle) counts.set(handle, (counts.get(handle) ?? 0) + 1);
  }
  return counts;
}

function ordinalsOf(block: AllocationBlock, handle: string): number[] {
  return block.allocations.flatMap((index, ordinal) =>
    index !== null && block.attributes[index]?.handle_id === handle ? [ordinal] : [],
  );
}

function releaseOrdinals(block: AllocationBlock, ordinals: readonly number[]): AllocationBlock {
  if (ordinals.length === 0) return block;
  const freed = new Set(ordinals);
  const left = block.allocations.map((index, ordinal) => (freed.has(ordinal) ? null : index));
  const used = new Set(left);
  const kept = [...block.attributes.keys()].filter((index) => used.has(index));
  const moved = new Map(kept.map((index, at) => [index, at]));
  const sequences = Object.entries(block.sequenceNumberForAllocation);
  return {
    ...block,
    allocations: left.map((index) => (index === null ? null : (moved.get(index) ?? null))),
    unallocated: [...block.unallocated, ...ordinals],
    attributes: kept.map((index) => block.attributes[index] as AllocationAttribute),
    sequenceNumber: nextSequence(block.sequenceNumber),
    sequenceNumberForAllocation: Object.fromEntries(
      sequences.filter(([ordinal]) => !freed.has(Number(ordinal))),
    ),
  };
}

/** Calico begins with nanoseconds since 1970, where a double no longer tells n from n + 1. */
function nextSequence(sequence: number): number {
  for (let step = 1; ; step *= 2) if (sequence + step > sequence) return sequence + step;
}
