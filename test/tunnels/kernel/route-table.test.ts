import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cidr, compareCidr } from "../../../encap/address/cidr.ts";
import { IpAddress } from "../../../encap/address/ip-address.ts";
import { RouteTable } from "../../../tunnels/kernel/route-table.ts";

type Step =
  | { readonly do: "set" | "delete" | "find"; readonly cidr: Cidr; readonly path: number }
  | { readonly do: "clear" };

describe.each([4, 6] as const)("RouteTable, IPv%i", (family) => {
  // Few values in each word, so that destinations meet and slots collide.
  const word = fc.constantFrom(0, 1, 0x0a000000, 0x0a000100, 0xffffffff);
  const cidr = fc
    .tuple(word, word, word, word, fc.constantFrom(0, 8, 24, 31, 32, 64, 127, 128))
    .map(([w0, w1, w2, w3, length]) => {
      if (family === 4) return new Cidr(new IpAddress(4, w0), Math.min(length, 32));
      return new Cidr(new IpAddress(6, w0, w1, w2, w3), length);
    });
  /** So many that the table grows several times. */
  const spread = fc
    .integer({ min: 0, max: 2_000 })
    .map((at) => new Cidr(new IpAddress(family, 0x0a000000 + at * 64, 0, 0, 0), 26));
  const destination = fc.oneof(cidr, spread);
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 300,
      arbitrary: fc.record({
        do: fc.constantFrom("set", "set", "delete", "find"),
        cidr: destination,
        path: fc.nat(5),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "clear" } as const) },
  );

  function contents(table: RouteTable): [string, number][] {
    return [...table.rows()].map((row) => [`${table.destinationOf(row)}`, table.pathOf(row)]);
  }

  test("does what a map does, whatever is done to it", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 400, size: "max" }), (steps) => {
        const table = new RouteTable(family, 1);
        const model = new Map<string, number>();
        const rows = new Map<string, number>();
        for (const one of steps) {
          if (one.do === "clear") {
            table.clear();
            model.clear();
            rows.clear();
            continue;
          }
          const key = `${one.cidr}`;
          const before = table.changeCount;
          const had = model.get(key);
          if (one.do === "set") {
            const row = table.setCidr(one.cidr, one.path);
            // A row keeps its number as long as the route is there.
            expect(rows.get(key) ?? row).toBe(row);
            rows.set(key, row);
            model.set(key, one.path);
          } else if (one.do === "delete") {
            expect(table.delete(one.cidr)).toBe(model.delete(key));
            rows.delete(key);
          }
          expect(table.get(one.cidr)).toBe(model.get(key) ?? -1);
          expect(table.changeCount - before).toBe(had === model.get(key) ? 0 : 1);
        }
        expect(table.size).toBe(model.size);
        expect(new Map(contents(table))).toEqual(model);
        for (const [key, row] of rows) expect(`${table.destinationOf(row)}`).toBe(key);
      }),
      { numRuns: 80 },
    );
  });

  test("finds a row with any hint, right, wrong or out of range", () => {
    const table = new RouteTable(family);
    const all = Array.from({ length: 200 }, (_, at) => {
      return new Cidr(new IpAddress(family, 0x0a000000 + at * 64), 26);
    });
    for (const [at, one] of all.entries()) table.setCidr(one, at);
    for (const [at, { address, length }] of all.entries()) {
      const { w0, w1, w2, w3 } = address;
      for (const hint of [at, at + 1, 0, -1, 5_000]) {
        expect(table.pathOf(table.find(w0, w1, w2, w3, length, hint))).toBe(at);
      }
      expect(table.find(w0, w1, w2, w3, length - 1, at)).toBe(-1);
      table.removeRow(at);
      expect(table.find(w0, w1, w2, w3, length, at)).toBe(-1);
    }
  });

  test("may lose and change rows while somebody walks them", () => {
    const table = new RouteTable(family);
    const all = Array.from({ length: 100 }, (_, at) => {
      return new Cidr(new IpAddress(family, 0x0a000000 + at * 64), 26);
    });
    for (const [at, one] of all.entries()) table.setCidr(one, at);
    let walked = 0;
    for (const row of table.rows()) {
      walked++;
      if (table.pathOf(row) % 2 === 0) table.removeRow(row);
      else table.setCidr(table.destinationOf(row), 1_000);
    }
    expect([walked, table.size]).toEqual([100, 50]);
    expect(contents(table).every(([, path]) => path === 1_000)).toBe(true);
    table.removeRow(0);
    expect(table.size).toBe(50);
  });

  test("gives destinations back as they were put in", () => {
    fc.assert(
      fc.property(fc.uniqueArray(cidr, { selector: String }), (cidrs) => {
        const table = new RouteTable(family);
        for (const one of cidrs) table.setCidr(one, 7);
        const back = [...table.rows()].map((row) => table.destinationOf(row)).sort(compareCidr);
        expect(back.map(String)).toEqual([...cidrs].sort(compareCidr).map(String));
        for (const row of table.rows()) {
          const { address, length } = table.destinationOf(row);
          const words = [0, 1, 2, 3].map((at) => table.wordOf(row, at));
          expect(words).toEqual([address.w0, address.w1, address.w2, address.w3]);
          expect(table.lengthOf(row)).toBe(length);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("knows which rows were seen, however it grows", () => {
    const table = new RouteTable(family);
    const first = table.setCidr(new Cidr(new IpAddress(family, 1), 32), 1);
    table.see(first, 3);
    for (let at = 2; at < 300; at++) table.setCidr(new Cidr(new IpAddress(family, at), 32), 1);
    expect([...table.rows()].filter((row) => table.wasSeen(row, 3))).toEqual([first]);
  });

  test("forgets that a row was seen when its route goes", () => {
    const table = new RouteTable(family);
    const one = new Cidr(new IpAddress(family, 1), 32);
    const row = table.setCidr(one, 1);
    table.see(row, 3);
    expect([table.wasSeen(row, 3), table.wasSeen(row, 4)]).toEqual([true, false]);
    table.delete(one);
    expect(table.setCidr(one, 1)).toBe(row);
    expect(table.wasSeen(row, 3)).toBe(false);
  });
});
