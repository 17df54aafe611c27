import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cidr } from "../../../encap/address/cidr.ts";
import { addressBits, IpAddress } from "../../../encap/address/ip-address.ts";
import { DirtyPrefixes } from "../../../tunnels/desired/dirty-prefixes.ts";
import { PrefixClaims } from "../../../tunnels/desired/prefix-claims.ts";

interface Claim {
  readonly name: string;
  readonly cidr: Cidr;
}

describe.each([4, 6] as const)("PrefixClaims, IPv%i", (family) => {
  const word = fc.constantFrom(0x0a000000, 0x0a000100, 0x0a800000, 0xffffffff, 0);
  const lengths = family === 4 ? [0, 8, 9, 24, 32] : [0, 8, 33, 64, 96, 127, 128];
  const cidr = fc
    .tuple(word, word, word, word, fc.constantFrom(...lengths))
    .map(([w0, w1, w2, w3, length]) => {
      const ip = family === 4 ? new IpAddress(4, w0) : new IpAddress(6, w0, w1, w2, w3);
      return new Cidr(ip, length);
    });
  const claim = fc.record({ name: fc.constantFrom("a", "b", "c", "d"), cidr });
  const change = fc.record({ claim, isRemoval: fc.boolean() });
  const byName = (a: Claim, b: Claim): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

  /** The same history for the claims and for a plain list of them. */
  function played(changes: readonly { claim: Claim; isRemoval: boolean }[]) {
    const claims = new PrefixClaims<Claim>(byName);
    const model: Claim[] = [];
    for (const { claim: given, isRemoval } of changes) {
      const at = model.findIndex(({ name, cidr: one }) => {
        return name === given.name && one.equals(given.cidr);
      });
      const held = model[at];
      if (!isRemoval && held === undefined) {
        claims.add(given.cidr, given);
        model.push(given);
      } else if (isRemoval && held !== undefined) {
        claims.remove(held.cidr, held);
        model.splice(at, 1);
      }
    }
    return { claims, model };
  }

  test("answer as a list of all claims would", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), cidr, (changes, asked) => {
        const { claims, model } = played(changes);
        const here = model.filter((one) => one.cidr.equals(asked)).sort(byName);
        expect(claims.all(asked)).toEqual(here);
        expect(claims.first(asked)).toEqual(here[0]);
        const around = model
          .filter((one) => one.cidr.covers(asked))
          .sort((a, b) => b.cidr.length - a.cidr.length || byName(a, b));
        expect(claims.deepest(asked.address, asked.length)).toEqual(around[0]);
        const contested = [...claims.contested()].map((one) => `${one.cidr}`).sort();
        const twice = model.filter((one, at) => {
          return model.findIndex((other) => other.cidr.equals(one.cidr)) !== at;
        });
        expect(contested).toEqual([...new Set(twice.map((one) => `${one.cidr}`))].sort());
      }),
      { numRuns: 400 },
    );
  });

  test("mark every claimed prefix inside another", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), cidr, (changes, within) => {
        const { claims, model } = played(changes);
        const marked = (place?: Cidr): string[] => {
          const dirty = new DirtyPrefixes([family]);
          claims.markAtOnce(dirty, place);
          return [...dirty.take(family, true)].map(String).sort();
        };
        const all = new Set(model.map((one) => `${one.cidr}`));
        const inside = new Set(
          model.filter((one) => within.covers(one.cidr)).map((one) => `${one.cidr}`),
        );
        expect(marked()).toEqual([...all].sort());
        expect(marked(within)).toEqual([...inside].sort());
      }),
      { numRuns: 200 },
    );
  });

  test("are none after clear", () => {
    const { claims } = played([
      { claim: { name: "a", cidr: new Cidr(new IpAddress(family, 1), 32) }, isRemoval: false },
    ]);
    claims.clear();
    const host = new IpAddress(family, 1);
    expect(claims.deepest(host, addressBits(family))).toBeUndefined();
    expect([...claims.contested()]).toEqual([]);
  });
});

test("DirtyPrefixes hands each prefix out once, ascending, and takes marks meanwhile", () => {
  const prefix = (at: number): Cidr => new Cidr(new IpAddress(4, at << 8), 24);
  const dirty = new DirtyPrefixes([4]);
  for (const at of [3, 1, 2, 1]) dirty.mark(prefix(at));
  expect(dirty.size).toBe(3);
  const seen: string[] = [];
  for (const one of dirty.take(4, false)) {
    seen.push(`${one}`);
    if (seen.length === 2) dirty.mark(prefix(9));
  }
  expect(seen).toEqual([1, 2, 3].map((at) => `${prefix(at)}`));
  expect([...dirty.take(4, false)].map(String)).toEqual([`${prefix(9)}`]);
  expect(dirty.size).toBe(0);
});

test("DirtyPrefixes keeps what a walk that is given up has not handed out", () => {
  const prefix = (at: number): Cidr => new Cidr(new IpAddress(4, at << 8), 24);
  const dirty = new DirtyPrefixes([4]);
  for (const at of [1, 2, 3]) dirty.mark(prefix(at));
  for (const _ of dirty.take(4, false)) break;
  expect([...dirty.take(4, false)].map(String)).toEqual([2, 3].map((at) => `${prefix(at)}`));
});

test("DirtyPrefixes knows nothing of a family that is not wanted", () => {
  const dirty = new DirtyPrefixes([4]);
  dirty.mark(new Cidr(new IpAddress(6, 1), 64));
  expect(dirty.size).toBe(0);
});
