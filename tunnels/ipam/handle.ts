/** A handle: who holds addresses, and how many in which block. */

export interface AllocationHandle {
  readonly handleID: string;
  /** By the block's CIDR; never 0. */
  readonly block: Readonly<Record<string, number>>;
  readonly [field: string]: unknown;
}

export function newHandle(id: string): AllocationHandle {
  return { handleID: id, block: {}, deleted: false };
}

/** The same handle where it says so already. */
export function withCount(handle: AllocationHandle, cidr: string, count: number): AllocationHandle {
  if ((handle.block[cidr] ?? 0) === count) return handle;
  const { [cidr]: _, ...others } = handle.block;
  return { ...handle, block: count === 0 ? others : { ...others, [cidr]: count } };
}

export function isEmptyHandle(handle: AllocationHandle): boolean {
  return Object.keys(handle.block).length === 0;
}
