/**
 * One IP packet in memory, inner or outer: checked once, after which nothing that reads it can
 * fail.
 *
 * How a packet flows. Packets lie in one arena, reached through one DataView, with headroom before
 * each; every function takes that view and byte offsets, writes in place, and allocates nothing.
 *
 *   out   TUN -> readIpPacket -> RemoteTable.lookup -> chooseOuter (ECN, TTL, DF)
 *             -> segment, or fragment, or answerTooBig
 *             -> encapsulateVxlan / encapsulateIpip: headers grow down into the headroom -> socket
 *   in    socket -> decapsulateVxlan / decapsulateIpip: `inner` ends up behind the outer headers
 *             -> decapsulateTrafficClass (ECN) -> Coalescer -> TUN
 *
 * A refusal is a `DropReason`, which the caller counts.
 */
import type { Family } from "./address/ip-address.ts";
import { DropReason } from "./drop-reason.ts";
import {
  isSumRight,
  sumHeader,
  sumIpv4PseudoHeader,
  sumIpv6PseudoHeader,
} from "./header/checksum.ts";
import { PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import {
  IPV4_DONT_FRAGMENT,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_MORE_FRAGMENTS,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_TOTAL_LENGTH,
  IPV4_TRAFFIC_CLASS,
  IPV4_TTL,
  ipv4HeaderLength,
  setIpv4TrafficClass,
} from "./header/ipv4.ts";
import {
  IPV6_HEADER,
  IPV6_HOP_LIMIT,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  ipv6TrafficClass,
  setIpv6TrafficClass,
} from "./header/ipv6.ts";
import { UpperLayer, walkExtensionHeaders } from "./header/ipv6-extension.ts";

/** `protocol` of an IPv6 packet whose extension headers cannot be followed. */
export const PROTOCOL_UNKNOWN = -1;

/** Where the parts of a packet are, and the fields that the encapsulation depends on. */
export class IpPacket {
  family: Family = 4;
  /** Offset of the IP header. */
  at = 0;
  /** Offset behind the last byte, by the packet's own length field. */
  end = 0;
  /** Offset of the upper-layer header, behind all options and extension headers. */
  upperAt = 0;
  /** Number of the upper layer (TCP, UDP, ...), or `PROTOCOL_UNKNOWN`. */
  protocol = 0;
  /** DSCP in the upper six bits, ECN in the lower two. */
  trafficClass = 0;
  /** TTL or hop limit. */
  ttl = 0;
  /** The DF flag; always true for IPv6, whose packets only their source may fragment. */
  dontFragment = false;
  isFragment = false;
  /** A fragment that does not begin with the upper-layer header. */
  isLaterFragment = false;
  /** True with IPv4 options or IPv6 extension headers. */
  hasOptions = false;
}

export function copyIpPacket(from: IpPacket, to: IpPacket): void {
  to.family = from.family;
  to.at = from.at;
  to.end = from.end;
  to.upperAt = from.upperAt;
  to.protocol = from.protocol;
  to.trafficClass = from.trafficClass;
  to.ttl = from.ttl;
  to.dontFragment = from.dontFragment;
  to.isFragment = from.isFragment;
  to.isLaterFragment = from.isLaterFragment;
  to.hasOptions = from.hasOptions;
}

const upper = new UpperLayer();

/**
 * Reads and checks the packet at `at`, of which `length` bytes arrived. More than its own length
 * field says is ignored: Ethernet pads short frames. On a refusal `packet` is half filled.
 */
export function readIpPacket(
  view: DataView,
  at: number,
  length: number,
  packet: IpPacket,
): DropReason {
  if (length < 1) return DropReason.Truncated;
  const version = view.getUint8(at) >>> 4;
  if (version === 4) return readIpv4Packet(view, at, length, packet);
  if (version === 6) return readIpv6Packet(view, at, length, packet);
  return DropReason.NotIp;
}

/**
 * Reads a packet that an ICMP error quotes: `length` bytes of it, which may be less than all, so
 * `packet.end` is where the quote ends. The header checksum was right once, but routers have
 * lowered the TTL since.
 */
export function readQuotedPacket(
  view: DataView,
  at: number,
  length: number,
  packet: IpPacket,
): DropReason {
  if (length < 1) return DropReason.Truncated;
  const version = view.getUint8(at) >>> 4;
  if (version === 6) {
    if (length < IPV6_HEADER) return DropReason.Truncated;
    const whole = IPV6_HEADER + view.getUint16(at + IPV6_PAYLOAD_LENGTH);
    fillFromIpv6(view, at, at + Math.min(whole, length), packet);
    return DropReason.None;
  }
  if (version !== 4) return DropReason.NotIp;
  if (length < IPV4_HEADER) return DropReason.Truncated;
  const headerLength = ipv4HeaderLength(view, at);
  const totalLength = view.getUint16(at + IPV4_TOTAL_LENGTH);
  if (headerLength < IPV4_HEADER) return DropReason.BadHeaderLength;
  if (headerLength > length || headerLength > totalLength) return DropReason.Truncated;
  fillFromIpv4(view, at, headerLength, at + Math.min(totalLength, length), packet);
  return DropReason.None;
}

function readIpv4Packet(view: DataView, at: number, length: number, packet: IpPacket): DropReason {
  if (length < IPV4_HEADER) return DropReason.Truncated;
  const headerLength = ipv4HeaderLength(view, at);
  if (headerLength < IPV4_HEADER) return DropReason.BadHeaderLength;
  const totalLength = view.getUint16(at + IPV4_TOTAL_LENGTH);
  if (totalLength > length || totalLength < headerLength) return DropReason.BadTotalLength;
  if (!isSumRight(sumHeader(view, at, headerLength))) return DropReason.BadHeaderChecksum;
  fillFromIpv4(view, at, headerLength, at + totalLength, packet);
  return DropReason.None;
}

function fillFromIpv4(
  view: DataView,
  at: number,
  headerLength: number,
  end: number,
  packet: IpPacket,
): void {
  const fragment = view.getUint16(at + IPV4_FRAGMENT);
  packet.family = 4;
  packet.at = at;
  packet.end = end;
  packet.upperAt = at + headerLength;
  packet.protocol = view.getUint8(at + IPV4_PROTOCOL);
  packet.trafficClass = view.getUint8(at + IPV4_TRAFFIC_CLASS);
  packet.ttl = view.getUint8(at + IPV4_TTL);
  packet.dontFragment = (fragment & IPV4_DONT_FRAGMENT) !== 0;
  packet.isLaterFragment = (fragment & IPV4_OFFSET_MASK) !== 0;
  packet.isFragment = packet.isLaterFragment || (fragment & IPV4_MORE_FRAGMENTS) !== 0;
  packet.hasOptions = headerLength > IPV4_HEADER;
}

function readIpv6Packet(view: DataView, at: number, length: number, packet: IpPacket): DropReason {
  if (length < IPV6_HEADER) return DropReason.Truncated;
  const end = at + IPV6_HEADER + view.getUint16(at + IPV6_PAYLOAD_LENGTH);
  if (end > at + length) return DropReason.BadTotalLength;
  fillFromIpv6(view, at, end, packet);
  return DropReason.None;
}

function fillFromIpv6(view: DataView, at: number, end: number, packet: IpPacket): void {
  const next = view.getUint8(at + IPV6_NEXT_HEADER);
  packet.family = 6;
  packet.at = at;
  packet.end = end;
  packet.upperAt = at + IPV6_HEADER;
  packet.protocol = next;
  packet.trafficClass = ipv6TrafficClass(view, at);
  packet.ttl = view.getUint8(at + IPV6_HOP_LIMIT);
  packet.dontFragment = true;
  packet.isFragment = false;
  packet.isLaterFragment = false;
  packet.hasOptions = false;
  if (next !== PROTOCOL_TCP && next !== PROTOCOL_UDP && next !== PROTOCOL_ICMPV6) {
    readExtensionHeaders(view, packet);
  }
}

/** A chain that cannot be followed is no reason to refuse a packet that is only passed on. */
function readExtensionHeaders(view: DataView, packet: IpPacket): void {
  if (!walkExtensionHeaders(view, packet.at, packet.end, upper)) {
    packet.protocol = PROTOCOL_UNKNOWN;
    packet.upperAt = packet.end;
    packet.hasOptions = true;
    return;
  }
  packet.protocol = upper.protocol;
  packet.hasOptions = upper.at > packet.upperAt;
  packet.upperAt = upper.at;
  packet.isFragment = upper.fragmentAt >= 0;
  packet.isLaterFragment = upper.isLaterFragment;
}

/** Changes the DSCP and ECN byte, in memory and in `packet`. */
export function setTrafficClass(view: DataView, packet: IpPacket, trafficClass: number): void {
  packet.trafficClass = trafficClass;
  if (packet.family === 4) setIpv4TrafficClass(view, packet.at, trafficClass);
  else setIpv6TrafficClass(view, packet.at, trafficClass);
}

/** The sum of the pseudo-header that goes before an upper layer of `upperLength` bytes. */
export function sumPseudoHeader(view: DataView, packet: IpPacket, upperLength: number): number {
  return packet.family === 4
    ? sumIpv4PseudoHeader(view, packet.at, packet.protocol, upperLength)
    : sumIpv6PseudoHeader(view, packet.at, packet.protocol, upperLength);
}
