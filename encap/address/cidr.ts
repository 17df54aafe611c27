/** A prefix: an address whose host bits are zero, and its length in bits. */
import { addressBits, compareIp, type Family, IpAddress, parseIp } from "./ip-address.ts";

export class Cidr {
  readonly address: IpAddress;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;

  /** Host bits of `address` are cleared. @throws RangeError if `length` is out of range. */
  constructor(address: IpAddress, length: number) {
    const bits = addressBits(address.family);
    if (!Number.isInteger(length) || length < 0 || length > bits) {
      throw new RangeError(`prefix length ${length} is over ${bits}`);
    }
    this.address = length === bits ? address : maskIp(address, length);
    this.length = length;
  }

  get family(): Family {
    return this.address.family;
  }

  /** True for a /32 or a /128. */
  get isHost(): boolean {
    return this.length === addressBits(this.family);
  }

  contains(ip: IpAddress): boolean {
    return ip.family === this.family && maskIp(ip, this.length).equals(this.address);
  }

  /** True if every address of `other` is in this prefix. */
  covers(other: Cidr): boolean {
    return other.length >= this.length && this.contains(other.address);
  }

  overlaps(other: Cidr): boolean {
    return this.covers(other) || other.covers(this);
  }

  equals(other: Cidr): boolean {
    return this.length === other.length && this.address.equals(other.address);
  }

  toString(): string {
    return `${this.address}/${this.length}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** The /32 or /128 of one address. */
export function hostCidr(ip: IpAddress): Cidr {
  return new Cidr(ip, addressBits(ip.family));
}

/** Clears all bits after the first `length`; the address itself if they are clear. */
export function maskIp(ip: IpAddress, length: number): IpAddress {
  const w0 = maskWord(ip.w0, length);
  const w1 = maskWord(ip.w1, length - 32);
  const w2 = maskWord(ip.w2, length - 64);
  const w3 = maskWord(ip.w3, length - 96);
  const isClear = w0 === ip.w0 && w1 === ip.w1 && w2 === ip.w2 && w3 === ip.w3;
  return isClear ? ip : new IpAddress(ip.family, w0, w1, w2, w3);
}

/** Keeps the first `bits` bits of a word; none if they are fewer than one, all if more than 31. */
function maskWord(word: number, bits: number): number {
  return bits >= 32 ? word : bits <= 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0;
}

/** By address, then shorter prefixes first. */
export function compareCidr(a: Cidr, b: Cidr): number {
  return compareIp(a.address, b.address) || a.length - b.length;
}

/**
 * Reads "ADDRESS/LENGTH". With `strict` (the default) host bits must be zero.
 * @throws SyntaxError or RangeError with a message that names what is wrong.
 */
export function parseCidr(text: string, strict = true): Cidr {
  const { address, length } = parseAddressWithLength(text);
  if (length === undefined) throw new SyntaxError(`"${text}" has no prefix length`);
  const cidr = new Cidr(address, length);
  if (strict && !cidr.address.equals(address)) {
    throw new SyntaxError(`"${text}" has host bits set; the prefix is ${cidr}`);
  }
  return cidr;
}

/**
 * Reads "ADDRESS" or "ADDRESS/LENGTH" and keeps the host bits, as in Calico's `bgp.ipv4Address`.
 * @throws SyntaxError or RangeError.
 */
export function parseAddressWithLength(text: string): {
  address: IpAddress;
  length: number | undefined;
} {
  const slash = text.indexOf("/");
  if (slash < 0) return { address: parseIp(text), length: undefined };
  const address = parseIp(text.slice(0, slash));
  const length = parseLength(text, slash + 1);
  if (length < 0) throw new SyntaxError(`"${text}" has no valid prefix length`);
  const bits = addressBits(address.family);
  if (length > bits) throw new RangeError(`prefix length ${length} is over ${bits}`);
  return { address, length };
}

/** The number of one to three digits from `start` to the end, without leading zeros; else -1. */
function parseLength(text: string, start: number): number {
  const count = text.length - start;
  if (count < 1 || count > 3) return -1;
  let value = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9 || (at > start && value === 0)) return -1;
    value = value * 10 + digit;
  }
  return value;
}
