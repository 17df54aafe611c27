/** The IPv6 address that a device makes for itself. */
import { IpAddress } from "./ip-address.ts";
import { type MacAddress, writeMac } from "./mac-address.ts";

/** fe80::/64 with the modified EUI-64 of the MAC: RFC 4291 section 2.5.6 and appendix A. */
export function linkLocalOf(mac: MacAddress): IpAddress {
  const octets = new Uint8Array(6);
  writeMac(mac, octets, 0);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = octets;
  // The bit that says "locally administered" is turned round; ff:fe goes into the middle.
  const high = ((a ^ 0x02) << 24) | (b << 16) | (c << 8) | 0xff;
  const low = (0xfe << 24) | (d << 16) | (e << 8) | f;
  return new IpAddress(6, 0xfe800000, 0, high, low);
}
