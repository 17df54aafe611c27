/**
 * What is ours, known by name and number and never by guess, so that a restarted agent finds its
 * own state again and touches nobody else's.
 *
 * - a device: by its name
 * - an address, a permanent neighbour, an FDB entry: by the device it is on
 * - a nexthop object, a route: by protocol 202
 */
import type { Address, Nexthop } from "./kernel-state.ts";
import { ROUTE_PROTOCOL } from "./kernel-state.ts";

export const VXLAN_DEVICE = "vxlan.causeway";
export const VXLAN6_DEVICE = "vxlan6.causeway";
export const IPIP_DEVICE = "ipip.causeway";
export const TUN_DEVICE = "tun.causeway";

/** All names that are ours; nobody else may use them. */
export const OUR_DEVICES: readonly string[] = [
  VXLAN_DEVICE,
  VXLAN6_DEVICE,
  IPIP_DEVICE,
  TUN_DEVICE,
];

export function isOurDevice(name: string): boolean {
  return OUR_DEVICES.includes(name);
}

/** IPv6 link-local addresses are the kernel's own, even on our devices. */
export function isOurAddress(address: Address): boolean {
  return isOurDevice(address.device) && !(address.ip.family === 6 && address.scope === "link");
}

/** The numbers of our nexthop objects are this and 24 bits. */
export const NEXTHOP_ID_BASE = 0xca000000;

/** Nobody else uses these numbers, so what stands under one that we want may be replaced. */
export function isOurNexthopId(id: number): boolean {
  return id >>> 24 === NEXTHOP_ID_BASE >>> 24;
}

export function isOurNexthop(nexthop: Nexthop): boolean {
  return nexthop.protocol === ROUTE_PROTOCOL;
}

/** The sysctls that we set where they are needed; read before anybody knows whether they are. */
export const FORWARDING_SYSCTLS: readonly string[] = [
  "net.ipv4.ip_forward",
  "net.ipv6.conf.all.forwarding",
];
