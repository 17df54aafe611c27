/**
 * Segmentation: a TUN device with offloads hands over TCP and UDP super-packets of up to 64 KB,
 * which are cut here into what the path carries. The payload stays where it is; each segment gets a
 * block of headers, and goes out as two pieces.
 *
 *   super-packet   | IP | TCP |  payload 0  |  payload 1  |  payload 2  |last|
 *                                     ^              ^
 *   header blocks  ...room| IP | TCP |...room| IP | TCP |...room| IP | TCP |...room| IP | TCP |
 *                  '------ stride ---'
 *
 * The room before each block is for the outer headers. All segments but the last are of one size,
 * as UDP_SEGMENT wants them.
 */
import { DropReason } from "./drop-reason.ts";
import {
  finishChecksum,
  finishUdpChecksum,
  foldSum,
  type SumBytes,
  sumBytes,
  sumHeader,
} from "./header/checksum.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import { IPV4_CHECKSUM, IPV4_IDENTIFICATION, IPV4_TOTAL_LENGTH } from "./header/ipv4.ts";
import { IPV6_HEADER, IPV6_PAYLOAD_LENGTH } from "./header/ipv6.ts";
import {
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_DATA_OFFSET,
  TCP_FIN,
  TCP_HEADER,
  TCP_PSH,
  TCP_SEQUENCE,
  tcpHeaderLength,
} from "./header/tcp.ts";
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH } from "./header/udp.ts";
import { type IpPacket, sumPseudoHeader } from "./ip-packet.ts";
import {
  VIRTIO_NET_HDR_GSO_ECN,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_UDP_L4,
  type VirtioNetHeader,
} from "./virtio-net-header.ts";

/** Where header blocks may be written, outside of all packets. */
export interface HeaderSpace {
  /** Offset of the first block, its room included. */
  at: number;
  /** Bytes from one block to the next. */
  readonly stride: number;
  /** Bytes kept free at the start of each block. */
  readonly room: number;
  /** Blocks that there is space for. */
  capacity: number;
}

/** What a super-packet was cut into. One object is used for many of them. */
export class Segments {
  count = 0;
  /** Offset of the IP header of the first block; the others follow at the stride of the space. */
  headersAt = 0;
  /** IP and upper-layer header of each segment, in bytes. */
  headerLength = 0;
  /** Offset of the payload of the first segment; the others follow at `payloadSize`. */
  payloadAt = 0;
  /** Payload of each segment but the last. */
  payloadSize = 0;
  lastPayloadSize = 0;
}

/**
 * Cuts `packet`, for which the TUN device gave `offload`, into segments of `offload.gsoSize` bytes
 * of payload. With `finish` their checksums are calculated; else each holds the sum of its
 * pseudo-header, as NEEDS_CSUM has it.
 *
 * FIN and PSH stay on the last segment alone, CWR on the first (RFC 3168 section 6.1.2); the IPv4
 * identification counts up.
 */
export function segment(
  view: DataView,
  packet: IpPacket,
  offload: VirtioNetHeader,
  space: HeaderSpace,
  finish: boolean,
  segments: Segments,
  sumOf: SumBytes = sumBytes,
): DropReason {
  const upperLength = upperHeaderLength(view, packet, offload.gsoType);
  if (upperLength === 0) return DropReason.BadOffload;
  const { at, end, upperAt } = packet;
  const size = offload.gsoSize;
  const headerLength = upperAt - at + upperLength;
  const payloadAt = at + headerLength;
  const payload = end - payloadAt;
  if (size === 0 || payload <= 0 || headerLength > space.stride - space.room) {
    return DropReason.BadOffload;
  }
  const count = Math.ceil(payload / size);
  if (count > space.capacity) return DropReason.TooManySegments;
  segments.count = count;
  segments.headersAt = space.at + space.room;
  segments.headerLength = headerLength;
  segments.payloadAt = payloadAt;
  segments.payloadSize = count === 1 ? payload : size;
  segments.lastPayloadSize = payload - (count - 1) * size;
  const isIpv4 = packet.family === 4;
  const isTcp = packet.protocol === PROTOCOL_TCP;
  const headerSum = isIpv4 ? sumConstantIpv4Fields(view, packet) : 0;
  const pseudoSum = sumPseudoHeader(view, packet, 0);
  const upperSum = finish ? sumConstantUpperFields(view, upperAt, upperLength, isTcp) : 0;
  const checksumAt = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
  for (let index = 0; index < count; index++) {
    const blockAt = segments.headersAt + index * space.stride;
    const length = index === count - 1 ? segments.lastPayloadSize : size;
    copyHeaders(view, at, blockAt, headerLength);
    if (isIpv4) writeIpv4Lengths(view, blockAt, headerLength + length, index, headerSum);
    else view.setUint16(blockAt + IPV6_PAYLOAD_LENGTH, headerLength - IPV6_HEADER + length);
    const blockUpperAt = blockAt + headerLength - upperLength;
    const changing = isTcp
      ? writeTcpFields(view, blockUpperAt, index, index === count - 1, size)
      : writeUdpLength(view, blockUpperAt, UDP_HEADER + length);
    let checksum = foldSum(pseudoSum + upperLength + length);
    if (finish) {
      const sum = checksum + upperSum + changing + sumOf(view, payloadAt + index * size, length);
      checksum = isTcp ? finishChecksum(sum) : finishUdpChecksum(sum);
    }
    view.setUint16(blockUpperAt + checksumAt, checksum);
  }
  return DropReason.None;
}

