/**
 * IP in IP: an inner packet behind one more IP header, and nothing between the two.
 *
 *                                         +-----------+---------------------+
 *                                         | IP header |      payload        |   inner packet
 *                                         +-----------+---------------------+
 *                       +-----------------+-----------+---------------------+
 *                       | outer IP header | IP header |      payload        |   on the underlay
 *                       +-----------------+-----------+---------------------+
 *                        20 or 40 bytes, protocol 4 or 41
 *
 * IPv4 in IPv4 is RFC 2003, IPv6 in IPv4 RFC 4213 (Linux: sit), both in IPv6 RFC 2473 (ip6tnl).
 * The outer header is written into the headroom; the inner packet stays where it is. As that need
 * not be in one piece (a header block and its payload elsewhere), its length is told.
 */
import type { Family } from "./address/ip-address.ts";
import { DropReason } from "./drop-reason.ts";
import { PROTOCOL_IPIP, PROTOCOL_IPV6 } from "./header/ip-protocol.ts";
import { IPV4_HEADER, IPV4_LENGTH_MAX, type Ipv4Header, writeIpv4Header } from "./header/ipv4.ts";
import { IPV6_HEADER, IPV6_PAYLOAD_MAX, type Ipv6Header, writeIpv6Header } from "./header/ipv6.ts";
import { type IpPacket, readIpPacket } from "./ip-packet.ts";
import type { OuterChoice } from "./outer-policy.ts";

/** The number that says which family the inner packet is of. */
export function ipipProtocol(inner: Family): number {
  return inner === 4 ? PROTOCOL_IPIP : PROTOCOL_IPV6;
}

/**
 * Writes an outer header into the 20 bytes before `innerAt`. `header` brings the addresses and the
 * identification; its other fields are filled in here.
 */
export function encapsulateIpipInIpv4(
  view: DataView,
  innerAt: number,
  innerLength: number,
  inner: Family,
  choice: OuterChoice,
  header: Ipv4Header,
): DropReason {
  const totalLength = IPV4_HEADER + innerLength;
  if (totalLength > IPV4_LENGTH_MAX) return DropReason.TooLong;
  header.headerLength = IPV4_HEADER;
  header.trafficClass = choice.trafficClass;
  header.totalLength = totalLength;
  header.dontFragment = choice.dontFragment;
  header.moreFragments = false;
  header.fragmentOffset = 0;
  header.ttl = choice.ttl;
  header.protocol = ipipProtocol(inner);
  writeIpv4Header(view, innerAt - IPV4_HEADER, header);
  return DropReason.None;
}

/**
 * Writes an outer header into the 40 bytes before `innerAt`. `header` brings the addresses and the
 * flow label (RFC 6438); its other fields are filled in here.
 */
export function encapsulateIpipInIpv6(
  view: DataView,
  innerAt: number,
  innerLength: number,
  inner: Family,
  choice: OuterChoice,
  header: Ipv6Header,
): DropReason {
  if (innerLength > IPV6_PAYLOAD_MAX) return DropReason.TooLong;
  header.trafficClass = choice.trafficClass;
  header.payloadLength = innerLength;
  header.nextHeader = ipipProtocol(inner);
  header.hopLimit = choice.ttl;
  writeIpv6Header(view, innerAt - IPV6_HEADER, header);
  return DropReason.None;
}

/**
 * Finds and checks the packet inside `outer`, which `readIpPacket` has accepted. Options and
 * extension headers of the outer packet are skipped, among them RFC 2473's encapsulation limit.
 * Whether the outer source is a node of the overlay is the caller's to ask.
 */
export function decapsulateIpip(view: DataView, outer: IpPacket, inner: IpPacket): DropReason {
  const { protocol, upperAt } = outer;
  if (protocol !== PROTOCOL_IPIP && protocol !== PROTOCOL_IPV6) return DropReason.NotTunnel;
  if (outer.isFragment) return DropReason.OuterFragment;
  const reason = readIpPacket(view, upperAt, outer.end - upperAt, inner);
  if (reason !== DropReason.None) return reason;
  return protocol === ipipProtocol(inner.family) ? DropReason.None : DropReason.InnerNotIp;
}
