/**
 * Takes a packet apart into its headers, outermost first. What is behind a header that cannot be
 * read is left out, and the list ends with the reason.
 */
import { type Family, readIp } from "./address/ip-address.ts";
import { DropReason } from "./drop-reason.ts";
import { ICMP_CODE, ICMP_HEADER, ICMP_REST, ICMP_TYPE } from "./header/icmp.ts";
import {
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_IPIP,
  PROTOCOL_IPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "./header/ip-protocol.ts";
import {
  IPV4_DESTINATION,
  IPV4_IDENTIFICATION,
  IPV4_SOURCE,
  ipv4HeaderLength,
} from "./header/ipv4.ts";
import { IPV6_DESTINATION, IPV6_HEADER, IPV6_SOURCE, ipv6FlowLabel } from "./header/ipv6.ts";
import * as tcp from "./header/tcp.ts";
import { readUdpHeader, UDP_HEADER, UdpHeader } from "./header/udp.ts";
import { hasReservedBits, hasVni, readVni, VXLAN_HEADER, VXLAN_PORT } from "./header/vxlan.ts";
import { isUpperChecksumUnfinished } from "./inner-checksum.ts";
import { IpPacket, PROTOCOL_UNKNOWN, readIpPacket } from "./ip-packet.ts";
import { type LinkType, readLinkHeader } from "./link-header.ts";
import type { IpLayer, PacketLayer } from "./packet-layer.ts";
import { readUdpDatagram } from "./udp-datagram.ts";

/** Tunnels in tunnels that are followed; deeper is an attack or a loop. */
const NESTING_MAX = 8;

export interface LayersOptions {
  /** What the packet begins with; "ip" if undefined. */
  readonly link?: LinkType | undefined;
  /** UDP to one of these is taken for VXLAN; 4789 if undefined. */
  readonly vxlanPorts?: readonly number[] | undefined;
  /** Bytes that a capture has of the packet, if fewer than all: what lies behind is not looked at. */
  readonly captured?: number | undefined;
}

/** The layers of the packet of `length` bytes at `at`, all of which can be read from `view`. */
export function packetLayers(
  view: DataView,
  at: number,
  length: number,
  { link = "ip", vxlanPorts = [VXLAN_PORT], captured = length }: LayersOptions = {},
): PacketLayer[] {
  const context = { view, vxlanPorts, capturedEnd: at + captured, nesting: 0 };
  return linkLayers(context, link, at, at + length);
}

interface Context {
  readonly view: DataView;
  readonly vxlanPorts: readonly number[];
  /** Offset behind the last byte that was captured. */
  readonly capturedEnd: number;
  /** Tunnels that we are inside of. */
  nesting: number;
}

/** The layers from what a packet or an inner frame begins with, at `at`. */
function linkLayers(context: Context, link: LinkType, at: number, end: number): PacketLayer[] {
  const { view, capturedEnd } = context;
  const isCut = capturedEnd < end;
  const header = readLinkHeader(link, view, at, isCut ? capturedEnd : end);
  if (header === undefined) return isCut ? [UNCAPTURED] : refused(DropReason.Truncated);
  const layers = header.layer === undefined ? [] : [header.layer];
  if (header.inside === undefined) return [...layers, ...data(end - header.end)];
  const family = header.inside === "any" ? undefined : header.inside;
  return [...layers, ...ipLayers(context, header.end, end, family)];
}

/** The layers from an IP header at `at` on; with `family` nothing else is accepted. */
function ipLayers(context: Context, at: number, end: number, family?: Family): PacketLayer[] {
  const { view, capturedEnd } = context;
  if (capturedEnd < Math.min(end, at + ipHeaderLength(view, at, capturedEnd))) return [UNCAPTURED];
  const packet = new IpPacket();
  const reason = readIpPacket(view, at, end - at, packet);
  if (reason !== DropReason.None) return refused(reason);
  if (packet.family !== (family ?? packet.family)) return refused(DropReason.InnerNotIp);
  if (packet.upperAt > capturedEnd) packet.protocol = PROTOCOL_UNKNOWN;
  return [ipLayer(view, packet), ...upperLayers(context, packet)];
}

/** Bytes of the header at `at`, as far as what was captured tells. */
function ipHeaderLength(view: DataView, at: number, capturedEnd: number): number {
  if (at >= capturedEnd) return 1;
  return view.getUint8(at) >>> 4 === 6 ? IPV6_HEADER : Math.max(1, ipv4HeaderLength(view, at));
}

function upperLayers(context: Context, packet: IpPacket): PacketLayer[] {
  const { view, capturedEnd } = context;
  const { protocol, upperAt, end } = packet;
  if (capturedEnd < Math.min(end, upperAt + upperHeaderLength(packet))) return [UNCAPTURED];
  if (packet.isLaterFragment) return data(end - upperAt);
  switch (protocol) {
    case PROTOCOL_UDP:
      return udpLayers(context, packet);
    case PROTOCOL_TCP:
      return tcpLayers(view, packet);
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      return icmpLayers(view, packet);
    case PROTOCOL_IPIP:
      return tunnelledLayers(context, packet, 4);
    case PROTOCOL_IPV6:
      return tunnelledLayers(context, packet, 6);
    default:
      return data(end - upperAt);
  }
}

/** Bytes of an upper-layer header that are read. */
function upperHeaderLength({ protocol, isLaterFragment }: IpPacket): number {
  if (isLaterFragment) return 0;
  switch (protocol) {
    case PROTOCOL_UNKNOWN:
      return 1;
    case PROTOCOL_UDP:
      return UDP_HEADER;
    case PROTOCOL_TCP:
      return tcp.TCP_HEADER;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      return ICMP_HEADER;
    default:
      return 0;
  }
}

function tunnelledLayers(context: Context, outer: IpPacket, family: Family): PacketLayer[] {
  const { upperAt, end } = outer;
  if (outer.isFragment) return refused(DropReason.OuterFragment);
  if (context.nesting++ === NESTING_MAX) return data(end - upperAt);
  return ipLayers(context, upperAt, end, family);
}

function udpLayers(context: Context, packet: IpPacket): PacketLayer[] {
  const { view } = context;
  const { upperAt, end } = packet;
  if (end - upperAt < UDP_HEADER) return refused(DropReason.Truncated);
  const header = new UdpHeader();
  readUdpHeader(view, upperAt, header);
  const { sourcePort, destinationPort, checksum } = header;
  const length = Math.max(0, header.length - UDP_HEADER);
  const layer: PacketLayer = { kind: "udp", sourcePort, destinationPort, checksum, length };
  // What else is in UDP is its receiver's to judge.
  if (!context.vxlanPorts.includes(destinationPort)) return [layer];
  if (packet.isFragment) return [layer, ...refused(DropReason.OuterFragment)];
  const reason = readUdpDatagram(view, packet, header, true);
  // A checksum that this machine has yet to finish is no fault, and one of bytes that are not here
  // cannot be judged.
  const isUnfinished =
    reason === DropReason.BadUdpChecksum &&
    (isUpperChecksumUnfinished(view, packet) || upperAt + header.length > context.capturedEnd);
  if (reason !== DropReason.None && !isUnfinished) return [layer, ...refused(reason)];
  return [layer, ...vxlanLayers(context, upperAt + UDP_HEADER, upperAt + header.length)];
}

function vxlanLayers(context: Context, at: number, end: number): PacketLayer[] {
  const { view, capturedEnd } = context;
  if (capturedEnd < Math.min(end, at + VXLAN_HEADER)) return [UNCAPTURED];
  if (end - at < VXLAN_HEADER) return refused(DropReason.Truncated);
  if (!hasVni(view, at)) return refused(DropReason.MissingVni);
  const layer: PacketLayer = { kind: "vxlan", vni: readVni(view, at) };
  if (hasReservedBits(view, at)) return [layer, ...refused(DropReason.VxlanReservedBits)];
  if (context.nesting++ === NESTING_MAX) return [layer, ...data(end - at - VXLAN_HEADER)];
  return [layer, ...linkLayers(context, "ethernet", at + VXLAN_HEADER, end)];
}

function tcpLayers(view: DataView, { upperAt, end }: IpPacket): PacketLayer[] {
  if (end - upperAt < tcp.TCP_HEADER) return refused(DropReason.Truncated);
  return [
    {
      kind: "tcp",
      sourcePort: view.getUint16(upperAt),
      destinationPort: view.getUint16(upperAt + 2),
      sequence: view.getUint32(upperAt + tcp.TCP_SEQUENCE),
      acknowledgment: view.getUint32(upperAt + tcp.TCP_ACKNOWLEDGMENT),
      flags: view.getUint8(upperAt + tcp.TCP_FLAGS),
      window: view.getUint16(upperAt + tcp.TCP_WINDOW),
      length: Math.max(0, end - upperAt - tcp.tcpHeaderLength(view, upperAt)),
    },
  ];
}

function icmpLayers(view: DataView, { upperAt, end, protocol }: IpPacket): PacketLayer[] {
  if (end - upperAt < ICMP_HEADER) return refused(DropReason.Truncated);
  return [
    {
      kind: "icmp",
      family: protocol === PROTOCOL_ICMP ? 4 : 6,
      type: view.getUint8(upperAt + ICMP_TYPE),
      code: view.getUint8(upperAt + ICMP_CODE),
      rest: view.getUint32(upperAt + ICMP_REST),
      length: end - upperAt,
    },
  ];
}

const UNCAPTURED: PacketLayer = { kind: "uncaptured" };

function data(length: number): PacketLayer[] {
  return [{ kind: "data", length }];
}

function refused(reason: DropReason): PacketLayer[] {
  return [{ kind: "refused", reason }];
}

function ipLayer(view: DataView, packet: IpPacket): IpLayer {
  const { at, family } = packet;
  const isIpv4 = family === 4;
  return {
    kind: "ip",
    source: readIp(family, view, at + (isIpv4 ? IPV4_SOURCE : IPV6_SOURCE)),
    destination: readIp(family, view, at + (isIpv4 ? IPV4_DESTINATION : IPV6_DESTINATION)),
    trafficClass: packet.trafficClass,
    ttl: packet.ttl,
    dontFragment: packet.dontFragment,
    identification: isIpv4 ? view.getUint16(at + IPV4_IDENTIFICATION) : 0,
    flowLabel: isIpv4 ? 0 : ipv6FlowLabel(view, at),
    isFragment: packet.isFragment,
    isLaterFragment: packet.isLaterFragment,
    protocol: packet.protocol,
    length: packet.end - at,
  };
}
