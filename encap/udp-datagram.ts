/** A UDP datagram in an IP packet: checked once, as a host's own stack would. */
import { DropReason } from "./drop-reason.ts";
import { finishUdpChecksum, isSumRight, sumBytes } from "./header/checksum.ts";
import { PROTOCOL_UDP } from "./header/ip-protocol.ts";
import {
  readUdpHeader,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_NO_CHECKSUM,
  type UdpHeader,
} from "./header/udp.ts";
import { type IpPacket, sumPseudoHeader } from "./ip-packet.ts";

/**
 * Reads the datagram of a packet whose protocol is UDP and that is no fragment. Without
 * `allowIpv6Zero` a checksum of zero over IPv6 is refused (RFC 8200 section 8.1); RFC 6935 lets
 * tunnels agree on it. Data of the packet behind the datagram's own length is ignored.
 */
export function readUdpDatagram(
  view: DataView,
  packet: IpPacket,
  header: UdpHeader,
  allowIpv6Zero: boolean,
): DropReason {
  const { upperAt, end } = packet;
  if (packet.protocol !== PROTOCOL_UDP) return DropReason.NotTunnel;
  if (packet.isFragment) return DropReason.OuterFragment;
  if (end - upperAt < UDP_HEADER) return DropReason.Truncated;
  readUdpHeader(view, upperAt, header);
  const { length } = header;
  if (length < UDP_HEADER || length > end - upperAt) return DropReason.BadUdpLength;
  if (header.checksum === UDP_NO_CHECKSUM) {
    const isAllowed = packet.family === 4 || allowIpv6Zero;
    return isAllowed ? DropReason.None : DropReason.MissingUdpChecksum;
  }
  const sum = sumPseudoHeader(view, packet, length) + sumBytes(view, upperAt, length);
  return isSumRight(sum) ? DropReason.None : DropReason.BadUdpChecksum;
}

/** Calculates and writes the checksum of the `length` bytes of a datagram at `packet.upperAt`. */
export function writeUdpChecksum(view: DataView, packet: IpPacket, length: number): void {
  const { upperAt } = packet;
  view.setUint16(upperAt + UDP_CHECKSUM, UDP_NO_CHECKSUM);
  const sum = sumPseudoHeader(view, packet, length) + sumBytes(view, upperAt, length);
  view.setUint16(upperAt + UDP_CHECKSUM, finishUdpChecksum(sum));
}
