import { describe, expect, test } from "vitest";
import { IpPacket } from "../../encap/ip-packet.ts";
import { answerMtu, Fit, fitInner, PATH_MTU_LIFETIME, PathMtuCache } from "../../encap/path-mtu.ts";

const inner = (family: 4 | 6, dontFragment: boolean): IpPacket =>
  Object.assign(new IpPacket(), { family, dontFragment });

describe("fitInner", () => {
  test.each([
    ["IPv4, fits", 4, true, 1450, 1450, Fit.Whole],
    ["IPv4, DF", 4, true, 1451, 1450, Fit.Answer],
    ["IPv4, no DF", 4, false, 1451, 1450, Fit.FragmentInner],
    ["IPv6, fits", 6, true, 1430, 1430, Fit.Whole],
    ["IPv6, too long", 6, true, 1431, 1430, Fit.Answer],
    ["IPv6, too long for a narrow path", 6, true, 1281, 1000, Fit.Answer],
    ["IPv6, of the least length on a narrow path", 6, true, 1280, 1000, Fit.FragmentOuter],
    ["IPv6, short on a narrow path", 6, true, 1001, 1000, Fit.FragmentOuter],
  ] as const)("decides: %s", (_, family, dontFragment, length, mtu, fit) => {
    expect(fitInner(inner(family, dontFragment), length, mtu)).toBe(fit);
  });
});

test("answerMtu never tells less than the family allows", () => {
  expect(answerMtu(inner(4, true), 1450)).toBe(1450);
  expect(answerMtu(inner(4, true), 40)).toBe(68);
  expect(answerMtu(inner(6, true), 1450)).toBe(1450);
  expect(answerMtu(inner(6, true), 1000)).toBe(1280);
});

describe("PathMtuCache", () => {
  test("knows the usual MTU until told less, for one remote alone", () => {
    const cache = new PathMtuCache(3, 1450);
    cache.learn(1, 1350, 0);
    expect([0, 1, 2].map((remote) => cache.mtuOf(remote, 0))).toEqual([1450, 1350, 1450]);
  });

  test("forgets after its lifetime, and can be told again", () => {
    const cache = new PathMtuCache(1, 1450);
    cache.learn(0, 1350, 1000);
    expect(cache.mtuOf(0, 1000 + PATH_MTU_LIFETIME - 1)).toBe(1350);
    expect(cache.mtuOf(0, 1000 + PATH_MTU_LIFETIME)).toBe(1450);
    cache.learn(0, 1400, 2000 + PATH_MTU_LIFETIME);
    expect(cache.mtuOf(0, 2000 + PATH_MTU_LIFETIME)).toBe(1400);
  });

  test("remembers for longer what it is told again", () => {
    const cache = new PathMtuCache(1, 1450, 100);
    cache.learn(0, 1300, 0);
    cache.learn(0, 1300, 50);
    expect(cache.mtuOf(0, 149)).toBe(1300);
    expect(cache.mtuOf(0, 150)).toBe(1450);
  });

  test("believes less, not more, and nothing below the least MTU", () => {
    const cache = new PathMtuCache(1, 1450, 100);
    cache.learn(0, 1451, 0);
    expect(cache.mtuOf(0, 0)).toBe(1450);
    cache.learn(0, 1300, 0);
    cache.learn(0, 1400, 50);
    expect(cache.mtuOf(0, 99)).toBe(1300);
    expect(cache.mtuOf(0, 100)).toBe(1450);
    cache.learn(0, 0, 100);
    expect(cache.mtuOf(0, 100)).toBe(68);
  });
});
