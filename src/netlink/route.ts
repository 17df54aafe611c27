/**
 * Routes: `struct rtmsg` {family, dst_len, src_len, tos, table, protocol, scope, type : u8; flags
 * u32} and RTA attributes (include/uapi/linux/rtnetlink.h). Dumps are read by route-rows.ts, which
 * comes here once for each distinct path.
 */
import {
  addressBits,
  type Family,
  type IpAddress,
  readIp,
} from "../../encap/address/ip-address.ts";
import type { Route, RoutePath, RouteType } from "../../tunnels/kernel/kernel-state.ts";
import { Attributes } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import type { DeviceTable } from "./device-table.ts";
import {
  AF_INET,
  AF_INET6,
  malformed,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
} from "./message.ts";
import type { MessageWriter } from "./message-writer.ts";
import { RTNH_F_ONLINK } from "./nexthop.ts";

export const RTMSG_LENGTH = 12;
export const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
export const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_NH_ID = 30;
const RTAX_MTU = 2;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTM_F_CLONED = 0x200;
export const RTN_UNICAST = 1;
const RTNEXTHOP_LENGTH = 8;

const TYPES = { unicast: RTN_UNICAST, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
const TYPE_NAMES = new Map<number, RouteType>(
  Object.entries(TYPES).map(([name, type]) => [type, name as RouteType]),
);

/** The metric of our routes; for IPv6 what the kernel makes of none (IP6_RT_PRIO_USER). */
export const ROUTE_METRIC: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 };

