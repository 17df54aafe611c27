/**
 * VXLAN (RFC 7348): an inner packet becomes an Ethernet frame again, and that the payload of a UDP
 * datagram between VTEPs.
 *
 *                                                                +----+---------+
 *                                                                | IP | payload |   inner packet
 *                                                                +----+---------+
 *   +--------------------+-------+---------+----------------+----+---------+
 *   |  outer IP header   |  UDP  |  VXLAN  | inner Ethernet | IP | payload |   on the underlay
 *   +--------------------+-------+---------+----------------+----+---------+
 *      20 or 40 bytes      8       8         14
 *                                \__________ 22 __________/
 *
 * A UDP socket needs only the 22 bytes, `writeVxlanHeaders`; the kernel writes the rest. Where
 * there is no socket (a capture file, a test) `encapsulateVxlanInIpv4` and `...InIpv6` write all.
 * The inner MAC addresses are those of the two VTEPs: a Linux VTEP hands only frames for its own
 * MAC to its IP layer.
 */
import type { Family } from "./address/ip-address.ts";
import { DropReason } from "./drop-reason.ts";
import {
  finishUdpChecksum,
  sumBytes,
  sumIpv4PseudoHeader,
  sumIpv6PseudoHeader,
} from "./header/checksum.ts";
import {
  ETHERNET_HEADER,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  isMacAt,
  isUnicastMacAt,
  type MacWords,
  writeEthernetHeader,
} from "./header/ethernet.ts";
import { PROTOCOL_UDP } from "./header/ip-protocol.ts";
import { IPV4_HEADER, IPV4_LENGTH_MAX, type Ipv4Header, writeIpv4Header } from "./header/ipv4.ts";
import { IPV6_HEADER, IPV6_PAYLOAD_MAX, type Ipv6Header, writeIpv6Header } from "./header/ipv6.ts";
import { UDP_CHECKSUM, UDP_HEADER, type UdpHeader, writeUdpHeader } from "./header/udp.ts";
import {
  hasReservedBits,
  hasVni,
  readVni,
  VXLAN_HEADER,
  writeVxlanHeader,
} from "./header/vxlan.ts";
import { type IpPacket, readIpPacket } from "./ip-packet.ts";
import type { OuterChoice } from "./outer-policy.ts";
import { DEFAULT_TTL } from "./ttl.ts";

/** What `writeVxlanHeaders` puts before an inner packet: 22 bytes. */
export const VXLAN_HEADERS: number = VXLAN_HEADER + ETHERNET_HEADER;

/** The overlay network as this node sees it. */
export interface VxlanNetwork {
  /** 1 to 16777215. */
  readonly vni: number;
  readonly localMac: MacWords;
}

/** Writes the VXLAN and the inner Ethernet header into the 22 bytes before `innerAt`. */
export function writeVxlanHeaders(
  view: DataView,
  innerAt: number,
  inner: Family,
  network: VxlanNetwork,
  remoteMac: MacWords,
): void {
  const ethertype = inner === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  writeVxlanHeader(view, innerAt - VXLAN_HEADERS, network.vni);
  writeEthernetHeader(view, innerAt - ETHERNET_HEADER, remoteMac, network.localMac, ethertype);
}

/** Puts what `writeVxlanHeaders` wrote before `innerAt` before `otherAt` too. */
export function copyVxlanHeaders(view: DataView, innerAt: number, otherAt: number): void {
  const distance = otherAt - innerAt;
  const end = innerAt - 2;
  for (let at = innerAt - VXLAN_HEADERS; at < end; at += 4) {
    view.setInt32(at + distance, view.getInt32(at, true), true);
  }
  view.setInt16(end + distance, view.getInt16(end, true), true);
}

/**
 * The outer TTL or hop limit for what was chosen: a vxlan device of Linux takes 0, which only an
 * inner packet that should not have come this far has, for its default.
 */
export function vxlanTtl({ ttl }: OuterChoice): number {
  return ttl === 0 ? DEFAULT_TTL : ttl;
}

/**
 * Writes UDP and outer IPv4 header before `writeVxlanHeaders`' work: 50 bytes before `innerAt` in
 * all. `udp` brings the ports; `withChecksum` has its checksum calculated, which needs the inner
 * packet in one piece. `header` brings addresses and identification.
 */
