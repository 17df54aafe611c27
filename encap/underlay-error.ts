/**
 * ICMP errors from the underlay about packets that we sent, and what the sender of the inner packet
 * is to hear of them (RFC 2003 section 5, RFC 2473 section 8).
 *
 *   +----+------+----------------------------------------------------+
 *   | IP | ICMP | outer IP | UDP VXLAN Ethernet | inner IP | ...      |  from a router of the underlay
 *   +----+------+----------------------------------------------------+
 *                            \____ VXLAN ____/    what is quoted, often cut short
 *
 *   +----+------+---------------+
 *   | IP | ICMP | inner IP |... |  to the inner sender, as if from the tunnel's own first hop
 *   +----+------+---------------+
 */
import type { Family } from "./address/ip-address.ts";
import { isSumRight, sumBytes } from "./header/checksum.ts";
import * as icmp from "./header/icmp.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import { IPV4_TOTAL_LENGTH } from "./header/ipv4.ts";
import { IPV6_HEADER, IPV6_PAYLOAD_LENGTH } from "./header/ipv6.ts";
import { UDP_DESTINATION_PORT, UDP_HEADER } from "./header/udp.ts";
import { IcmpError } from "./icmp-error.ts";
import { IpPacket, readQuotedPacket, sumPseudoHeader } from "./ip-packet.ts";
import { ipipProtocol } from "./ipip.ts";
import { VXLAN_HEADERS } from "./vxlan.ts";

/** Nothing for the inner sender to know. */
export const NOT_RELAYED = -1;

/** One error from the underlay. One object is used for many. */
export class UnderlayError {
  /** What the inner sender is told, or `NOT_RELAYED`. */
  tell: IcmpError | typeof NOT_RELAYED = NOT_RELAYED;
  /** The outer packet as quoted; whether we sent it is for the caller to check. */
  readonly outer: IpPacket = new IpPacket();
  /** The inner packet, as far as it is quoted. */
  readonly inner: IpPacket = new IpPacket();
  /** False if the quote is cut off before the end of the inner IP header. */
  hasInner = false;
  /** For `TooBig`: the largest inner packet that the path carries, by that router. */
  innerMtu = 0;
}

/**
 * What an error of this type and code, about an outer packet of `family`, is to the inner sender.
 * As a tunnel is one hop, a packet that got lost inside makes the far end unreachable. Not relayed
 * is what tells of the tunnel itself: port unreachable (a VTEP that restarts), source route failed,
 * redirects, source quench, parameter problems, reassembly that took too long.
 */
export function relayedError(
  family: Family,
  type: number,
  code: number,
): IcmpError | typeof NOT_RELAYED {
  return family === 4 ? relayedIcmpv4(type, code) : relayedIcmpv6(type, code);
}

function relayedIcmpv4(type: number, code: number): IcmpError | typeof NOT_RELAYED {
  if (type === icmp.ICMP_TIME_EXCEEDED) return code === 0 ? IcmpError.HostUnreachable : NOT_RELAYED;
  if (type !== icmp.ICMP_DEST_UNREACH) return NOT_RELAYED;
  switch (code) {
    case icmp.ICMP_FRAG_NEEDED:
      return IcmpError.TooBig;
    case icmp.ICMP_NET_UNREACH:
    case icmp.ICMP_NET_UNKNOWN:
      return IcmpError.NetUnreachable;
    case icmp.ICMP_HOST_UNREACH:
    case icmp.ICMP_HOST_UNKNOWN:
    case icmp.ICMP_PROT_UNREACH:
      return IcmpError.HostUnreachable;
    case icmp.ICMP_NET_ANO:
    case icmp.ICMP_HOST_ANO:
    case icmp.ICMP_PKT_FILTERED:
      return IcmpError.Prohibited;
    default:
      return NOT_RELAYED;
  }
}

