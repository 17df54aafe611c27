/**
 * IPv4 and IPv6 addresses as values: 32-bit words, most significant first, each an unsigned
 * number in host order. Text becomes numbers once, at the edge; after that nothing can fail.
 */
import { Address4, Address6 } from "ip-address";

export type Family = 4 | 6;

/** An IPv4 address (one word, in `w0`; the other words are 0) or an IPv6 address (four words). */
export class IpAddress {
  readonly family: Family;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;

  constructor(family: Family, w0: number, w1 = 0, w2 = 0, w3 = 0) {
    this.family = family;
    this.w0 = w0 >>> 0;
    this.w1 = w1 >>> 0;
    this.w2 = w2 >>> 0;
    this.w3 = w3 >>> 0;
  }

  equals(other: IpAddress): boolean {
    return (
      this.family === other.family &&
      this.w0 === other.w0 &&
      this.w1 === other.w1 &&
      this.w2 === other.w2 &&
      this.w3 === other.w3
    );
  }

  /** Dotted decimal, or RFC 5952 text. */
  toString(): string {
    return this.family === 4 ? formatIpv4(this.w0) : formatIpv6(this);
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Full prefix length of a family: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Numeric order, IPv4 before IPv6. */
export function compareIp(a: IpAddress, b: IpAddress): number {
  return a.family - b.family || a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3;
}

/**
 * Reads an address without a prefix length.
 * @throws SyntaxError if the text is not exactly one IPv4 or IPv6 address. Leading zeros in
 * dotted decimal are refused (RFC 6943 section 3.1.1), as are zone identifiers.
 */
export function parseIp(text: string): IpAddress {
  const value = parseDottedDecimal(text);
  if (value >= 0) return new IpAddress(4, value);
  if (text.includes(":") && !text.includes("%") && !text.includes("/")) {
    try {
      const groups = new Address6(text).canonicalForm().split(":");
      const word = (at: number): number => parseInt(`${groups[at]}${groups[at + 1]}`, 16);
      return new IpAddress(6, word(0), word(2), word(4), word(6));
    } catch {
      throw new SyntaxError(`"${text}" is not an IPv6 address`);
    }
  }
  throw new SyntaxError(`"${text}" is not an IP address${Address4.isValid(text) ? " alone" : ""}`);
}

/** The address in a 16- or 4-byte network-order form at `offset` of `bytes`. */
export function readIp(family: Family, bytes: DataView, offset: number): IpAddress {
  if (family === 4) return new IpAddress(4, bytes.getUint32(offset));
  return new IpAddress(
    6,
    bytes.getUint32(offset),
    bytes.getUint32(offset + 4),
    bytes.getUint32(offset + 8),
    bytes.getUint32(offset + 12),
  );
}

/** Writes the address in network byte order; returns its length in bytes (4 or 16). */
export function writeIp(ip: IpAddress, bytes: DataView, offset: number): number {
  bytes.setUint32(offset, ip.w0);
  if (ip.family === 4) return 4;
  bytes.setUint32(offset + 4, ip.w1);
  bytes.setUint32(offset + 8, ip.w2);
  bytes.setUint32(offset + 12, ip.w3);
  return 16;
}

/** The value of strict dotted decimal, or -1. The hot path of a first list: no regular expression. */
function parseDottedDecimal(text: string): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      if (octet === 0) return -1;
      octet = octet < 0 ? code - 48 : octet * 10 + code - 48;
      if (octet > 255) return -1;
    } else if (code === 46 && octet >= 0 && dots < 3) {
      value = value * 256 + octet;
      octet = -1;
      dots++;
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function formatIpv6(ip: IpAddress): string {
  // RFC 5952 section 5: IPv4-mapped addresses in mixed notation.
  if (ip.w0 === 0 && ip.w1 === 0 && ip.w2 === 0xffff) return `::ffff:${formatIpv4(ip.w3)}`;
  const groups: number[] = [];
  for (const word of [ip.w0, ip.w1, ip.w2, ip.w3]) groups.push(word >>> 16, word & 0xffff);
  // RFC 5952 section 4.2: the first longest run of two or more zero groups becomes "::".
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
    start += length;
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestStart < 0) return hex.join(":");
  const head = hex.slice(0, bestStart).join(":");
  return `${head}::${hex.slice(bestStart + bestLength).join(":")}`;
}
