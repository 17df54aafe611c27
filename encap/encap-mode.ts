/** The encapsulations, what each costs in bytes, and the MTU that is left. */
import type { Family } from "./address/ip-address.ts";

/** How a packet reaches the node of its destination: as it is, or behind an outer header. */
export type EncapMode = "none" | "ipip" | "vxlan";

/** MTU of the parent device, in bytes, as the kernel counts it (outer IP header included). */
export type UnderlayMtu = number & { readonly __mtu: "underlay" };

/** MTU of a tunnel device: the largest inner IP packet, in bytes. */
export type TunnelMtu = number & { readonly __mtu: "tunnel" };

/** 24-bit VXLAN network identifier (RFC 7348 section 5). */
export type Vni = number & { readonly __vni: never };

/**
 * Bytes between the underlay MTU and the tunnel MTU.
 * IP-in-IP: one IPv4 header (20, RFC 2003). VXLAN: outer IP (20 or 40), UDP 8, VXLAN 8 and the
 * inner Ethernet header 14 (RFC 7348): 50 or 70.
 */
export function encapOverhead(mode: EncapMode, underlay: Family): number {
  if (mode === "none") return 0;
  const outer = underlay === 4 ? 20 : 40;
  return mode === "ipip" ? outer : outer + 8 + 8 + 14;
}

/** Largest inner packet that fits the parent without fragments. */
export function tunnelMtu(parent: UnderlayMtu, mode: EncapMode, underlay: Family): TunnelMtu {
  return (parent - encapOverhead(mode, underlay)) as TunnelMtu;
}

/** @throws RangeError outside 1 to 16777215. */
export function toVni(value: number): Vni {
  if (!Number.isInteger(value) || value < 1 || value > 0xffffff) {
    throw new RangeError(`VNI ${value} is not in 1 to 16777215`);
  }
  return value as Vni;
}
