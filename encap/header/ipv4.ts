/**
 * The IPv4 header (RFC 791 section 3.1; DS field and ECN of RFC 2474 and RFC 3168).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |Version|  IHL  |    DSCP   |ECN|          Total Length         |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |         Identification        |0|D|M|      Fragment Offset    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |  Time to Live |    Protocol   |         Header Checksum       |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                       Source Address                          |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                    Destination Address                        |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                    Options                    |    Padding    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * All fields are big endian. Nothing here checks a packet: `readIpPacket` does that, once.
 */
import { finishChecksum, sumHeader, updateChecksum } from "./checksum.ts";

/** DSCP and ECN in one byte: the former "type of service". */
export const IPV4_TRAFFIC_CLASS = 1;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
/** Three flags and the 13-bit fragment offset, in units of 8 bytes. */
export const IPV4_FRAGMENT = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;
/** Length of a header without options. */
export const IPV4_HEADER: number = IPV4_DESTINATION + 4;
export const IPV4_HEADER_MAX = 60;
/** The largest total length that the field can hold. */
export const IPV4_LENGTH_MAX = 0xffff;

export const IPV4_DONT_FRAGMENT = 0x4000;
export const IPV4_MORE_FRAGMENTS = 0x2000;
export const IPV4_OFFSET_MASK = 0x1fff;

/** The fields of one header. One object is used for many packets. */
export class Ipv4Header {
  /** Bytes, options included: 20 to 60, a multiple of 4. */
  headerLength: number = IPV4_HEADER;
  /** DSCP in the upper six bits, ECN in the lower two. */
  trafficClass = 0;
  /** Bytes, header included. */
  totalLength = 0;
  identification = 0;
  dontFragment = false;
  moreFragments = false;
  /** Bytes, a multiple of 8, at most 65528. */
  fragmentOffset = 0;
  ttl = 0;
  protocol = 0;
  /** Unsigned 32 bits, host order, as in `IpAddress.w0`. */
  source = 0;
  destination = 0;
}

/** Length of the header in bytes by its IHL field: 0 to 60, so it may be wrong. */
export function ipv4HeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at) & 0x0f) << 2;
}

/** Reads the header at `at`, which has been found to be whole. */
export function readIpv4Header(view: DataView, at: number, header: Ipv4Header): void {
  const fragment = view.getUint16(at + IPV4_FRAGMENT);
  header.headerLength = ipv4HeaderLength(view, at);
  header.trafficClass = view.getUint8(at + IPV4_TRAFFIC_CLASS);
  header.totalLength = view.getUint16(at + IPV4_TOTAL_LENGTH);
  header.identification = view.getUint16(at + IPV4_IDENTIFICATION);
  header.dontFragment = (fragment & IPV4_DONT_FRAGMENT) !== 0;
  header.moreFragments = (fragment & IPV4_MORE_FRAGMENTS) !== 0;
  header.fragmentOffset = (fragment & IPV4_OFFSET_MASK) << 3;
  header.ttl = view.getUint8(at + IPV4_TTL);
  header.protocol = view.getUint8(at + IPV4_PROTOCOL);
  header.source = view.getUint32(at + IPV4_SOURCE);
  header.destination = view.getUint32(at + IPV4_DESTINATION);
}

/**
 * Writes the header with its checksum. Options are not written: if `headerLength` is over 20 they
 * stand behind the fixed part already, and the checksum covers them.
 */
export function writeIpv4Header(view: DataView, at: number, header: Ipv4Header): void {
  const { headerLength, source, destination } = header;
  const first = ((0x40 | (headerLength >> 2)) << 8) | header.trafficClass;
  const fragment =
    (header.dontFragment ? IPV4_DONT_FRAGMENT : 0) |
    (header.moreFragments ? IPV4_MORE_FRAGMENTS : 0) |
    (header.fragmentOffset >> 3);
  const life = (header.ttl << 8) | header.protocol;
  let sum = first + header.totalLength + header.identification + fragment + life;
  sum += (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  if (headerLength > IPV4_HEADER) {
    sum += sumHeader(view, at + IPV4_HEADER, headerLength - IPV4_HEADER);
  }
  view.setUint16(at, first);
  view.setUint16(at + IPV4_TOTAL_LENGTH, header.totalLength);
  view.setUint16(at + IPV4_IDENTIFICATION, header.identification);
  view.setUint16(at + IPV4_FRAGMENT, fragment);
  view.setUint16(at + IPV4_TTL, life);
  view.setUint16(at + IPV4_CHECKSUM, finishChecksum(sum));
  view.setUint32(at + IPV4_SOURCE, source);
  view.setUint32(at + IPV4_DESTINATION, destination);
}

/** Changes the DSCP and ECN byte and mends the checksum for it. */
export function setIpv4TrafficClass(view: DataView, at: number, trafficClass: number): void {
  changeIpv4Word(view, at, (view.getUint8(at) << 8) | trafficClass);
}

/** Changes the total length and mends the checksum for it. */
export function setIpv4TotalLength(view: DataView, at: number, totalLength: number): void {
  changeIpv4Word(view, at, totalLength, IPV4_TOTAL_LENGTH);
}

/** RFC 1624: what the checksum says about the other fields, right or wrong, it says afterwards. */
function changeIpv4Word(view: DataView, at: number, value: number, field = 0): void {
  const before = view.getUint16(at + field);
  const checksum = view.getUint16(at + IPV4_CHECKSUM);
  view.setUint16(at + field, value);
  view.setUint16(at + IPV4_CHECKSUM, updateChecksum(checksum, before, value));
}
