/**
 * The UDP header (RFC 768).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |          Source Port          |       Destination Port        |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |            Length             |           Checksum            |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * All fields are big endian. The length counts this header. The checksum covers a pseudo-header,
 * this header and the data.
 */

export const UDP_SOURCE_PORT = 0;
export const UDP_DESTINATION_PORT = 2;
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_HEADER: number = UDP_CHECKSUM + 2;

/**
 * "No checksum". Over IPv4 a sender may always leave it out (RFC 768). Over IPv6 only a tunnel
 * whose both ends were told so may (RFC 6935 section 5, RFC 6936 section 5); else such a datagram
 * is refused (RFC 8200 section 8.1).
 */
export const UDP_NO_CHECKSUM = 0;

/** The fields of one header. One object is used for many packets. */
export class UdpHeader {
  sourcePort = 0;
  destinationPort = 0;
  /** Bytes, header included: 8 to 65535. */
  length = 0;
  checksum = 0;
}

/** Reads the header at `at`, of which 8 bytes are there; its length field may be wrong. */
export function readUdpHeader(view: DataView, at: number, header: UdpHeader): void {
  header.sourcePort = view.getUint16(at + UDP_SOURCE_PORT);
  header.destinationPort = view.getUint16(at + UDP_DESTINATION_PORT);
  header.length = view.getUint16(at + UDP_LENGTH);
  header.checksum = view.getUint16(at + UDP_CHECKSUM);
}

/** Writes all 8 bytes, the checksum as it stands in `header`. */
export function writeUdpHeader(view: DataView, at: number, header: UdpHeader): void {
  view.setUint16(at + UDP_SOURCE_PORT, header.sourcePort);
  view.setUint16(at + UDP_DESTINATION_PORT, header.destinationPort);
  view.setUint16(at + UDP_LENGTH, header.length);
  view.setUint16(at + UDP_CHECKSUM, header.checksum);
}
