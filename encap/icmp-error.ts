/**
 * The answer to a packet that cannot be carried: an ICMP error to its sender, ready to be written
 * to the TUN device. How many of them are sent in a second is the caller's to limit.
 */
import type { IpAddress } from "./address/ip-address.ts";
import { finishChecksum, sumBytes, sumIpv6PseudoHeader } from "./header/checksum.ts";
import * as icmp from "./header/icmp.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "./header/ip-protocol.ts";
import {
  IPV4_DESTINATION,
  IPV4_HEADER,
  IPV4_SOURCE,
  Ipv4Header,
  writeIpv4Header,
} from "./header/ipv4.ts";
import {
  IPV6_DESTINATION,
  IPV6_HEADER,
  IPV6_MTU_MIN,
  IPV6_SOURCE,
  Ipv6Header,
  writeIpv6Header,
} from "./header/ipv6.ts";
import { type IpPacket, PROTOCOL_UNKNOWN } from "./ip-packet.ts";
import { DEFAULT_TTL } from "./ttl.ts";

/** What the sender is told, in both families' words. */
export const IcmpError = {
  TooBig: 0,
  NetUnreachable: 1,
  HostUnreachable: 2,
  Prohibited: 3,
  TimeExceeded: 4,
} as const;

export type IcmpError = (typeof IcmpError)[keyof typeof IcmpError];

const ICMPV4: Record<IcmpError, readonly [number, number]> = {
  [IcmpError.TooBig]: [icmp.ICMP_DEST_UNREACH, icmp.ICMP_FRAG_NEEDED],
  [IcmpError.NetUnreachable]: [icmp.ICMP_DEST_UNREACH, icmp.ICMP_NET_UNREACH],
  [IcmpError.HostUnreachable]: [icmp.ICMP_DEST_UNREACH, icmp.ICMP_HOST_UNREACH],
  [IcmpError.Prohibited]: [icmp.ICMP_DEST_UNREACH, icmp.ICMP_PKT_FILTERED],
  [IcmpError.TimeExceeded]: [icmp.ICMP_TIME_EXCEEDED, 0],
};

const ICMPV6: Record<IcmpError, readonly [number, number]> = {
  [IcmpError.TooBig]: [icmp.ICMPV6_PKT_TOOBIG, 0],
  [IcmpError.NetUnreachable]: [icmp.ICMPV6_DEST_UNREACH, icmp.ICMPV6_NOROUTE],
  [IcmpError.HostUnreachable]: [icmp.ICMPV6_DEST_UNREACH, icmp.ICMPV6_ADDR_UNREACH],
  [IcmpError.Prohibited]: [icmp.ICMPV6_DEST_UNREACH, icmp.ICMPV6_ADM_PROHIBITED],
  [IcmpError.TimeExceeded]: [icmp.ICMPV6_TIME_EXCEED, 0],
};

/** No answer is longer (RFC 1812 section 4.3.2.3; RFC 4443 section 2.4 c). */
const ICMPV4_PACKET_MAX = 576;
const ICMPV6_PACKET_MAX: number = IPV6_MTU_MIN;
/** Room that any answer fits. */
export const ICMP_ANSWER_MAX: number = ICMPV6_PACKET_MAX;

/** Precedence "internetwork control" (RFC 1812 section 4.3.2.5); IPv6 has no such rule. */
const ICMPV4_TRAFFIC_CLASS = 0xc0;

const ipv4 = new Ipv4Header();
const ipv6 = new Ipv6Header();

/**
 * Writes the answer to `packet` at `answerAt`, where `ICMP_ANSWER_MAX` bytes are free, and returns
 * its length: 0 if there must be none (`mayAnswer`). `source` is an address of this node, of the
 * packet's family; `mtu` counts for `TooBig` only.
 */
export function writeIcmpError(
  view: DataView,
  packet: IpPacket,
  error: IcmpError,
  mtu: number,
  source: IpAddress,
  answerAt: number,
): number {
  if (!mayAnswer(view, packet)) return 0;
  return packet.family === 4
    ? writeIcmpv4Error(view, packet, error, mtu, source, answerAt)
    : writeIcmpv6Error(view, packet, error, mtu, source, answerAt);
}

