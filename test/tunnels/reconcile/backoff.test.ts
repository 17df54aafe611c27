import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffDelay } from "../../../tunnels/reconcile/backoff.ts";

const LIMITS = { first: 100, limit: 30_000 };

test("backoffDelay doubles up to the limit, whatever the number of tries", () => {
  const tries = [1, 2, 3, 4, 8, 9, 10, 11, 31, 32, 1_000, 1e9];
  expect(tries.map((attempt) => backoffDelay(attempt, LIMITS, 0))).toEqual([
    100, 200, 400, 800, 12_800, 25_600, 30_000, 30_000, 30_000, 30_000, 30_000, 30_000,
  ]);
});

test("backoffDelay adds up to a quarter of jitter, to the limit too", () => {
  expect(backoffDelay(1, LIMITS, 1)).toBe(125);
  expect(backoffDelay(50, LIMITS, 1)).toBe(37_500);
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), unit, (attempt, random) => {
      const plain = backoffDelay(attempt, LIMITS, 0);
      const delay = backoffDelay(attempt, LIMITS, random);
      expect(delay).toBeGreaterThanOrEqual(plain);
      expect(delay).toBeLessThanOrEqual(plain * 1.25);
    }),
  );
});
