/** What address management has to know of a pool, and which pools a node may take from. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { Labels, Selector } from "./selector.ts";

/** What an address is for; LoadBalancer addresses are none of a node's business. */
export type PoolUse = "Workload" | "Tunnel";

export interface AddressPool {
  readonly name: string;
  readonly cidr: Cidr;
  /** Prefix length of its blocks. */
  readonly blockSize: number;
  readonly encap: EncapMode;
  readonly uses: readonly PoolUse[];
  /** Disabled, or on its way out: what was taken from it stays, nothing new is. */
  readonly disabled: boolean;
  /** `assignmentMode: Manual`: nothing is taken from it unless somebody asks for this pool. */
  readonly manual: boolean;
  readonly selects: Selector;
}

/** The pools that a node with these labels may take addresses of this use from. */
export function eligiblePools(
  pools: readonly AddressPool[],
  labels: Labels,
  use: PoolUse,
): AddressPool[] {
  return pools.filter(
    ({ disabled, manual, uses, selects }) =>
      !disabled && !manual && uses.includes(use) && selects(labels),
  );
}

/** The pools whose tunnel an address of theirs can name. */
export function tunnelPools(
  pools: readonly AddressPool[],
  encap: EncapMode,
  family: Family,
): AddressPool[] {
  return pools.filter((pool) => pool.encap === encap && pool.cidr.family === family);
}

/** The most specific pool that a prefix is inside. */
export function poolOf(pools: readonly AddressPool[], cidr: Cidr): AddressPool | undefined {
  return pools
    .filter((pool) => pool.cidr.covers(cidr))
    .sort((a, b) => b.cidr.length - a.cidr.length)[0];
}