function writeIcmpv4Error(
  view: DataView,
  { at, end }: IpPacket,
  error: IcmpError,
  mtu: number,
  source: IpAddress,
  answerAt: number,
): number {
  const [type, code] = ICMPV4[error];
  const icmpAt = answerAt + IPV4_HEADER;
  const quote = Math.min(end - at, ICMPV4_PACKET_MAX - IPV4_HEADER - icmp.ICMP_HEADER);
  const length = icmp.ICMP_HEADER + quote;
  icmp.writeIcmpHeader(view, icmpAt, type, code, error === IcmpError.TooBig ? mtu & 0xffff : 0);
  copyBytes(view, at, icmpAt + icmp.ICMP_HEADER, quote);
  view.setUint16(icmpAt + icmp.ICMP_CHECKSUM, finishChecksum(sumBytes(view, icmpAt, length)));
  ipv4.trafficClass = ICMPV4_TRAFFIC_CLASS;
  ipv4.totalLength = IPV4_HEADER + length;
  ipv4.dontFragment = true;
  ipv4.ttl = DEFAULT_TTL;
  ipv4.protocol = PROTOCOL_ICMP;
  ipv4.source = source.w0;
  ipv4.destination = view.getUint32(at + IPV4_SOURCE);
  writeIpv4Header(view, answerAt, ipv4);
  return ipv4.totalLength;
}

function writeIcmpv6Error(
  view: DataView,
  { at, end }: IpPacket,
  error: IcmpError,
  mtu: number,
  source: IpAddress,
  answerAt: number,
): number {
  const [type, code] = ICMPV6[error];
  const icmpAt = answerAt + IPV6_HEADER;
  const quote = Math.min(end - at, ICMPV6_PACKET_MAX - IPV6_HEADER - icmp.ICMP_HEADER);
  const length = icmp.ICMP_HEADER + quote;
  icmp.writeIcmpHeader(view, icmpAt, type, code, error === IcmpError.TooBig ? mtu : 0);
  copyBytes(view, at, icmpAt + icmp.ICMP_HEADER, quote);
  ipv6.payloadLength = length;
  ipv6.nextHeader = PROTOCOL_ICMPV6;
  ipv6.hopLimit = DEFAULT_TTL;
  ipv6.source0 = source.w0;
  ipv6.source1 = source.w1;
  ipv6.source2 = source.w2;
  ipv6.source3 = source.w3;
  ipv6.destination0 = view.getUint32(at + IPV6_SOURCE);
  ipv6.destination1 = view.getUint32(at + IPV6_SOURCE + 4);
  ipv6.destination2 = view.getUint32(at + IPV6_SOURCE + 8);
  ipv6.destination3 = view.getUint32(at + IPV6_SOURCE + 12);
  writeIpv6Header(view, answerAt, ipv6);
  const pseudo = sumIpv6PseudoHeader(view, answerAt, PROTOCOL_ICMPV6, length);
  const checksum = finishChecksum(pseudo + sumBytes(view, icmpAt, length));
  view.setUint16(icmpAt + icmp.ICMP_CHECKSUM, checksum);
  return IPV6_HEADER + length;
}

function copyBytes(view: DataView, from: number, to: number, length: number): void {
  for (let at = 0; at < length; at++) view.setUint8(to + at, view.getUint8(from + at));
}

/**
 * Whether an error may be sent about `packet` at all: not about an error, a later fragment, or what
 * went to or came from more than one host (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e).
 */
export function mayAnswer(view: DataView, packet: IpPacket): boolean {
  const { at, end, family, protocol, upperAt } = packet;
  if (packet.isLaterFragment || protocol === PROTOCOL_UNKNOWN) return false;
  if (protocol === (family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) {
    if (upperAt >= end) return false;
    const type = view.getUint8(upperAt + icmp.ICMP_TYPE);
    if (family === 4 ? icmp.isIcmpv4Error(type) : icmp.isIcmpv6Error(type)) return false;
  }
  if (family === 4) {
    const source = view.getUint8(at + IPV4_SOURCE);
    const destination = view.getUint8(at + IPV4_DESTINATION);
    return source !== 0 && source !== 127 && source < 224 && destination < 224;
  }
  return (
    view.getUint8(at + IPV6_SOURCE) !== 0xff &&
    view.getUint8(at + IPV6_DESTINATION) !== 0xff &&
    !isUnspecified(view, at + IPV6_SOURCE)
  );
}

function isUnspecified(view: DataView, at: number): boolean {
  return (
    (view.getUint32(at) |
      view.getUint32(at + 4) |
      view.getUint32(at + 8) |
      view.getUint32(at + 12)) ===
    0
  );
}
