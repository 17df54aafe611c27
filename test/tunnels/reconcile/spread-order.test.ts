import fc from "fast-check";
import { expect, test } from "vitest";
import { spreadOrder } from "../../../tunnels/reconcile/spread-order.ts";

test("spreadOrder gives every value once", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (values) => {
      expect([...spreadOrder(values)].sort()).toEqual([...values].sort());
    }),
  );
  for (let count = 0; count < 200; count++) {
    const values = Array.from({ length: count }, (_, at) => at);
    expect(new Set(spreadOrder(values)).size).toBe(count);
  }
});

test("spreadOrder leaves no long stretch empty at any time", () => {
  const count = 10_000;
  const spread = spreadOrder(Array.from({ length: count }, (_, at) => at));
  for (const taken of [10, 100, 1_000]) {
    const places = spread.slice(0, taken).sort((a, b) => a - b);
    const gaps = [...places, count].map((place, at) => place - (places[at - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan((count / taken) * 3);
  }
});
