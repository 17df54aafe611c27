/**
 * Takes a packet apart into its headers, outermost first. What is behind a header that cannot be
 * read is left out, and the list ends with the reason.
 */
import { type Family, readIp } from "./address/ip-address.ts";
import { readMac } from "./address/mac-address.ts";
import { DropReason } from "./drop-reason.ts";
import * as ethernet from "./header/ethernet.ts";
import { ICMP_CODE, ICMP_HEADER, ICMP_REST, ICMP_TYPE } from "./header/icmp.ts";
import {
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_IPIP,
  PROTOCOL_IPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "./header/ip-protocol.ts";
import { IPV4_DESTINATION, IPV4_IDENTIFICATION, IPV4_SOURCE } from "./header/ipv4.ts";
import { IPV6_DESTINATION, IPV6_SOURCE, ipv6FlowLabel } from "./header/ipv6.ts";
import * as tcp from "./header/tcp.ts";
import { readUdpHeader, UDP_HEADER, UdpHeader } from "./header/udp.ts";
import { hasReservedBits, hasVni, readVni, VXLAN_HEADER, VXLAN_PORT } from "./header/vxlan.ts";
import { isUpperChecksumUnfinished } from "./inner-checksum.ts";
import { IpPacket, readIpPacket } from "./ip-packet.ts";
import type { IpLayer, PacketLayer } from "./packet-layer.ts";
import { readUdpDatagram } from "./udp-datagram.ts";

/** Tunnels in tunnels that are followed; deeper is an attack or a loop. */
const NESTING_MAX = 8;

/**
 * The layers of `length` bytes at `at`, which begin with an Ethernet or an IP header. UDP to one of
 * `vxlanPorts` is taken for VXLAN.
 */
export function packetLayers(
  view: DataView,
  at: number,
  length: number,
  link: "ethernet" | "ip" = "ip",
  vxlanPorts: readonly number[] = [VXLAN_PORT],
): PacketLayer[] {
  const context = { view, vxlanPorts, nesting: 0 };
  const end = at + length;
  return link === "ethernet" ? ethernetLayers(context, at, end) : ipLayers(context, at, end);
}

interface Context {
  readonly view: DataView;
  readonly vxlanPorts: readonly number[];
  /** Tunnels that we are inside of. */
  nesting: number;
}

/** The layers from an Ethernet header at `at` on. */
function ethernetLayers(context: Context, at: number, end: number): PacketLayer[] {
  const { view } = context;
  if (end - at < ethernet.ETHERNET_HEADER) return refused(DropReason.Truncated);
  const vlans: number[] = [];
  let typeAt = at + ethernet.ETHERNET_TYPE;
  for (; isVlanTag(view, typeAt) && typeAt + 6 <= end; typeAt += 4) {
    vlans.push(view.getUint16(typeAt + 2) & 0xfff);
  }
  const ethertype = view.getUint16(typeAt);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const source = readMac(bytes, at + ethernet.ETHERNET_SOURCE);
  const destination = readMac(bytes, at + ethernet.ETHERNET_DESTINATION);
  const layer: PacketLayer = { kind: "ethernet", source, destination, ethertype, vlans };
  if (ethertype === ethernet.ETHERTYPE_IPV4)
    return [layer, ...ipLayers(context, typeAt + 2, end, 4)];
  if (ethertype === ethernet.ETHERTYPE_IPV6)
    return [layer, ...ipLayers(context, typeAt + 2, end, 6)];
  return [layer, ...data(end - typeAt - 2)];
}

/** The layers from an IP header at `at` on; with `family` nothing else is accepted. */
function ipLayers(context: Context, at: number, end: number, family?: Family): PacketLayer[] {
  const { view } = context;
  const packet = new IpPacket();
  const reason = readIpPacket(view, at, end - at, packet);
  if (reason !== DropReason.None) return refused(reason);
  if (packet.family !== (family ?? packet.family)) return refused(DropReason.InnerNotIp);
  return [ipLayer(view, packet), ...upperLayers(context, packet)];
}

function upperLayers(context: Context, packet: IpPacket): PacketLayer[] {
  const { view } = context;
  const { protocol, upperAt, end } = packet;
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
  const isVxlan = context.vxlanPorts.includes(destinationPort);
  if (packet.isFragment) return isVxlan ? [layer, ...refused(DropReason.OuterFragment)] : [layer];
  const reason = readUdpDatagram(view, packet, header, true);
  // A checksum that this machine has yet to finish is no fault.
  const isUnfinished =
    reason === DropReason.BadUdpChecksum && isUpperChecksumUnfinished(view, packet);
  if (reason !== DropReason.None && !isUnfinished) return [layer, ...refused(reason)];
  if (!isVxlan) return [layer];
  return [layer, ...vxlanLayers(context, upperAt + UDP_HEADER, upperAt + header.length)];
}

function vxlanLayers(context: Context, at: number, end: number): PacketLayer[] {
  const { view } = context;
  if (end - at < VXLAN_HEADER) return refused(DropReason.Truncated);
  if (!hasVni(view, at)) return refused(DropReason.MissingVni);
  const layer: PacketLayer = { kind: "vxlan", vni: readVni(view, at) };
  if (hasReservedBits(view, at)) return [layer, ...refused(DropReason.VxlanReservedBits)];
  if (context.nesting++ === NESTING_MAX) return [layer, ...data(end - at - VXLAN_HEADER)];
  return [layer, ...ethernetLayers(context, at + VXLAN_HEADER, end)];
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

function data(length: number): PacketLayer[] {
  return [{ kind: "data", length }];
}

function refused(reason: DropReason): PacketLayer[] {
  return [{ kind: "refused", reason }];
}

function isVlanTag(view: DataView, at: number): boolean {
  const ethertype = view.getUint16(at);
  return ethertype === ethernet.ETHERTYPE_VLAN || ethertype === ethernet.ETHERTYPE_QINQ;
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
