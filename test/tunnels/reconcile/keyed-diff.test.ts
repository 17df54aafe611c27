import fc from "fast-check";
import { expect, test } from "vitest";
import { type DiffRules, keyedDiff } from "../../../tunnels/reconcile/keyed-diff.ts";

/** Values are alike without regard to case, and ours if they do not begin with "x". */
const RULES: DiffRules<string> = {
  isSame: (a, b) => a.toLowerCase() === b.toLowerCase(),
  isOwned: (value) => !value.startsWith("x"),
};

test("keyedDiff tells what is missing, different and unwanted, wishes first", () => {
  const desired = new Map([
    ["new", "a"],
    ["same", "b"],
    ["changed", "c"],
    ["foreign", "d"],
  ]);
  const actual = new Map([
    ["left", "e"],
    ["theirs", "x"],
    ["changed", "cc"],
    ["same", "B"],
    ["foreign", "x"],
  ]);
  expect([...keyedDiff(desired, actual, RULES)]).toEqual([
    { key: "new", reason: "missing", desired: "a", actual: undefined },
    { key: "changed", reason: "different", desired: "c", actual: "cc" },
    { key: "foreign", reason: "different", desired: "d", actual: "x" },
    { key: "left", reason: "unwanted", desired: undefined, actual: "e" },
  ]);
});

test("keyedDiff of some keys is that of all keys, for those", () => {
  const values = fc.constantFrom("a", "A", "b", "x");
  const map = fc.dictionary(fc.constantFrom("k", "l", "m", "n"), values);
  fc.assert(
    fc.property(map, map, fc.subarray(["k", "l", "m", "n", "none"]), (one, other, keys) => {
      const desired = new Map(Object.entries(one));
      const actual = new Map(Object.entries(other));
      const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
      const whole = [...keyedDiff(desired, actual, RULES)].filter(({ key }) => keys.includes(key));
      expect([...keyedDiff(desired, actual, RULES, keys)].sort(byKey)).toEqual(whole.sort(byKey));
    }),
  );
});
