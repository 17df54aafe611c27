import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Cidr,
  compareCidr,
  hostCidr,
  maskIp,
  parseAddressWithLength,
  parseCidr,
} from "../../../encap/address/cidr.ts";
import { addressBits, IpAddress, parseIp } from "../../../encap/address/ip-address.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
const anyCidr: fc.Arbitrary<Cidr> = fc.oneof(
  fc.tuple(word, fc.nat(32)).map(([w0, length]) => new Cidr(new IpAddress(4, w0), length)),
  fc
    .tuple(word, word, word, word, fc.nat(128))
    .map(([w0, w1, w2, w3, length]) => new Cidr(new IpAddress(6, w0, w1, w2, w3), length)),
);

/** The address as a number. */
function numberOf({ family, w0, w1, w2, w3 }: IpAddress): bigint {
  const words = family === 4 ? [w0] : [w0, w1, w2, w3];
  return words.reduce((sum, one) => (sum << 32n) | BigInt(one), 0n);
}

/** First and last address, as numbers. */
function rangeOf({ address, length, family }: Cidr): [bigint, bigint] {
  const first = numberOf(address);
  return [first, first + (1n << BigInt(addressBits(family) - length)) - 1n];
}

describe("Cidr", () => {
  test.each([
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["10.1.2.3/0", "0.0.0.0/0"],
    ["10.1.2.3/31", "10.1.2.2/31"],
    ["10.1.2.3/32", "10.1.2.3/32"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["2001:db8:ffff::1/32", "2001:db8::/32"],
    ["2001:db8:ffff::1/33", "2001:db8:8000::/33"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/64", "ffff:ffff:ffff:ffff::/64"],
    ["ffff::ffff/0", "::/0"],
    ["::ffff:ffff/127", "::ffff:fffe/127"],
  ])("of %s is %s", (text, cidr) => {
    expect(`${parseCidr(text, false)}`).toBe(cidr);
    expect(JSON.stringify(parseCidr(text, false))).toBe(`"${cidr}"`);
  });

  test.each([33, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses length %s", (length) => {
    expect(() => new Cidr(parseIp("10.0.0.0"), length)).toThrow(RangeError);
  });

  test("contains exactly the addresses of its range", () => {
    fc.assert(
      fc.property(anyCidr, anyCidr, (cidr, { address }) => {
        const [first, last] = rangeOf(cidr);
        const value = numberOf(address);
        const isInside = address.family === cidr.family && first <= value && value <= last;
        expect(cidr.contains(address)).toBe(isInside);
        expect(cidr.contains(cidr.address)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("covers and overlaps as ranges do", () => {
    const near = fc.tuple(anyCidr, fc.nat(128)).map(([{ address }, length]) => {
      return new Cidr(address, Math.min(length, addressBits(address.family)));
    });
    const pair = fc
      .tuple(near, fc.nat(128))
      .map(([one, length]): [Cidr, Cidr] => [
        one,
        new Cidr(one.address, Math.min(length, addressBits(one.family))),
      ]);
    fc.assert(
      fc.property(fc.oneof(pair, fc.tuple(anyCidr, anyCidr)), ([a, b]) => {
        const [aFirst, aLast] = rangeOf(a);
        const [bFirst, bLast] = rangeOf(b);
        const isSameFamily = a.family === b.family;
        expect(a.covers(b)).toBe(isSameFamily && aFirst <= bFirst && bLast <= aLast);
        expect(a.overlaps(b)).toBe(isSameFamily && aFirst <= bLast && bFirst <= aLast);
        expect(a.overlaps(b)).toBe(b.overlaps(a));
      }),
      { numRuns: 500 },
    );
  });

  test("is a host with its full length alone", () => {
    expect(parseCidr("10.0.0.0/32").isHost).toBe(true);
    expect(parseCidr("::/128").isHost).toBe(true);
    expect(parseCidr("::/32").isHost).toBe(false);
    expect(`${hostCidr(parseIp("10.0.0.7"))} ${hostCidr(parseIp("::7"))}`).toBe(
      "10.0.0.7/32 ::7/128",
    );
  });

  test("equals only the same prefix of the same length", () => {
    expect(parseCidr("10.0.0.0/8").equals(parseCidr("10.9.0.0/8", false))).toBe(true);
    expect(parseCidr("10.0.0.0/8").equals(parseCidr("10.0.0.0/9"))).toBe(false);
    expect(parseCidr("0.0.0.0/0").equals(parseCidr("::/0"))).toBe(false);
  });
});

test("maskIp clears all bits after the first", () => {
  fc.assert(
    fc.property(anyCidr, fc.nat(128), ({ address }, length) => {
      const bits = addressBits(address.family);
      const kept = BigInt(Math.min(length, bits));
      const shift = BigInt(bits) - kept;
      expect(numberOf(maskIp(address, length))).toBe((numberOf(address) >> shift) << shift);
    }),
    { numRuns: 500 },
  );
});

test("compareCidr orders by address, then the shorter first", () => {
  const sorted = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.0.0/32",
    "11.0.0.0/8",
    "::/0",
    "::/128",
  ];
  const shuffled = [...sorted].reverse().map((text) => parseCidr(text));
  expect(shuffled.sort(compareCidr).map(String)).toEqual(sorted);
});

describe("parseCidr", () => {
  test("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyCidr, (cidr) => {
        expect(parseCidr(`${cidr}`).equals(cidr)).toBe(true);
      }),
    );
  });

  test.each([
    ["10.0.0.1/8", '"10.0.0.1/8" has host bits set; the prefix is 10.0.0.0/8', SyntaxError],
    ["10.0.0.0", '"10.0.0.0" has no prefix length', SyntaxError],
    ["10.0.0.0/33", "prefix length 33 is over 32", RangeError],
    ["::/129", "prefix length 129 is over 128", RangeError],
    ["10.0.0.0/", "has no valid prefix length", SyntaxError],
    ["10.0.0.0/08", "has no valid prefix length", SyntaxError],
    ["10.0.0.0/-1", "has no valid prefix length", SyntaxError],
    ["10.0.0.0/8 ", "has no valid prefix length", SyntaxError],
    ["10.0.0.0/8/8", "has no valid prefix length", SyntaxError],
    ["10.0.0.0/1e1", "has no valid prefix length", SyntaxError],
    ["10.0.0/8", '"10.0.0" is not an IP address', SyntaxError],
    ["/8", '"" is not an IP address', SyntaxError],
    ["::1%eth0/64", '"::1%eth0" is not an IP address', SyntaxError],
  ])("refuses %j", (text, message, kind) => {
    expect(() => parseCidr(text)).toThrow(kind);
    expect(() => parseCidr(text)).toThrow(message);
  });
});

test("parseAddressWithLength keeps host bits, and does without a length", () => {
  expect(parseAddressWithLength("192.0.2.11/24")).toEqual({
    address: parseIp("192.0.2.11"),
    length: 24,
  });
  expect(parseAddressWithLength("2001:db8::b/0").length).toBe(0);
  expect(parseAddressWithLength("192.0.2.11")).toEqual({
    address: parseIp("192.0.2.11"),
    length: undefined,
  });
});
