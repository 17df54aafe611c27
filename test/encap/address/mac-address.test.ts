import fc from "fast-check";
import { expect, test } from "vitest";
import { isUnicastMac, parseMac, readMac, writeMac } from "../../../encap/address/mac-address.ts";

test.each([
  ["66:3e:ca:a4:db:65", "66:3e:ca:a4:db:65"],
  ["66-3E-CA-A4-DB-65", "66:3e:ca:a4:db:65"],
  ["00:00:00:00:00:00", "00:00:00:00:00:00"],
])("parseMac reads %s", (text, mac) => {
  expect(parseMac(text)).toBe(mac);
});

test.each([
  "",
  "66:3e:ca:a4:db",
  "66:3e:ca:a4:db:65:00",
  "66:3e:ca:a4:db:6",
  "66:3e:ca:a4:db:6g",
  "66-3e:ca:a4:db:65",
  "663ecaa4db65",
  "663e.caa4.db65",
  " 66:3e:ca:a4:db:65",
  "66:3e:ca:a4:db:65\n",
])("parseMac refuses %j", (text) => {
  expect(() => parseMac(text)).toThrow(SyntaxError);
  expect(() => parseMac(text)).toThrow(`"${text}" is not a MAC address`);
});

test.each([
  ["66:3e:ca:a4:db:65", true],
  ["00:00:00:00:00:01", true],
  ["fe:ff:ff:ff:ff:ff", true],
  ["00:00:00:00:00:00", false],
  ["ff:ff:ff:ff:ff:ff", false],
  ["01:00:5e:00:00:01", false],
  ["33:33:00:00:00:01", false],
])("isUnicastMac of %s is %s", (mac, isUnicast) => {
  expect(isUnicastMac(parseMac(mac))).toBe(isUnicast);
});

test("writeMac and readMac are each other's reverse, and touch six bytes", () => {
  const octets = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(octets, fc.nat(4), (given, offset) => {
      const mac = readMac(given, 0);
      expect(parseMac(mac)).toBe(mac);
      const bytes = new Uint8Array(12).fill(0xa5);
      writeMac(mac, bytes, offset);
      expect([...bytes.subarray(offset, offset + 6)]).toEqual([...given]);
      expect(bytes.filter((_, at) => at < offset || at >= offset + 6)).toEqual(
        new Uint8Array(6).fill(0xa5),
      );
      expect(readMac(bytes, offset)).toBe(mac);
    }),
  );
});
