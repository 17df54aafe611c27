import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressBits,
  compareIp,
  type Family,
  IpAddress,
  parseIp,
  readIp,
  writeIp,
} from "../../../encap/address/ip-address.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
/** Words with many zeros, where the text has something to leave out. */
const sparse = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }), word);
const anyIp: fc.Arbitrary<IpAddress> = fc.oneof(
  word.map((w0) => new IpAddress(4, w0)),
  fc.tuple(sparse, sparse, sparse, sparse).map((words) => new IpAddress(6, ...words)),
);

describe("parseIp", () => {
  test.each([
    ["0.0.0.0", 0],
    ["255.255.255.255", 0xffffffff],
    ["192.0.2.1", 0xc0000201],
    ["10.0.0.255", 0x0a0000ff],
  ])("reads %s", (text, w0) => {
    expect(parseIp(text)).toEqual(new IpAddress(4, w0));
  });

  test.each([
    ["::", [0, 0, 0, 0]],
    ["::1", [0, 0, 0, 1]],
    ["2001:db8::", [0x20010db8, 0, 0, 0]],
    ["2001:DB8:0:0:8:800:200C:417A", [0x20010db8, 0, 0x00080800, 0x200c417a]],
    ["1:2:3:4:5:6:7::", [0x00010002, 0x00030004, 0x00050006, 0x00070000]],
    ["::ffff:192.0.2.1", [0, 0, 0xffff, 0xc0000201]],
    ["64:ff9b::192.0.2.33", [0x0064ff9b, 0, 0, 0xc0000221]],
  ] as const)("reads %s", (text, [w0, w1, w2, w3]) => {
    expect(parseIp(text)).toEqual(new IpAddress(6, w0, w1, w2, w3));
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1..2.3",
    ".1.2.3",
    "1.2.3.",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.00",
    "0x10.1.1.1",
    "1e1.2.3.4",
    "+1.2.3.4",
    "1.2.3.-4",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "１.2.3.4",
    "1.2.3.4/24",
    "3232235521",
    ":",
    ":::",
    ":1",
    "1:",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "g::",
    "12345::",
    "::00001",
    "::1/64",
    "::1%eth0",
    "[::1]",
    " ::1",
    "::1.2.3",
    "::256.1.1.1",
    "::ffff:01.2.3.4",
    "::1.2.3.4:5",
    "1:2:3:4:5:6:7:1.2.3.4",
    "localhost",
  ])("refuses %j", (text) => {
    expect(() => parseIp(text)).toThrow(SyntaxError);
    expect(() => parseIp(text)).toThrow(`"${text}"`);
  });

  test("takes a text for what Node takes it for, or for less", () => {
    const digit = fc.constantFrom(..."0123456789abcfg.:%/x ");
    fc.assert(
      fc.property(fc.string({ unit: digit, maxLength: 20 }), (text) => {
        let family: Family | 0 = 0;
        try {
          ({ family } = parseIp(text));
        } catch {
          return;
        }
        expect(isIP(text)).toBe(family);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("IpAddress as text", () => {
  // RFC 5952 sections 4 and 5.
  test.each([
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8::ABCD", "2001:db8::abcd"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["fe80:0:0:0:1:2:3:4", "fe80::1:2:3:4"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["::ffff:0:0", "::ffff:0.0.0.0"],
    ["::c000:201", "::c000:201"],
    ["0.0.0.0", "0.0.0.0"],
  ])("%s is written %s", (given, text) => {
    expect(`${parseIp(given)}`).toBe(text);
    expect(JSON.stringify(parseIp(given))).toBe(`"${text}"`);
  });

  test("is read back as the same address", () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(parseIp(`${ip}`).equals(ip)).toBe(true);
        expect(isIP(`${ip}`)).toBe(ip.family);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is the shortest that a URL has too", () => {
    fc.assert(
      fc.property(fc.tuple(sparse, sparse, sparse, sparse), (words) => {
        const ip = new IpAddress(6, ...words);
        fc.pre(words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff);
        expect(new URL(`http://[${ip}]/`).hostname).toBe(`[${ip}]`);
      }),
      { numRuns: 1_000 },
    );
  });
});

test("IpAddress takes words modulo 2^32", () => {
  expect(new IpAddress(4, -1).w0).toBe(0xffffffff);
  expect(new IpAddress(6, 1, -2, 0x1_0000_0003, 4)).toEqual(new IpAddress(6, 1, 0xfffffffe, 3, 4));
});

test("equals tells families apart", () => {
  expect(new IpAddress(4, 1).equals(new IpAddress(6, 1))).toBe(false);
  expect(new IpAddress(4, 1).equals(new IpAddress(4, 1))).toBe(true);
  for (const at of [0, 1, 2, 3]) {
    const words: [number, number, number, number] = [1, 2, 3, 4];
    words[at] = 9;
    expect(new IpAddress(6, 1, 2, 3, 4).equals(new IpAddress(6, ...words))).toBe(false);
  }
});

test("compareIp orders by number, IPv4 first", () => {
  const sorted = [
    "0.0.0.1",
    "9.255.0.0",
    "10.0.0.0",
    "128.0.0.0",
    "::",
    "::1",
    "::1:0:0:0",
    "8000::",
  ];
  for (const [one, a] of sorted.entries()) {
    for (const [other, b] of sorted.entries()) {
      expect(Math.sign(compareIp(parseIp(a), parseIp(b)))).toBe(Math.sign(one - other));
    }
  }
});

test("addressBits is the length of a host prefix", () => {
  expect([addressBits(4), addressBits(6)]).toEqual([32, 128]);
});

describe("writeIp and readIp", () => {
  test("use network byte order at the offset, and leave the rest alone", () => {
    const bytes = new Uint8Array(24).fill(0xa5);
    const view = new DataView(bytes.buffer);
    expect(writeIp(parseIp("192.0.2.1"), view, 3)).toBe(4);
    expect([...bytes.subarray(2, 8)]).toEqual([0xa5, 192, 0, 2, 1, 0xa5]);
    bytes.fill(0xa5);
    expect(writeIp(parseIp("2001:db8::1"), view, 1)).toBe(16);
    expect([...bytes.subarray(0, 6)]).toEqual([0xa5, 0x20, 0x01, 0x0d, 0xb8, 0]);
    expect([...bytes.subarray(15, 19)]).toEqual([0, 1, 0xa5, 0xa5]);
  });

  test("are each other's reverse", () => {
    fc.assert(
      fc.property(anyIp, fc.nat(8), (ip, offset) => {
        const view = new DataView(new ArrayBuffer(32));
        writeIp(ip, view, offset);
        expect(readIp(ip.family, view, offset).equals(ip)).toBe(true);
      }),
    );
  });

  test("refuse to go past the end", () => {
    const view = new DataView(new ArrayBuffer(15));
    expect(() => writeIp(parseIp("::1"), view, 0)).toThrow(RangeError);
    expect(() => readIp(6, view, 0)).toThrow(RangeError);
  });
});
