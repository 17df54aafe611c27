/**
 * The IPv6 header (RFC 8200 section 3).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |Version| Traffic Class |           Flow Label                  |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |         Payload Length        |  Next Header  |   Hop Limit   |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                                                               |
 *   +                     Source Address (128 bits)                 +
 *   |                                                               |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                                                               |
 *   +                  Destination Address (128 bits)               +
 *   |                                                               |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * All fields are big endian. Nothing here checks a packet: `readIpPacket` does that, once.
 */

export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const IPV6_HOP_LIMIT = 7;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;
export const IPV6_HEADER: number = IPV6_DESTINATION + 16;
/** The largest payload that the length field can hold; jumbograms (RFC 2675) are not spoken. */
export const IPV6_PAYLOAD_MAX = 0xffff;
/** Every link carries packets of this length (RFC 8200 section 5). */
export const IPV6_MTU_MIN = 1280;

/** The fields of one header. One object is used for many packets. */
export class Ipv6Header {
  /** DSCP in the upper six bits, ECN in the lower two. */
  trafficClass = 0;
  /** 20 bits. */
  flowLabel = 0;
  /** Bytes behind this header, extension headers included. */
  payloadLength = 0;
  nextHeader = 0;
  hopLimit = 0;
  /** Unsigned 32-bit words, host order, as `w0` to `w3` of `IpAddress`. */
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
}

/** Reads the header at `at`, which has been found to be whole. */
export function readIpv6Header(view: DataView, at: number, header: Ipv6Header): void {
  const first = view.getUint32(at);
  header.trafficClass = (first >>> 20) & 0xff;
  header.flowLabel = first & 0xfffff;
  header.payloadLength = view.getUint16(at + IPV6_PAYLOAD_LENGTH);
  header.nextHeader = view.getUint8(at + IPV6_NEXT_HEADER);
  header.hopLimit = view.getUint8(at + IPV6_HOP_LIMIT);
  header.source0 = view.getUint32(at + IPV6_SOURCE);
  header.source1 = view.getUint32(at + IPV6_SOURCE + 4);
  header.source2 = view.getUint32(at + IPV6_SOURCE + 8);
  header.source3 = view.getUint32(at + IPV6_SOURCE + 12);
  header.destination0 = view.getUint32(at + IPV6_DESTINATION);
  header.destination1 = view.getUint32(at + IPV6_DESTINATION + 4);
  header.destination2 = view.getUint32(at + IPV6_DESTINATION + 8);
  header.destination3 = view.getUint32(at + IPV6_DESTINATION + 12);
}

/** Writes all 40 bytes. */
export function writeIpv6Header(view: DataView, at: number, header: Ipv6Header): void {
  view.setUint32(at, 0x60000000 | (header.trafficClass << 20) | header.flowLabel);
  view.setUint16(at + IPV6_PAYLOAD_LENGTH, header.payloadLength);
  view.setUint16(at + IPV6_NEXT_HEADER, (header.nextHeader << 8) | header.hopLimit);
  view.setUint32(at + IPV6_SOURCE, header.source0);
  view.setUint32(at + IPV6_SOURCE + 4, header.source1);
  view.setUint32(at + IPV6_SOURCE + 8, header.source2);
  view.setUint32(at + IPV6_SOURCE + 12, header.source3);
  view.setUint32(at + IPV6_DESTINATION, header.destination0);
  view.setUint32(at + IPV6_DESTINATION + 4, header.destination1);
  view.setUint32(at + IPV6_DESTINATION + 8, header.destination2);
  view.setUint32(at + IPV6_DESTINATION + 12, header.destination3);
}

/** The DSCP and ECN byte of the header at `at`. */
export function ipv6TrafficClass(view: DataView, at: number): number {
  return (view.getUint16(at) >>> 4) & 0xff;
}

/** The flow label of the header at `at`: 20 bits, 0 if the sender set none. */
export function ipv6FlowLabel(view: DataView, at: number): number {
  return view.getUint32(at) & 0xfffff;
}

/** Changes the DSCP and ECN byte; IPv6 has no header checksum to mend. */
export function setIpv6TrafficClass(view: DataView, at: number, trafficClass: number): void {
  view.setUint16(at, (view.getUint16(at) & 0xf00f) | (trafficClass << 4));
}