/** Asks for the main table; with `ifindex` only for routes through that device. */
export function writeRouteDump(
  writer: MessageWriter,
  sequence: number,
  family: Family,
  ifindex?: number,
): void {
  writer.begin(RTM_GETROUTE, NLM_F_DUMP, sequence);
  writer.bytes4(family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
  writer.bytes4(RT_TABLE_MAIN, 0, 0, 0);
  writer.word(0);
  writer.u32(RTA_TABLE, RT_TABLE_MAIN);
  if (ifindex !== undefined) writer.u32(RTA_OIF, ifindex);
  writer.end();
}

/** `ip route add|replace DESTINATION … table main protocol …`. */
export function writeRouteSet(
  writer: MessageWriter,
  sequence: number,
  route: Route,
  ifindex: number,
  verb: "add" | "replace",
): void {
  const { path } = route;
  writer.begin(
    RTM_NEWROUTE,
    NLM_F_CREATE | (verb === "add" ? NLM_F_EXCL : NLM_F_REPLACE),
    sequence,
  );
  const isOnLink =
    path.type === "unicast" && path.gateway === undefined && path.nexthopId === undefined;
  writeHead(writer, route, isOnLink ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  writeNexthop(writer, path, ifindex);
  if (path.source !== undefined) writer.ip(RTA_PREFSRC, path.source);
  if (path.mtu !== undefined) {
    const metrics = writer.beginNested(RTA_METRICS);
    writer.u32(RTAX_MTU, path.mtu);
    writer.endNested(metrics);
  }
  writer.end();
}

/** `ip route del …` of exactly this route: same protocol, type, and nexthop or gateway and device. */
export function writeRouteDelete(
  writer: MessageWriter,
  sequence: number,
  route: Route,
  ifindex: number,
): void {
  writer.begin(RTM_DELROUTE, 0, sequence);
  writeHead(writer, route, RT_SCOPE_NOWHERE);
  writeNexthop(writer, route.path, ifindex);
  writer.end();
}

function writeHead(writer: MessageWriter, { destination, path }: Route, scope: number): void {
  const isIpv4 = destination.family === 4;
  writer.bytes4(isIpv4 ? AF_INET : AF_INET6, destination.length, 0, 0);
  writer.bytes4(RT_TABLE_MAIN, path.protocol, scope, typeNumber(path.type));
  writer.word(path.onlink && path.nexthopId === undefined ? RTNH_F_ONLINK : 0);
  if (destination.length > 0) writer.ip(RTA_DST, destination.address);
  if (!isIpv4) writer.u32(RTA_PRIORITY, ROUTE_METRIC[6]);
}

function writeNexthop(writer: MessageWriter, path: RoutePath, ifindex: number): void {
  if (path.type !== "unicast") return;
  if (path.nexthopId !== undefined) {
    writer.u32(RTA_NH_ID, path.nexthopId);
    return;
  }
  if (path.gateway?.family === path.family) writer.ip(RTA_GATEWAY, path.gateway);
  else if (path.gateway !== undefined) {
    writer.via(RTA_VIA, path.gateway.family === 4 ? AF_INET : AF_INET6, path.gateway);
  }
  if (path.device !== undefined) writer.u32(RTA_OIF, ifindex);
}

function typeNumber(type: RouteType): number {
  if (type === "other") throw new RangeError(`cannot write a route of type "other"`);
  return TYPES[type];
}

/** All of a route message but its destination. */
export interface RouteDetail {
  /** True for what the overlay can own: main table, TOS 0, our metric, not a cached clone. */
  readonly isComparable: boolean;
  readonly metric: number;
  /** Without device and gateway for routes over several nexthops; those are in `legs`. */
  readonly path: RoutePath;
  readonly legs: readonly Leg[];
}

export interface Leg {
  readonly device: string;
  readonly gateway: IpAddress | undefined;
}

/** Reads the message whose rtmsg is at `body`. @throws CausewayError if it is malformed. */
export function readRouteDetail(
  view: DataView,
  body: number,
  end: number,
  devices: DeviceTable,
): RouteDetail {
  if (body + RTMSG_LENGTH > end) throw malformed("a route message without rtmsg");
  const family = view.getUint8(body) === AF_INET6 ? 6 : 4;
  const attributes = new Attributes(view, body + RTMSG_LENGTH, end);
  const flags = view.getUint32(body + 8, HOST_ORDER);
  const type = TYPE_NAMES.get(view.getUint8(body + 7)) ?? "other";
  const metric = attributes.u32(RTA_PRIORITY) ?? 0;
  const table = attributes.u32(RTA_TABLE) ?? view.getUint8(body + 4);
  const nexthopId = attributes.u32(RTA_NH_ID);
  // A nexthop object brings its device, gateway and flags along in dumps; they are not the route's.
  // IPv6 shows blackholes on "lo".
  const isPlain = type === "unicast" && nexthopId === undefined;
  const ifindex = isPlain ? attributes.u32(RTA_OIF) : undefined;
  return {
    isComparable:
      table === RT_TABLE_MAIN &&
      view.getUint8(body + 3) === 0 &&
      metric === ROUTE_METRIC[family] &&
      (flags & RTM_F_CLONED) === 0,
    metric,
    path: {
      family,
      type,
      protocol: view.getUint8(body + 5),
      nexthopId,
      device: ifindex === undefined ? undefined : devices.nameOf(ifindex),
      gateway: isPlain ? readGateway(attributes, view, family) : undefined,
      onlink: isPlain && (flags & RTNH_F_ONLINK) !== 0,
      mtu: attributes.nested(RTA_METRICS)?.u32(RTAX_MTU),
      source: attributes.ip(RTA_PREFSRC, family),
    },
    legs: readLegs(attributes, view, family, devices),
  };
}

/** `rtm_dst_len`. @throws CausewayError for a length that the family does not have. */
export function prefixLengthAt(view: DataView, body: number, family: Family): number {
  const length = view.getUint8(body + 1);
  if (length > addressBits(family)) throw malformed(`a prefix of ${length} bits`);
  return length;
}

function readGateway(
  attributes: Attributes,
  view: DataView,
  family: Family,
): IpAddress | undefined {
  const via = attributes.raw(RTA_VIA);
  if (via === undefined) return attributes.ip(RTA_GATEWAY, family);
  const isIpv6 = view.getUint16(via.at, HOST_ORDER) === AF_INET6;
  if (via.length < (isIpv6 ? 18 : 6)) throw malformed(`RTA_VIA has ${via.length} bytes`);
  return readIp(isIpv6 ? 6 : 4, view, via.at + 2);
}

/** RTA_MULTIPATH: `struct rtnexthop` {length u16, flags u8, hops u8, ifindex s32} and attributes. */
function readLegs(
  attributes: Attributes,
  view: DataView,
  family: Family,
  devices: DeviceTable,
): Leg[] {
  const multipath = attributes.raw(RTA_MULTIPATH);
  if (multipath === undefined) {
    const ifindex = attributes.u32(RTA_OIF);
    if (ifindex === undefined) return [];
    return [{ device: devices.nameOf(ifindex), gateway: readGateway(attributes, view, family) }];
  }
  const legs: Leg[] = [];
  const end = multipath.at + multipath.length;
  for (let at = multipath.at; at + RTNEXTHOP_LENGTH <= end; ) {
    const length = view.getUint16(at, HOST_ORDER);
    if (length < RTNEXTHOP_LENGTH || at + length > end) break;
    const inner = new Attributes(view, at + RTNEXTHOP_LENGTH, at + length);
    const device = devices.nameOf(view.getInt32(at + 4, HOST_ORDER));
    legs.push({ device, gateway: readGateway(inner, view, family) });
    at += (length + 3) & ~3;
  }
  return legs;
}
