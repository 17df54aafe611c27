/** How packets for a prefix reach the node that has it: over a tunnel, directly, or not at all. */
import { Cidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { IpPool } from "../model/ip-pool.ts";

/** What is decided for a prefix where it is not the number of a path. */
export const OUTCOME = {
  /** No route, and none is missing. */
  none: -1,
  noPool: -2,
  noRecord: -3,
  noNodeAddress: -4,
  lostNodeAddress: -5,
  noTunnelAddress: -6,
  lostTunnelAddress: -7,
  lostMac: -8,
  /** This node has no device of that encapsulation. */
  noDevice: -9,
  /** This node does not know the link to its own subnet. */
  noParent: -10,
  /** Never, and the node is in another subnet: the underlay's own routing has to know the prefix. */
  beyondSubnet: -11,
  noUnderlayRoute: -12,
} as const;

/** The number of a path (0 and up), or one of OUTCOME. */
export type Outcome = number;

/** How one remote node is reached in one family, by encapsulation; `none` is the direct path. */
export interface PeerPaths extends Readonly<Record<EncapMode, Outcome>> {
  readonly sameSubnet: boolean;
}

/** CrossSubnet and Never go directly inside the subnet; outside, Never has no way of its own. */
export function chooseEncap(
  pool: Pick<IpPool, "encap" | "mode">,
  peer: Pick<PeerPaths, "sameSubnet">,
): EncapMode {
  return pool.mode !== "Always" && peer.sameSubnet ? "none" : pool.encap;
}

/**
 * The subnet of a node: its record's length counts, else the one its own link has. A record that
 * says /32 or /128 has nobody else in its subnet.
 */
export function subnetOf(address: IpAddress, length: number | undefined): Cidr | undefined {
  return length === undefined ? undefined : new Cidr(address, length);
}
