import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { columns, duration, plural, WIDTH, wrap } from "../../../src/cli/text.ts";

describe("wrap", () => {
  const words = fc.array(fc.stringMatching(/^[a-z./→"]{1,30}$/), { minLength: 1, maxLength: 60 });

  test("gives lines of at most 100 columns, and the same words", () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 0, max: 20 }), (list, indent) => {
        const lines = wrap(list.join(" "), " ".repeat(indent)).split("\n");
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(WIDTH);
        for (const line of lines.slice(1)) expect(line).toMatch(new RegExp(`^ {${indent}}\\S`));
        expect(lines.join(" ").split(/ +/).filter(Boolean)).toEqual(list);
      }),
    );
  });

  test("leaves a word whole that is longer than a line", () => {
    const path = `/${"x".repeat(150)}`;
    expect(wrap(`cannot read ${path}: it is gone`, "  ").split("\n")).toContain(`  ${path}:`);
    expect(wrap(path, "  ")).toBe(path);
  });

  test("keeps the indent of the first line", () => {
    const line = `          ${"word ".repeat(30).trimEnd()}`;
    const [first = "", second = ""] = wrap(line, " ".repeat(14)).split("\n");
    expect(first).toMatch(/^ {10}word/);
    expect(second).toMatch(/^ {14}word/);
  });
});

test.each([
  [0, "route", "0 routes"],
  [1, "route", "1 route"],
  [1_024, "FDB entry", "1,024 FDB entries"],
  [2, "address", "2 addresses"],
  [2, "prefix", "2 prefixes"],
])("plural of %i %s is %s", (count, noun, text) => {
  expect(plural(count, noun)).toBe(text);
});

test.each([
  [0.04, "0.0 ms"],
  [3.21, "3.2 ms"],
  [345, "345 ms"],
  [2_000, "2 s"],
  [119_000, "119 s"],
  [12 * 60_000, "12 min"],
  [5 * 3_600_000, "5 h"],
  [3 * 86_400_000, "3 d"],
])("duration of %d ms is %s", (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

test("columns are as wide as their widest cell, with nothing at the end of a line", () => {
  expect(
    columns([
      ["a", "bb", ""],
      ["ccc", "d", "e"],
    ]),
  ).toBe("a    bb\nccc  d   e\n");
});
