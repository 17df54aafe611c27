/**
 * ICMP error messages: ICMPv4 (RFC 792, RFC 1191 section 4 for the MTU) and ICMPv6 (RFC 4443
 * section 3), which are laid out alike.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |     Type      |     Code      |          Checksum             |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |  v6: length   |  v4: length   |   v4: next-hop MTU, type 3/4  |
 *   |                  v6: MTU, type 2                              |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |   As much of the packet that caused it as is allowed, from    |
 *   |   its IP header on; then extensions, if "length" is not zero  |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * "Length" (RFC 4884) is that of the quoted packet, padded, in units of 4 bytes for ICMPv4 and 8
 * for ICMPv6. The ICMPv4 checksum covers the message, the ICMPv6 one a pseudo-header too.
 */

export const ICMP_TYPE = 0;
export const ICMP_CODE = 1;
export const ICMP_CHECKSUM = 2;
/** The word whose meaning depends on the type. */
export const ICMP_REST = 4;
export const ICMP_HEADER: number = ICMP_REST + 4;

export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

// Codes of ICMP_DEST_UNREACH (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_NET_UNKNOWN = 6;
export const ICMP_HOST_UNKNOWN = 7;
export const ICMP_NET_ANO = 9;
export const ICMP_HOST_ANO = 10;
export const ICMP_PKT_FILTERED = 13;

export const ICMPV6_DEST_UNREACH = 1;
export const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_TIME_EXCEED = 3;
export const ICMPV6_REDIRECT = 137;
/** Types below are errors (RFC 4443 section 2.1). */
export const ICMPV6_FIRST_INFORMATIONAL = 128;

// Codes of ICMPV6_DEST_UNREACH.
export const ICMPV6_NOROUTE = 0;
export const ICMPV6_ADM_PROHIBITED = 1;
export const ICMPV6_NOT_NEIGHBOUR = 2;
export const ICMPV6_ADDR_UNREACH = 3;
export const ICMPV6_PORT_UNREACH = 4;

/**
 * True for ICMPv4 messages that report about another packet: nobody answers those with an error.
 */
export function isIcmpv4Error(type: number): boolean {
  switch (type) {
    case ICMP_DEST_UNREACH:
    case ICMP_SOURCE_QUENCH:
    case ICMP_REDIRECT:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
      return true;
    default:
      return false;
  }
}

/** The same for ICMPv6; a redirect counts as one (RFC 4443 section 2.4 e). */
export function isIcmpv6Error(type: number): boolean {
  return type < ICMPV6_FIRST_INFORMATIONAL || type === ICMPV6_REDIRECT;
}

/** Writes the first 8 bytes, with a checksum of zero. `rest` is the unsigned second word. */
export function writeIcmpHeader(
  view: DataView,
  at: number,
  type: number,
  code: number,
  rest: number,
): void {
  view.setUint16(at + ICMP_TYPE, (type << 8) | code);
  view.setUint16(at + ICMP_CHECKSUM, 0);
  view.setUint32(at + ICMP_REST, rest);
}

/**
 * Bytes of the quoted packet in an ICMPv4 error of `length` bytes, extensions left out; padding may
 * be among them.
 */
export function icmpv4QuoteLength(view: DataView, at: number, length: number): number {
  const said = view.getUint8(at + ICMP_REST + 1) << 2;
  return said > 0 ? Math.min(said, length - ICMP_HEADER) : length - ICMP_HEADER;
}

/**
 * The same for ICMPv6, where only these two types have a length: in PKT_TOOBIG the MTU is there.
 */
export function icmpv6QuoteLength(view: DataView, at: number, length: number): number {
  const type = view.getUint8(at + ICMP_TYPE);
  const hasLength = type === ICMPV6_DEST_UNREACH || type === ICMPV6_TIME_EXCEED;
  const said = hasLength ? view.getUint8(at + ICMP_REST) << 3 : 0;
  return said > 0 ? Math.min(said, length - ICMP_HEADER) : length - ICMP_HEADER;
}