export function encapsulateVxlanInIpv4(
  view: DataView,
  innerAt: number,
  innerLength: number,
  choice: OuterChoice,
  udp: UdpHeader,
  withChecksum: boolean,
  header: Ipv4Header,
): DropReason {
  const udpAt = innerAt - VXLAN_HEADERS - UDP_HEADER;
  const udpLength = UDP_HEADER + VXLAN_HEADERS + innerLength;
  if (IPV4_HEADER + udpLength > IPV4_LENGTH_MAX) return DropReason.TooLong;
  header.headerLength = IPV4_HEADER;
  header.trafficClass = choice.trafficClass;
  header.totalLength = IPV4_HEADER + udpLength;
  header.dontFragment = choice.dontFragment;
  header.moreFragments = false;
  header.fragmentOffset = 0;
  header.ttl = vxlanTtl(choice);
  header.protocol = PROTOCOL_UDP;
  writeIpv4Header(view, udpAt - IPV4_HEADER, header);
  writeOuterUdp(view, udpAt, udpLength, udp);
  if (withChecksum) {
    const pseudo = sumIpv4PseudoHeader(view, udpAt - IPV4_HEADER, PROTOCOL_UDP, udpLength);
    const sum = pseudo + sumBytes(view, udpAt, udpLength);
    view.setUint16(udpAt + UDP_CHECKSUM, finishUdpChecksum(sum));
  }
  return DropReason.None;
}

/** The same with an outer IPv6 header, 70 bytes; without a checksum it needs RFC 6935's consent. */
export function encapsulateVxlanInIpv6(
  view: DataView,
  innerAt: number,
  innerLength: number,
  choice: OuterChoice,
  udp: UdpHeader,
  withChecksum: boolean,
  header: Ipv6Header,
): DropReason {
  const udpAt = innerAt - VXLAN_HEADERS - UDP_HEADER;
  const udpLength = UDP_HEADER + VXLAN_HEADERS + innerLength;
  if (udpLength > IPV6_PAYLOAD_MAX) return DropReason.TooLong;
  header.trafficClass = choice.trafficClass;
  header.payloadLength = udpLength;
  header.nextHeader = PROTOCOL_UDP;
  header.hopLimit = vxlanTtl(choice);
  writeIpv6Header(view, udpAt - IPV6_HEADER, header);
  writeOuterUdp(view, udpAt, udpLength, udp);
  if (withChecksum) {
    const pseudo = sumIpv6PseudoHeader(view, udpAt - IPV6_HEADER, PROTOCOL_UDP, udpLength);
    const sum = pseudo + sumBytes(view, udpAt, udpLength);
    view.setUint16(udpAt + UDP_CHECKSUM, finishUdpChecksum(sum));
  }
  return DropReason.None;
}

function writeOuterUdp(view: DataView, at: number, length: number, udp: UdpHeader): void {
  udp.length = length;
  udp.checksum = 0;
  writeUdpHeader(view, at, udp);
}

/**
 * Finds and checks the packet inside a UDP payload of `length` bytes at `at`, in the order and with
 * the strictness of Linux's vxlan device, one that learns, and of the IP layer behind it: what they
 * drop is dropped, for the same reason. Whether
 * the outer source is a node of the overlay is the caller's to ask.
 */
export function decapsulateVxlan(
  view: DataView,
  at: number,
  length: number,
  network: VxlanNetwork,
  inner: IpPacket,
): DropReason {
  if (length < VXLAN_HEADER) return DropReason.Truncated;
  if (!hasVni(view, at)) return DropReason.MissingVni;
  if (readVni(view, at) !== network.vni) return DropReason.WrongVni;
  if (hasReservedBits(view, at)) return DropReason.VxlanReservedBits;
  if (length < VXLAN_HEADERS) return DropReason.Truncated;
  const frameAt = at + VXLAN_HEADER;
  const sourceAt = frameAt + ETHERNET_SOURCE;
  if (isMacAt(view, sourceAt, network.localMac) || !isUnicastMacAt(view, sourceAt)) {
    return DropReason.InnerSourceMac;
  }
  if (!isMacAt(view, frameAt, network.localMac)) return DropReason.InnerDestinationMac;
  const ethertype = view.getUint16(frameAt + ETHERNET_TYPE);
  if (ethertype !== ETHERTYPE_IPV4 && ethertype !== ETHERTYPE_IPV6) return DropReason.InnerNotIp;
  const reason = readIpPacket(view, at + VXLAN_HEADERS, length - VXLAN_HEADERS, inner);
  if (reason !== DropReason.None) return reason;
  return (inner.family === 4) === (ethertype === ETHERTYPE_IPV4)
    ? DropReason.None
    : DropReason.InnerNotIp;
}
