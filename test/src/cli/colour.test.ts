import { expect, test } from "vitest";
import { colourText, wantsColour } from "../../../src/cli/colour.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what colours are made of
const ESCAPES = /\x1b\[\d+m/g;

test.each([
  [{ isTTY: true }, {}, true],
  [{ isTTY: true }, { NO_COLOR: "" }, true],
  [{ isTTY: true }, { NO_COLOR: "1" }, false],
  [{ isTTY: true }, { TERM: "dumb" }, false],
  [{ isTTY: false }, {}, false],
  [{}, {}, false],
])("wantsColour of %j with %j is %s", (stream, env, wanted) => {
  expect(wantsColour(stream, env)).toBe(wanted);
});

test("colourText adds colours and changes no character", () => {
  const text = [
    "in sync   everything wanted is in the kernel",
    "degraded  1 problem",
    "failing   2",
    "failing   none",
    "✓  10.0.0.0/26 proto 202  block of birch",
    "✗ missing  10.0.1.0/26 proto 202  block of cedar",
    "# node alder",
    "ip route add 10.0.0.0/26 nhid 1   # block of birch",
    "plain",
  ].join("\n");
  const coloured = colourText(text);
  expect(coloured.replaceAll(ESCAPES, "")).toBe(text);
  const isColoured = coloured.split("\n").map((line) => line.includes("\x1b["));
  expect(isColoured).toEqual([true, true, true, false, true, true, true, true, false]);
});
