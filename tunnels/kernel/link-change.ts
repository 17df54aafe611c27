/**
 * How a link gets from what it is to what it shall be: by a change in place, which no packet
 * notices, or only by being made again. Tried on Linux 6.18 for vxlan (drivers/net/vxlan,
 * `vxlan_nl2conf`); for ipip after net/ipv4/ip_tunnel.c, `ip_tunnel_changelink`.
 */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type {
  IpipParameters,
  Link,
  TunnelParameters,
  TunParameters,
  VxlanParameters,
} from "./kernel-state.ts";

export type LinkChange = "none" | "in-place" | "recreate";

/** What it takes to turn `actual` into `desired`. */
export function linkChange(actual: Link, desired: Link): LinkChange {
  const fields = differingFields(actual, desired);
  if (fields.length === 0) return "none";
  return fields.every((field) => isInPlace(field, actual, desired)) ? "in-place" : "recreate";
}

/**
 * Names of the fields that differ, of the link ("kind", "mtu", "mac", "up") and of its tunnel
 * parameters ("vni" …). A desired link without a MAC takes any. `ifindex` and `running` are facts,
 * not wishes, and never differ.
 */
export function differingFields(actual: Link, desired: Link): string[] {
  const fields: string[] = [];
  if (actual.kind !== desired.kind) fields.push("kind");
  if (actual.mtu !== desired.mtu) fields.push("mtu");
  if (desired.mac !== undefined && actual.mac !== desired.mac) fields.push("mac");
  if (actual.up !== desired.up) fields.push("up");
  if (actual.kind === desired.kind && desired.tunnel !== undefined) {
    fields.push(...differingParameters(actual.tunnel, desired.tunnel));
  }
  return fields;
}

/** Every parameter there is; the types see to it that none is left out. */
const VXLAN_FIELDS: Readonly<Record<Exclude<keyof VxlanParameters, "kind">, true>> = {
  vni: true,
  port: true,
  local: true,
  parent: true,
  learning: true,
  external: true,
  group: true,
  ttl: true,
  tos: true,
  ttlInherit: true,
  ageing: true,
  proxy: true,
  l2miss: true,
  l3miss: true,
  gbp: true,
  udpChecksum: true,
  zeroChecksum6Tx: true,
  zeroChecksum6Rx: true,
  portLow: true,
  portHigh: true,
};

const IPIP_FIELDS: Readonly<Record<Exclude<keyof IpipParameters, "kind">, true>> = {
  local: true,
  remote: true,
  parent: true,
  protocol: true,
  ttl: true,
  tos: true,
  pmtuDiscovery: true,
  external: true,
};

const TUN_FIELDS: Readonly<Record<Exclude<keyof TunParameters, "kind">, true>> = {
  mode: true,
  multiQueue: true,
};

const FIELDS = { vxlan: VXLAN_FIELDS, ipip: IPIP_FIELDS, tun: TUN_FIELDS };

function differingParameters(
  actual: TunnelParameters | undefined,
  desired: TunnelParameters,
): string[] {
  const fields = Object.keys(FIELDS[desired.kind]);
  if (actual?.kind !== desired.kind) return fields;
  const have = actual as unknown as Record<string, Value>;
  const want = desired as unknown as Record<string, Value>;
  return fields.filter((field) => !isSame(have[field], want[field]));
}

type Value = string | number | boolean | IpAddress | undefined;

function isSame(have: Value, want: Value): boolean {
  return typeof have === "object" && typeof want === "object" ? have.equals(want) : have === want;
}

/** What RTM_NEWLINK changes on a vxlan device that exists, if the values allow it. */
const VXLAN_IN_PLACE: ReadonlySet<string> = new Set(["learning", "ageing", "ttl", "tos"]);
const IPIP_IN_PLACE: ReadonlySet<string> = new Set([
  "local",
  "parent",
  "ttl",
  "tos",
  "pmtuDiscovery",
]);

function isInPlace(field: string, actual: Link, desired: Link): boolean {
  if (field === "mtu" || field === "mac" || field === "up") return true;
  const have = actual.tunnel;
  const want = desired.tunnel;
  if (have?.kind === "vxlan" && want?.kind === "vxlan") return isVxlanInPlace(field, have, want);
  if (have?.kind === "ipip" && want?.kind === "ipip") return isIpipInPlace(field, have, want);
  return false;
}

function isVxlanInPlace(field: string, have: VxlanParameters, want: VxlanParameters): boolean {
  // A change message cannot take an address or a parent away, only name another one.
  if (field === "parent") return want.parent !== undefined;
  if (field === "local") {
    return want.local !== undefined && (have.local?.family ?? 4) === want.local.family;
  }
  return VXLAN_IN_PLACE.has(field);
}

function isIpipInPlace(field: string, have: IpipParameters, want: IpipParameters): boolean {
  if (have.external || want.external) return false;
  // Point-to-point devices stay so, and others do not become it.
  if (field === "remote") return (have.remote === undefined) === (want.remote === undefined);
  return IPIP_IN_PLACE.has(field);
}
