/** The tunnels a node can have, and what each is called in a Node record. */
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { Node, NodeAddress } from "../model/node.ts";

/** Also the name of the tunnel address in a Node's `tunnel`. */
export type TunnelRole = "vxlan" | "vxlan6" | "ipip";

export interface TunnelKind {
  readonly role: TunnelRole;
  /** Of the underlay and of what is carried: the two are the same. */
  readonly family: Family;
  readonly encap: Exclude<EncapMode, "none">;
  readonly label: string;
  /** Where the record names the tunnel address. */
  readonly field: string;
}

export const TUNNEL_KINDS: readonly TunnelKind[] = [
  {
    role: "vxlan",
    family: 4,
    encap: "vxlan",
    label: "VXLAN",
    field: "spec.ipv4VXLANTunnelAddr",
  },
  {
    role: "vxlan6",
    family: 6,
    encap: "vxlan",
    label: "IPv6 VXLAN",
    field: "spec.ipv6VXLANTunnelAddr",
  },
  {
    role: "ipip",
    family: 4,
    encap: "ipip",
    label: "IP-in-IP",
    field: "spec.bgp.ipv4IPIPTunnelAddr",
  },
];

/** Undefined for IP-in-IP in IPv6, which does not exist. */
export function tunnelKind(encap: EncapMode, family: Family): TunnelKind | undefined {
  return TUNNEL_KINDS.find((kind) => kind.encap === encap && kind.family === family);
}

/** The node's address in the underlay; 0.0.0.0 and :: stand for none. */
export function nodeAddress(node: Node | undefined, family: Family): NodeAddress | undefined {
  const found = family === 4 ? node?.ipv4 : node?.ipv6;
  return found === undefined || isUnspecified(found.address) ? undefined : found;
}

/** The node's address on its tunnel device; 0.0.0.0 and :: stand for none. */
export function tunnelAddress(node: Node | undefined, kind: TunnelKind): IpAddress | undefined {
  const found = node?.tunnel[kind.role];
  return found?.family !== kind.family || isUnspecified(found) ? undefined : found;
}

function isUnspecified(ip: IpAddress): boolean {
  return (ip.w0 | ip.w1 | ip.w2 | ip.w3) === 0;
}
