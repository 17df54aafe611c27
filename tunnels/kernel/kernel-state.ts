/**
 * The kernel objects we deal with, as values. Devices are named, never numbered: an ifindex
 * changes when a device is made again, and only the netlink codec has to know it.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { RouteTable } from "./route-table.ts";

/** `rtm_protocol` and `nh_protocol` of everything we write: with our device names, what is ours. */
export const ROUTE_PROTOCOL = 202;

/** The parameters that `ip link add type vxlan` sets, `undefined` where the kernel has none. */
export interface VxlanParameters {
  readonly kind: "vxlan";
  readonly vni: number;
  /** UDP destination port, host order. */
  readonly port: number;
  readonly local: IpAddress | undefined;
  /** Name of the parent device. */
  readonly parent: string | undefined;
  readonly learning: boolean;
  /** Flow-based (`external`) devices take the VNI from each packet; ours never are. */
  readonly external: boolean;
  readonly group: IpAddress | undefined;
  /** 0 means: the kernel's default for the family. */
  readonly ttl: number;
  readonly tos: number;
  /** `inherit` copies the inner TTL. */
  readonly ttlInherit: boolean;
  /** Seconds; only matters with learning. */
  readonly ageing: number;
  readonly proxy: boolean;
  readonly l2miss: boolean;
  readonly l3miss: boolean;
  readonly gbp: boolean;
  readonly udpChecksum: boolean;
  readonly zeroChecksum6Tx: boolean;
  readonly zeroChecksum6Rx: boolean;
  /** Range of outer source ports, 0 to 0 for the kernel's own (flow entropy over the local range). */
  readonly portLow: number;
  readonly portHigh: number;
}

/** The parameters that `ip link add type ipip` sets. */
export interface IpipParameters {
  readonly kind: "ipip";
  readonly local: IpAddress | undefined;
  /** Undefined: one device for all remote nodes; the route's gateway is the outer destination. */
  readonly remote: IpAddress | undefined;
  readonly parent: string | undefined;
  /** What may be inside: 4 is IPv4, 137 MPLS, 0 both. */
  readonly protocol: number;
  /** 0 is `inherit`. */
  readonly ttl: number;
  readonly tos: number;
  readonly pmtuDiscovery: boolean;
  readonly external: boolean;
}

/** The parameters of a TUN device that do not change with whoever attaches to it. */
export interface TunParameters {
  readonly kind: "tun";
  /** `tap` devices carry Ethernet frames. */
  readonly mode: "tun" | "tap";
  /** Several descriptors at once; who attaches has to ask for what the device is. */
  readonly multiQueue: boolean;
}

export type TunnelParameters = VxlanParameters | IpipParameters | TunParameters;

/** The parent device of a tunnel device; undefined for one that has none. */
export function parentOf(tunnel: TunnelParameters | undefined): string | undefined {
  return tunnel === undefined || tunnel.kind === "tun" ? undefined : tunnel.parent;
}

/** The underlay address of a tunnel device; undefined for one that has none. */
export function localOf(tunnel: TunnelParameters | undefined): IpAddress | undefined {
  return tunnel === undefined || tunnel.kind === "tun" ? undefined : tunnel.local;
}

export interface Link {
  readonly name: string;
  /** Meaningful in actual state only; 0 in desired state. */
  readonly ifindex: number;
  readonly up: boolean;
  /** IFF_RUNNING: has carrier. */
  readonly running: boolean;
  readonly mtu: number;
  readonly mac: MacAddress | undefined;
  /** IFLA_INFO_KIND ("vxlan", "veth" …), undefined for plain devices. */
  readonly kind: string | undefined;
  /** Present exactly for links of kind vxlan, ipip and tun. */
  readonly tunnel: TunnelParameters | undefined;
}

export interface Address {
  readonly device: string;
  readonly ip: IpAddress;
  readonly prefixLength: number;
  /** Link-local addresses that the kernel made are not ours and are not listed as extra. */
  readonly scope: "global" | "site" | "link" | "host";
}

/** Tunnel IP -> VTEP MAC: the ARP or NDP row, permanent. */
export interface Neighbour {
  readonly device: string;
  readonly ip: IpAddress;
  readonly mac: MacAddress;
  /** NUD_PERMANENT; rows of another state are the kernel's own and are not ours. */
  readonly permanent: boolean;
}

/** VTEP MAC -> node address: the bridge-FDB row of the vxlan device (NTF_SELF), permanent. */
export interface FdbEntry {
  readonly device: string;
  readonly mac: MacAddress;
  readonly destination: IpAddress;
}

/** A nexthop object: what all routes to one node point to. */
export interface Nexthop {
  readonly id: number;
  readonly family: Family;
  readonly device: string;
  readonly gateway: IpAddress | undefined;
  readonly onlink: boolean;
  /** `nh_protocol`; 202 in desired state. */
  readonly protocol: number;
}

export type RouteType = "unicast" | "blackhole" | "unreachable" | "prohibit" | "other";

/**
 * Everything of a route but its destination. Thousands of routes share one, so paths are interned
 * (`PathTable`) and a route row is a destination and a number.
 */
export interface RoutePath {
  readonly family: Family;
  readonly type: RouteType;
  readonly protocol: number;
  /** Id of a nexthop object; then `device` and `gateway` are undefined. */
  readonly nexthopId: number | undefined;
  readonly device: string | undefined;
  readonly gateway: IpAddress | undefined;
  readonly onlink: boolean;
  /** RTAX_MTU in bytes, undefined for none. */
  readonly mtu: number | undefined;
  /** RTA_PREFSRC. */
  readonly source: IpAddress | undefined;
}

export interface Route {
  readonly destination: Cidr;
  readonly path: RoutePath;
}

/** A route of the underlay, not ours: how the kernel reaches other nodes without any tunnel. */
export interface UnderlayRoute {
  readonly destination: Cidr;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: IpAddress | undefined;
  readonly device: string;
  readonly metric: number;
}

/** A value below /proc/sys, by its dotted name ("net.ipv4.ip_forward"). */
export interface Sysctl {
  readonly name: string;
  readonly value: string;
}

/**
 * A kernel's state, desired or actual. In actual state `links` and `addresses` hold everything
 * there is, `neighbours` and `fdb` the permanent rows of our devices, `nexthops` all objects
 * (foreign ids must not be used again), and `routes` the rows of the main table with our protocol,
 * TOS 0 and the metric we use: 0 for IPv4, 1024 for IPv6 (what the kernel makes of 0 there).
 */
export interface KernelState {
  readonly links: Map<string, Link>;
  readonly addresses: Map<string, Address>;
  readonly neighbours: Map<string, Neighbour>;
  readonly fdb: Map<string, FdbEntry>;
  readonly nexthops: Map<number, Nexthop>;
  readonly routes: { readonly 4: RouteTable; readonly 6: RouteTable };
  readonly sysctls: Map<string, Sysctl>;
}

export function addressKey(address: Pick<Address, "device" | "ip" | "prefixLength">): string {
  return `${address.device} ${address.ip}/${address.prefixLength}`;
}

export function neighbourKey(neighbour: Pick<Neighbour, "device" | "ip">): string {
  return `${neighbour.device} ${neighbour.ip}`;
}

export function fdbKey(entry: Pick<FdbEntry, "device" | "mac">): string {
  return `${entry.device} ${entry.mac}`;
}
