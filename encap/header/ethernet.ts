/**
 * The Ethernet header (IEEE 802.3, type field as in RFC 894 and RFC 2464), without a VLAN tag.
 *
 *   +-----------+-----------+-----------+-----------+-----------+-----------+
 *   |                        Destination (48 bits)                          |
 *   +-----------+-----------+-----------+-----------+-----------+-----------+
 *   |                        Source (48 bits)                               |
 *   +-----------+-----------+-----------+-----------+-----------+-----------+
 *   |       Ethertype       |
 *   +-----------+-----------+
 *
 * An address is two numbers here, 16 and 32 bits: an integer of 48 bits is beyond what the
 * processor's 32-bit instructions, and so V8, handle without doubles.
 */
import type { MacAddress } from "../address/mac-address.ts";

export const ETHERNET_DESTINATION = 0;
export const ETHERNET_SOURCE = 6;
export const ETHERNET_TYPE = 12;
export const ETHERNET_HEADER: number = ETHERNET_TYPE + 2;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_QINQ = 0x88a8;

/** A MAC address as it is written and compared in packets. */
export interface MacWords {
  /** The first two octets. */
  readonly high: number;
  /** The last four octets, unsigned. */
  readonly low: number;
}

export function macWords(mac: MacAddress): MacWords {
  const digits = mac.replaceAll(":", "");
  return { high: parseInt(digits.slice(0, 4), 16), low: parseInt(digits.slice(4), 16) };
}

/** Writes all 14 bytes. */
export function writeEthernetHeader(
  view: DataView,
  at: number,
  destination: MacWords,
  source: MacWords,
  ethertype: number,
): void {
  view.setUint16(at + ETHERNET_DESTINATION, destination.high);
  view.setUint32(at + ETHERNET_DESTINATION + 2, destination.low);
  view.setUint16(at + ETHERNET_SOURCE, source.high);
  view.setUint32(at + ETHERNET_SOURCE + 2, source.low);
  view.setUint16(at + ETHERNET_TYPE, ethertype);
}

/** True if the six bytes at `at` are `mac`. */
export function isMacAt(view: DataView, at: number, mac: MacWords): boolean {
  return view.getUint32(at + 2) === mac.low && view.getUint16(at) === mac.high;
}

/** True if a device can have the address at `at`: not a group's (bit 0 of octet 0), not zero. */
export function isUnicastMacAt(view: DataView, at: number): boolean {
  const high = view.getUint16(at);
  return (high & 0x0100) === 0 && (high !== 0 || view.getUint32(at + 2) !== 0);
}
