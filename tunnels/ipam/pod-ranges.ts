/**
 * The addresses of a block that pods may have, for an allocator that hands them out on its own and
 * knows nothing of what else the block is used for (the CNI plugin host-local).
 */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import { TUNNEL_KINDS } from "../desired/tunnel-role.ts";
import { addressAt } from "./address-number.ts";
import type { AllocationBlock } from "./allocation-block.ts";

export interface PodRange {
  readonly subnet: Cidr;
  /** The first and the last address. */
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** The node's end of every pod's link; no pod has it. */
  readonly gateway: IpAddress;
}

/**
 * What is left of a block, in order. Kept back are every allocated address; the first ones, one for
 * each tunnel of the family, also while there is none: tunnel addresses are taken from the start of
 * the block, and none may be a pod's by then; the last, where that is the broadcast address; and the
 * last before it for the gateway. Nothing is left of very small blocks.
 */
export function podRanges(block: AllocationBlock): PodRange[] {
  const subnet = parseCidr(block.cidr);
  const { family } = subnet;
  const { allocations } = block;
  const last = allocations.length - (family === 4 ? 2 : 1);
  const first = TUNNEL_KINDS.filter((kind) => kind.family === family).length;
  const free: number[] = [];
  for (let ordinal = first; ordinal <= last; ordinal++) {
    if (allocations[ordinal] === null) free.push(ordinal);
  }
  const gateway = free.pop();
  if (gateway === undefined || isTooSmall(subnet, family)) return [];
  return runs(free).map(([start, end]) => ({
    subnet,
    start: addressAt(subnet, start),
    end: addressAt(subnet, end),
    gateway: addressAt(subnet, gateway),
  }));
}

/** host-local refuses prefixes of fewer than four addresses. */
function isTooSmall({ length }: Cidr, family: Family): boolean {
  return length > (family === 4 ? 30 : 126);
}

/** Neighbouring numbers together, as first and last of each run. @param numbers in order */
function runs(numbers: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const run = found.at(-1);
    if (run !== undefined && run[1] === number - 1) run[1] = number;
    else found.push([number, number]);
  }
  return found;
}
