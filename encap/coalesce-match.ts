/** Which packets can be merged at all, and which belong behind one another. */
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import {
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_IDENTIFICATION,
  IPV4_SOURCE,
  IPV4_TTL,
} from "./header/ipv4.ts";
import { IPV6_DESTINATION, IPV6_NEXT_HEADER, IPV6_SOURCE } from "./header/ipv6.ts";
import {
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PORTS,
  TCP_PSH,
  TCP_SEQUENCE,
  TCP_URGENT,
  TCP_WINDOW,
  tcpHeaderLength,
} from "./header/tcp.ts";
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH, UDP_NO_CHECKSUM } from "./header/udp.ts";
import type { IpPacket } from "./ip-packet.ts";

/**
 * Offset of the payload of a packet that can be merged with others of its kind, else 0: TCP with
 * data and no flags but ACK and PSH, or UDP with data and a checksum; no options, no fragment.
 */
export function mergeablePayloadAt(view: DataView, packet: IpPacket, mergeUdp: boolean): number {
  const { protocol, upperAt, end } = packet;
  if (packet.hasOptions || packet.isFragment) return 0;
  if (protocol === PROTOCOL_TCP) {
    if (upperAt + TCP_HEADER > end) return 0;
    const headerLength = tcpHeaderLength(view, upperAt);
    const isPlain = (view.getUint8(upperAt + TCP_FLAGS) | TCP_PSH) === (TCP_ACK | TCP_PSH);
    return isPlain && headerLength >= TCP_HEADER && upperAt + headerLength < end
      ? upperAt + headerLength
      : 0;
  }
  if (protocol !== PROTOCOL_UDP || !mergeUdp || upperAt + UDP_HEADER >= end) return 0;
  const isExact = view.getUint16(upperAt + UDP_LENGTH) === end - upperAt;
  // Merged, it would get a checksum that its sender did not want.
  const hasChecksum = view.getUint16(upperAt + UDP_CHECKSUM) !== UDP_NO_CHECKSUM;
  return isExact && hasChecksum ? upperAt + UDP_HEADER : 0;
}

/**
 * True if two mergeable packets differ in no field of the IP header that must agree, nor in ports.
 */
export function isSameFlow(view: DataView, first: IpPacket, next: IpPacket): boolean {
  const { at: a, upperAt: upperA } = first;
  const { at: b, upperAt: upperB } = next;
  // Version and traffic class, for IPv6 with the flow label.
  if (view.getUint16(a) !== view.getUint16(b)) return false;
  if (view.getUint32(upperA + TCP_PORTS) !== view.getUint32(upperB + TCP_PORTS)) return false;
  if (first.family === 4) {
    return (
      view.getUint16(a + IPV4_FRAGMENT) === view.getUint16(b + IPV4_FRAGMENT) &&
      view.getUint16(a + IPV4_TTL) === view.getUint16(b + IPV4_TTL) &&
      view.getUint32(a + IPV4_SOURCE) === view.getUint32(b + IPV4_SOURCE) &&
      view.getUint32(a + IPV4_DESTINATION) === view.getUint32(b + IPV4_DESTINATION)
    );
  }
  if (view.getUint16(a + 2) !== view.getUint16(b + 2)) return false;
  if (view.getUint16(a + IPV6_NEXT_HEADER) !== view.getUint16(b + IPV6_NEXT_HEADER)) return false;
  return areEqual(view, a + IPV6_SOURCE, b + IPV6_SOURCE, IPV6_DESTINATION + 16 - IPV6_SOURCE);
}

/**
 * True if `next` is the IPv4 packet that its sender numbered `count` after `first`, or has no
 * meaningful number: IPv6, or DF is set (RFC 6864 section 4.1).
 */
export function continuesIdentification(
  view: DataView,
  first: IpPacket,
  next: IpPacket,
  count: number,
): boolean {
  if (first.dontFragment) return true;
  const from = view.getUint16(first.at + IPV4_IDENTIFICATION);
  return view.getUint16(next.at + IPV4_IDENTIFICATION) === ((from + count) & 0xffff);
}

/** True if `next` carries on where `first` and what followed it, `payload` bytes in all, end. */
export function continuesTcp(
  view: DataView,
  first: IpPacket,
  next: IpPacket,
  payload: number,
): boolean {
  const { upperAt: a } = first;
  const { upperAt: b } = next;
  const sequence = (view.getUint32(a + TCP_SEQUENCE) + payload) >>> 0;
  // Data offset and flags: PSH may come, everything else stays.
  const sameFlags =
    (view.getUint16(a + TCP_DATA_OFFSET) | TCP_PSH) ===
    (view.getUint16(b + TCP_DATA_OFFSET) | TCP_PSH);
  return (
    sameFlags &&
    view.getUint32(b + TCP_SEQUENCE) === sequence &&
    view.getUint32(a + TCP_ACKNOWLEDGMENT) === view.getUint32(b + TCP_ACKNOWLEDGMENT) &&
    view.getUint16(a + TCP_WINDOW) === view.getUint16(b + TCP_WINDOW) &&
    view.getUint16(a + TCP_URGENT) === view.getUint16(b + TCP_URGENT) &&
    areEqual(view, a + TCP_HEADER, b + TCP_HEADER, tcpHeaderLength(view, a) - TCP_HEADER)
  );
}

/** Compares `length` bytes, a multiple of 4. */
function areEqual(view: DataView, a: number, b: number, length: number): boolean {
  for (let at = 0; at < length; at += 4) {
    if (view.getUint32(a + at) !== view.getUint32(b + at)) return false;
  }
  return true;
}