/** Length of the TCP or UDP header; 0 if the offload is not for such a packet. */
function upperHeaderLength(view: DataView, packet: IpPacket, gsoType: number): number {
  const { upperAt, end, protocol, isFragment } = packet;
  if (isFragment) return 0;
  if (gsoType === VIRTIO_NET_HDR_GSO_UDP_L4) {
    return protocol === PROTOCOL_UDP && upperAt + UDP_HEADER <= end ? UDP_HEADER : 0;
  }
  const wanted = packet.family === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
  if ((gsoType & ~VIRTIO_NET_HDR_GSO_ECN) !== wanted || protocol !== PROTOCOL_TCP) return 0;
  if (upperAt + TCP_HEADER > end) return 0;
  const length = tcpHeaderLength(view, upperAt);
  return length >= TCP_HEADER && upperAt + length <= end ? length : 0;
}

/** Headers are multiples of 4 bytes long; little-endian, because most processors then swap nothing. */
function copyHeaders(view: DataView, from: number, to: number, length: number): void {
  for (let at = 0; at < length; at += 4)
    view.setInt32(to + at, view.getInt32(from + at, true), true);
}

/** The sum of an IPv4 header without total length, identification and checksum. */
function sumConstantIpv4Fields(view: DataView, { at, upperAt }: IpPacket): number {
  const changing =
    without(view, at + IPV4_TOTAL_LENGTH) +
    without(view, at + IPV4_IDENTIFICATION) +
    without(view, at + IPV4_CHECKSUM);
  return foldSum(sumHeader(view, at, upperAt - at) + changing);
}

function writeIpv4Lengths(
  view: DataView,
  at: number,
  totalLength: number,
  index: number,
  headerSum: number,
): void {
  const identification = (view.getUint16(at + IPV4_IDENTIFICATION) + index) & 0xffff;
  view.setUint16(at + IPV4_TOTAL_LENGTH, totalLength);
  view.setUint16(at + IPV4_IDENTIFICATION, identification);
  const checksum = finishChecksum(headerSum + totalLength + identification);
  view.setUint16(at + IPV4_CHECKSUM, checksum);
}

/** The sum of a TCP or UDP header without the checksum, and what `write...` below writes. */
function sumConstantUpperFields(
  view: DataView,
  at: number,
  length: number,
  isTcp: boolean,
): number {
  const changing = isTcp
    ? without(view, at + TCP_SEQUENCE) +
      without(view, at + TCP_SEQUENCE + 2) +
      without(view, at + TCP_DATA_OFFSET) +
      without(view, at + TCP_CHECKSUM)
    : without(view, at + UDP_LENGTH) + without(view, at + UDP_CHECKSUM);
  return foldSum(sumHeader(view, at, length) + changing);
}

/** What takes the word at `at` out of a sum. */
function without(view: DataView, at: number): number {
  return ~view.getUint16(at) & 0xffff;
}

/** Returns the sum of what it writes, not folded. */
function writeTcpFields(
  view: DataView,
  at: number,
  index: number,
  isLast: boolean,
  size: number,
): number {
  const sequence = (view.getUint32(at + TCP_SEQUENCE) + index * size) >>> 0;
  view.setUint32(at + TCP_SEQUENCE, sequence);
  let flags = view.getUint16(at + TCP_DATA_OFFSET);
  if (index > 0) flags &= ~TCP_CWR;
  if (!isLast) flags &= ~(TCP_FIN | TCP_PSH);
  view.setUint16(at + TCP_DATA_OFFSET, flags);
  return (sequence >>> 16) + (sequence & 0xffff) + flags;
}

/** Returns what it writes. */
function writeUdpLength(view: DataView, at: number, length: number): number {
  view.setUint16(at + UDP_LENGTH, length);
  return length;
}
