/** The TCP or UDP checksum of an inner packet: is it right, or still to be finished? */
import { isSumRight, type SumBytes, sumBytes } from "./header/checksum.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import { TCP_CHECKSUM } from "./header/tcp.ts";
import { UDP_CHECKSUM } from "./header/udp.ts";
import { type IpPacket, sumPseudoHeader } from "./ip-packet.ts";

/** Offset of the checksum of a whole TCP or UDP packet; 0 if it has none that could be judged. */
export function upperChecksumAt(packet: IpPacket): number {
  const { protocol, upperAt, end, isFragment } = packet;
  if (isFragment) return 0;
  const offset =
    protocol === PROTOCOL_TCP ? TCP_CHECKSUM : protocol === PROTOCOL_UDP ? UDP_CHECKSUM : end;
  return upperAt + offset + 2 <= end ? upperAt + offset : 0;
}

/**
 * True if the checksum field holds no more than the sum of the pseudo-header. A finished checksum
 * looks like that once in 65536 packets; to finish it again does no harm.
 */
export function isUpperChecksumUnfinished(view: DataView, packet: IpPacket): boolean {
  const at = upperChecksumAt(packet);
  if (at === 0) return false;
  return view.getUint16(at) === sumPseudoHeader(view, packet, packet.end - packet.upperAt);
}

/** True if all of the upper layer, to the end of the packet, arrived as it was sent. */
export function isUpperChecksumRight(
  view: DataView,
  packet: IpPacket,
  sum: SumBytes = sumBytes,
): boolean {
  if (upperChecksumAt(packet) === 0) return false;
  const length = packet.end - packet.upperAt;
  return isSumRight(sumPseudoHeader(view, packet, length) + sum(view, packet.upperAt, length));
}
