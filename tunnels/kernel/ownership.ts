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

type DeviceRole = "vxlan" | "vxlan6" | "ipip";

const NAMES: Readonly<Record<DeviceRole, string>> = {
  vxlan: VXLAN_DEVICE,
  vxlan6: VXLAN6_DEVICE,
  ipip: IPIP_DEVICE,
};
const ALL_NAMES: readonly string[] = [...Object.values(NAMES), TUN_DEVICE];

/** What the devices of a node are called, and so which are ours. One for as long as an agent runs. */
export interface DeviceNames {
  nameOf(role: DeviceRole, vni: number): string;
  /** True for every name that nobody else may use. */
  isOurs(name: string): boolean;
}

export const CAUSEWAY_DEVICES: DeviceNames = {
  nameOf: (role) => NAMES[role],
  isOurs: (name) => ALL_NAMES.includes(name),
};

/**
 * In a flannel network this agent is what flannel would be on this node: the devices that flannel
 * makes for VXLAN are ours, of whatever VNI, so that one of a former VNI is removed.
 */
export const FLANNEL_DEVICES: DeviceNames = {
  nameOf: (role, vni) =>
    role === "ipip" ? IPIP_DEVICE : `${role === "vxlan" ? "flannel" : "flannel-v6"}.${vni}`,
  isOurs: (name) => CAUSEWAY_DEVICES.isOurs(name) || /^flannel(?:-v6)?\.\d+$/.test(name),
};

/** IPv6 link-local addresses are the kernel's own, even on our devices. */
export function isOurAddress(address: Address, devices: DeviceNames): boolean {
  return devices.isOurs(address.device) && !(address.ip.family === 6 && address.scope === "link");
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
