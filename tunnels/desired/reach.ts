/** How far a remote node can be reached from this one: over the underlay, and at its end of a tunnel. */
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { Nexthop } from "../kernel/kernel-state.ts";
import type { Vtep } from "../model/vtep.ts";
import { directNexthop } from "./direct.ts";
import type { LocalFamily, LocalSide } from "./local-side.ts";
import { OUTCOME, type Outcome } from "./path-choice.ts";
import { nodeAddress, type TunnelKind } from "./tunnel-role.ts";
import type { NodeEntry, VtepMap } from "./vtep-map.ts";

/** What the underlay knows of a remote node in one family. */
export interface Reach {
  readonly address: IpAddress | undefined;
  /** Why no path at all leads there. */
  readonly fault: Outcome | undefined;
  readonly sameSubnet: boolean;
}

/** Where the outer packets of a tunnel go. */
export type FarEnd =
  | { readonly encap: "vxlan"; readonly vtep: Vtep }
  | { readonly encap: "ipip"; readonly address: IpAddress };

const NOWHERE: Reach = {
  address: undefined,
  fault: OUTCOME.noNodeAddress,
  sameSubnet: false,
};

export function reachOf(
  { node }: NodeEntry,
  family: Family,
  local: LocalSide,
  vteps: VtepMap,
): Reach {
  const address = nodeAddress(node, family)?.address;
  if (address === undefined) return NOWHERE;
  const isLost = vteps.addressHolder(address) !== node.name;
  const fault = isLost ? OUTCOME.lostNodeAddress : undefined;
  // By this node's subnet alone, as Calico has it.
  const sameSubnet = local.families[family].subnet?.contains(address) ?? false;
  return { address, fault, sameSubnet };
}

/** The node's end of a tunnel, or why there is none for us. */
export function farEnd(
  entry: NodeEntry,
  { role, encap, family }: TunnelKind,
  { address, fault }: Reach,
  vteps: VtepMap,
): FarEnd | Outcome {
  if (fault !== undefined) return fault;
  const { name } = entry.node;
  const claim = entry.tunnels.find((tunnel) => tunnel.role === role);
  const isLost = claim && vteps.tunnelHolder(claim.address) !== name;
  if (isLost) return OUTCOME.lostTunnelAddress;
  if (encap === "ipip") return address ? { encap, address } : OUTCOME.noNodeAddress;
  const vtep = entry.vteps.find((one) => one.family === family);
  if (vtep === undefined) return OUTCOME.noTunnelAddress;
  return vteps.macHolder(family, vtep.mac) === name ? { encap, vtep } : OUTCOME.lostMac;
}

export function directHop(
  { address, fault, sameSubnet }: Reach,
  { parent, wantsDirect }: LocalFamily,
): Omit<Nexthop, "id"> | undefined {
  if (!wantsDirect || !sameSubnet || parent === undefined || fault !== undefined) return undefined;
  return address && directNexthop(parent, address);
}

/** Why there is no direct path. */
export function withoutDirect({ fault }: Reach, { parent }: LocalFamily): Outcome {
  return parent === undefined ? OUTCOME.noParent : (fault ?? OUTCOME.beyondSubnet);
}
