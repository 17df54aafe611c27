/**
 * The tunnel addresses of a node: one for each encapsulation that a pool asks for, out of the node's
 * own blocks. One that it holds is kept as long as a pool still has it, also a disabled one: what
 * traffic uses is not taken away because nothing new may be handed out.
 */

import { hostCidr, parseCidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import {
  TUNNEL_KINDS,
  type TunnelKind,
  type TunnelRole,
} from "../../tunnels/desired/tunnel-role.ts";
import type { AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import { type AddressPool, eligiblePools, poolOf, tunnelPools } from "../../tunnels/ipam/pool.ts";
import type { Labels } from "../../tunnels/ipam/selector.ts";
import { tunnelOwner } from "../../tunnels/ipam/tunnel-owner.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import { type BlockMap, heldAddresses, holdAddress, releaseAddresses } from "./own-addresses.ts";

export interface TunnelNeeds {
  readonly store: RecordStore;
  readonly node: string;
  readonly labels: Labels;
  readonly pools: readonly AddressPool[];
  /** What the record says now. */
  readonly current: { readonly [Role in TunnelRole]?: IpAddress };
  /** The node's blocks; what is claimed, held and given back is seen in it. */
  readonly blocks: BlockMap;
  /** Claims one more block; undefined, and noted as a problem, where none is to be had. */
  readonly claim: (pool: AddressPool) => Promise<AllocationBlock | undefined>;
}

export interface TunnelHolding {
  /** Undefined where one is needed and cannot be had, null where none is needed. */
  readonly address: IpAddress | null | undefined;
  /** Gives back what is no longer used; after the record says so. */
  readonly release: () => Promise<void>;
}

/** Holds what is needed and says what is left over. @throws CausewayError of the store */
export async function holdTunnelAddresses(
  needs: TunnelNeeds,
): Promise<Map<TunnelRole, TunnelHolding>> {
  const holdings = new Map<TunnelRole, TunnelHolding>();
  for (const kind of TUNNEL_KINDS) holdings.set(kind.role, await holdOne(kind, needs));
  return holdings;
}

async function holdOne(kind: TunnelKind, needs: TunnelNeeds): Promise<TunnelHolding> {
  const { store, node, labels, pools, current, blocks } = needs;
  const owner = tunnelOwner(kind.role, node);
  const held = await heldAddresses(store, owner.handle, blocks);
  const known = tunnelPools(pools, kind.encap, kind.family);
  const addresses = [...held.values()].flat().filter((ip) => isInside(ip, pools, known));
  const wanted = current[kind.role];
  let address: IpAddress | null | undefined =
    addresses.find((ip) => wanted?.equals(ip)) ?? addresses[0];
  const eligible = tunnelPools(eligiblePools(pools, labels, "Tunnel"), kind.encap, kind.family);
  if (address === undefined && known.length === 0) address = null;
  else if (address === undefined) {
    for (const cidr of await usableBlocks(eligible, needs)) {
      address = await holdAddress(store, node, cidr, owner, blocks, wanted);
      if (address !== undefined) break;
    }
  }
  const release = async (): Promise<void> => {
    for (const [cidr, ips] of held) {
      if (ips.every((ip) => address?.equals(ip))) continue;
      await releaseAddresses(store, cidr, owner.handle, blocks, address ?? undefined);
    }
  };
  return { address, release };
}

/** Blocks to take the address from: the node's own in these pools first, then one more. */
async function usableBlocks(
  eligible: readonly AddressPool[],
  { blocks, pools, claim }: TunnelNeeds,
): Promise<string[]> {
  const own = [...blocks.values()]
    .filter(({ allocations }) => allocations.includes(null))
    .map(({ cidr }) => cidr)
    .filter((cidr) => eligible.includes(poolOf(pools, parseCidr(cidr)) as AddressPool));
  if (own.length > 0) return own;
  for (const pool of eligible) {
    const block = await claim(pool);
    if (block !== undefined) return [block.cidr];
  }
  return [];
}

function isInside(
  ip: IpAddress,
  pools: readonly AddressPool[],
  known: readonly AddressPool[],
): boolean {
  const pool = poolOf(pools, hostCidr(ip));
  return pool !== undefined && known.includes(pool);
}
