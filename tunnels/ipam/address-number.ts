/** Addresses as whole numbers, for counting inside a prefix. */
import type { Cidr } from "../../encap/address/cidr.ts";
import { addressBits, IpAddress } from "../../encap/address/ip-address.ts";

/** How many addresses are in a prefix. */
export function addressCount(cidr: Cidr): bigint {
  return 1n << BigInt(addressBits(cidr.family) - cidr.length);
}

/** The address that stands `ordinal` places after the first one of a prefix. */
export function addressAt(cidr: Cidr, ordinal: bigint | number): IpAddress {
  const number = toNumber(cidr.address) + BigInt(ordinal);
  if (cidr.family === 4) return new IpAddress(4, Number(number));
  const word = (shift: bigint): number => Number((number >> shift) & 0xffffffffn);
  return new IpAddress(6, word(96n), word(64n), word(32n), word(0n));
}

/** The place of an address in a prefix that contains it. */
export function ordinalOf(cidr: Cidr, ip: IpAddress): number {
  return Number(toNumber(ip) - toNumber(cidr.address));
}

function toNumber(ip: IpAddress): bigint {
  if (ip.family === 4) return BigInt(ip.w0);
  const high = (BigInt(ip.w0) << 32n) | BigInt(ip.w1);
  const low = (BigInt(ip.w2) << 32n) | BigInt(ip.w3);
  return (high << 64n) | low;
}
