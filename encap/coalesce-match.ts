/** Which packets can be merged at all, and which belong behind one another. */
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import {
  IPV4_CHECKSUM,
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_IDENTIFICATION,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
} from "./header/ipv4.ts";
import {
  IPV6_DESTINATION,
  IPV6_HEADER,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
} from "./header/ipv6.ts";
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
 * True if the packet at `at` need not be read to know that it goes behind the mergeable TCP packet
 * `first`, and the `count` packets with `payload` bytes in all that are there: it has the same
 * headers, from `before` bytes before its IP header on, but for what changes with each packet, and
 * that is right. `length` is more than its headers take, and `before` + 2 a multiple of 4.
 *
 * There is one such packet for each MTU of a stream. So the words are compared without a branch for
 * each, and little-endian, because most processors then swap nothing.
 */
export function repeatsTcp(
  view: DataView,
  first: IpPacket,
  count: number,
  payload: number,
  at: number,
  length: number,
  before: number,
): boolean {
  const { at: a, upperAt } = first;
  const distance = at - a;
  const payloadAt = upperAt + tcpHeaderLength(view, upperAt);
  const sequence = (view.getUint32(upperAt + TCP_SEQUENCE) + payload) >>> 0;
  if (view.getUint32(upperAt + distance + TCP_SEQUENCE) !== sequence) return false;
  // To the version and the traffic class.
  let differ = difference(view, a - before, a + 2, distance);
  differ |= difference(view, upperAt + TCP_PORTS, upperAt + TCP_SEQUENCE, distance);
  differ |= difference(view, upperAt + TCP_ACKNOWLEDGMENT, upperAt + TCP_DATA_OFFSET, distance);
  const flags = upperAt + TCP_DATA_OFFSET;
  differ |= difference(view, flags, flags + 4, distance) & ~(TCP_PSH << 8);
  const urgent = upperAt + TCP_URGENT;
  differ |= view.getInt16(urgent, true) ^ view.getInt16(urgent + distance, true);
  differ |= difference(view, upperAt + TCP_HEADER, payloadAt, distance);
  if (first.family === 4) {
    differ |= difference(view, a + IPV4_SOURCE, a + IPV4_HEADER, distance);
    differ |= view.getInt16(a + IPV4_FRAGMENT) ^ view.getInt16(at + IPV4_FRAGMENT);
    differ |= view.getInt16(a + IPV4_TTL) ^ view.getInt16(at + IPV4_TTL);
    return (
      differ === 0 &&
      view.getUint16(at + IPV4_TOTAL_LENGTH) === length &&
      (sumChangingIpv4(view, at) - sumChangingIpv4(view, a)) % 0xffff === 0 &&
      continuesIdentification(view, first, at, count)
    );
  }
  differ |= view.getInt16(a + 2) ^ view.getInt16(at + 2);
  differ |= view.getInt16(a + IPV6_NEXT_HEADER) ^ view.getInt16(at + IPV6_NEXT_HEADER);
  differ |= difference(view, a + IPV6_SOURCE, a + IPV6_HEADER, distance);
  return differ === 0 && view.getUint16(at + IPV6_PAYLOAD_LENGTH) === length - IPV6_HEADER;
}

/** The bits in which words from `at` to `end` differ from those at a distance. */
function difference(view: DataView, at: number, end: number, distance: number): number {
  let differ = 0;
  for (let next = at; next < end; next += 4) {
    differ |= view.getInt32(next, true) ^ view.getInt32(next + distance, true);
  }
  return differ;
}

/**
 * Of two headers that agree in everything else, one has the right checksum if the other has, and these
 * sums are the same in ones' complement.
 */
function sumChangingIpv4(view: DataView, at: number): number {
  return (
    view.getUint16(at + IPV4_TOTAL_LENGTH) +
    view.getUint16(at + IPV4_IDENTIFICATION) +
    view.getUint16(at + IPV4_CHECKSUM)
  );
}

/**
 * True if a mergeable packet, its headers at `b` and `upperB`, differs from `first` in no field of the
 * IP header that must agree, nor in ports.
 */
export function isSameFlow(view: DataView, first: IpPacket, b: number, upperB: number): boolean {
  const { at: a, upperAt: upperA } = first;
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
 * True if the packet at `at` is the IPv4 packet that its sender numbered `count` after `first`, or has
 * no meaningful number: IPv6, or DF is set (RFC 6864 section 4.1).
 */
export function continuesIdentification(
  view: DataView,
  first: IpPacket,
  at: number,
  count: number,
): boolean {
  if (first.dontFragment) return true;
  const from = view.getUint16(first.at + IPV4_IDENTIFICATION);
  return view.getUint16(at + IPV4_IDENTIFICATION) === ((from + count) & 0xffff);
}

/**
 * True if the TCP header at `b` carries on where `first` and what followed it, `payload` bytes in all,
 * end.
 */
export function continuesTcp(view: DataView, first: IpPacket, b: number, payload: number): boolean {
  const { upperAt: a } = first;
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
    if (view.getInt32(a + at, true) !== view.getInt32(b + at, true)) return false;
  }
  return true;
}
