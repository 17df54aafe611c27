import { expect, test } from "vitest";
import { encapOverhead, toVni, tunnelMtu, type UnderlayMtu } from "../../encap/encap-mode.ts";

test.each([
  ["none", 4, 0],
  ["none", 6, 0],
  // RFC 2003, RFC 2473: one more IP header.
  ["ipip", 4, 20],
  ["ipip", 6, 40],
  // RFC 7348: IP, UDP, VXLAN and the inner Ethernet header.
  ["vxlan", 4, 50],
  ["vxlan", 6, 70],
] as const)("%s over IPv%i costs %i bytes", (mode, family, bytes) => {
  expect(encapOverhead(mode, family)).toBe(bytes);
  expect(tunnelMtu(1500 as UnderlayMtu, mode, family)).toBe(1500 - bytes);
});

test.each([1, 4096, 0xffffff])("toVni takes %i", (value) => {
  expect(toVni(value)).toBe(value);
});

test.each([0, -1, 0x1000000, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "toVni refuses %s",
  (value) => {
    expect(() => toVni(value)).toThrow(RangeError);
    expect(() => toVni(value)).toThrow(`VNI ${value} is not in 1 to 16777215`);
  },
);