function relayedIcmpv6(type: number, code: number): IcmpError | typeof NOT_RELAYED {
  if (type === icmp.ICMPV6_PKT_TOOBIG) return IcmpError.TooBig;
  if (type === icmp.ICMPV6_TIME_EXCEED) return code === 0 ? IcmpError.HostUnreachable : NOT_RELAYED;
  if (type !== icmp.ICMPV6_DEST_UNREACH) return NOT_RELAYED;
  switch (code) {
    case icmp.ICMPV6_NOROUTE:
      return IcmpError.NetUnreachable;
    case icmp.ICMPV6_ADM_PROHIBITED:
      return IcmpError.Prohibited;
    case icmp.ICMPV6_NOT_NEIGHBOUR:
    case icmp.ICMPV6_ADDR_UNREACH:
      return IcmpError.HostUnreachable;
    default:
      return NOT_RELAYED;
  }
}

/**
 * Reads the ICMP error in `packet`. False if it is none, is damaged, or is not about a packet of
 * IP-in-IP or of VXLAN to `vxlanPort`. A router that claims to carry the packet as it was is not
 * believed: nothing is relayed.
 */
export function readUnderlayError(
  view: DataView,
  packet: IpPacket,
  vxlanPort: number,
  error: UnderlayError,
): boolean {
  const { family, upperAt, end } = packet;
  const length = end - upperAt;
  if (packet.protocol !== (family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) return false;
  if (packet.isFragment || length < icmp.ICMP_HEADER) return false;
  const pseudo = family === 4 ? 0 : sumPseudoHeader(view, packet, length);
  if (!isSumRight(pseudo + sumBytes(view, upperAt, length))) return false;
  const type = view.getUint8(upperAt + icmp.ICMP_TYPE);
  const isError = family === 4 ? icmp.isIcmpv4Error(type) : icmp.isIcmpv6Error(type);
  if (!isError) return false;

  const { outer, inner } = error;
  const quoteLength =
    family === 4
      ? icmp.icmpv4QuoteLength(view, upperAt, length)
      : icmp.icmpv6QuoteLength(view, upperAt, length);
  if (readQuotedPacket(view, upperAt + icmp.ICMP_HEADER, quoteLength, outer) !== 0) return false;
  const innerAt = innerPacketAt(view, outer, vxlanPort);
  if (outer.family !== family || innerAt === 0) return false;
  error.hasInner = readQuotedPacket(view, innerAt, outer.end - innerAt, inner) === 0;
  error.tell = relayedError(family, type, view.getUint8(upperAt + icmp.ICMP_CODE));
  error.innerMtu = 0;
  if (error.tell === IcmpError.TooBig) {
    const mtu = nextHopMtu(view, upperAt, outer);
    error.innerMtu = Math.max(0, mtu - (innerAt - outer.at));
    if (mtu >= outerLength(view, outer)) error.tell = NOT_RELAYED;
  }
  return true;
}

/** Where the inner packet is, quoted or not; 0 if `outer` is no packet of ours. */
function innerPacketAt(view: DataView, outer: IpPacket, vxlanPort: number): number {
  const { protocol, upperAt, end } = outer;
  if (outer.isLaterFragment) return 0;
  if (protocol === ipipProtocol(4) || protocol === ipipProtocol(6)) return upperAt;
  if (protocol !== PROTOCOL_UDP || upperAt + UDP_HEADER > end) return 0;
  const port = view.getUint16(upperAt + UDP_DESTINATION_PORT);
  return port === vxlanPort ? upperAt + UDP_HEADER + VXLAN_HEADERS : 0;
}

/**
 * The MTU that the router reports; from one that reports none, the next plateau below the packet.
 */
function nextHopMtu(view: DataView, icmpAt: number, outer: IpPacket): number {
  if (outer.family === 6) return view.getUint32(icmpAt + icmp.ICMP_REST);
  const mtu = view.getUint16(icmpAt + icmp.ICMP_REST + 2);
  return mtu > 0 ? mtu : plateauBelow(outerLength(view, outer));
}

/** What the quoted packet was long, by its own header. */
function outerLength(view: DataView, { family, at }: IpPacket): number {
  return family === 4
    ? view.getUint16(at + IPV4_TOTAL_LENGTH)
    : IPV6_HEADER + view.getUint16(at + IPV6_PAYLOAD_LENGTH);
}

/** MTUs in use, from RFC 1191 section 7.1 and Linux's `mtu_plateau`. */
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 576, 296, 216, 128, 68] as const;

function plateauBelow(length: number): number {
  for (const plateau of PLATEAUS) if (plateau < length) return plateau;
  return 68;
}
