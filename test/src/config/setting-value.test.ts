import { expect, test } from "vitest";
import { formatValue, readValue } from "../../../src/config/setting-value.ts";
import { SETTINGS, type Setting } from "../../../src/config/settings.ts";

const refresh = SETTINGS.find(({ name }) => name === "routeRefreshInterval") as Setting;

test.each([
  ["0", 0, "0s"],
  ["500ms", 500, "500ms"],
  ["90", 90_000, "90s"],
  ["90s", 90_000, "90s"],
  ["1m30s", 90_000, "90s"],
  ["120s", 120_000, "2m"],
  ["1h", 3_600_000, "60m"],
  ["1.5s", 1_500, "1500ms"],
])("a time of %s is %i ms, and %s again", (text, milliseconds, again) => {
  expect(readValue(refresh, text)).toEqual({ value: milliseconds });
  expect(formatValue(refresh, milliseconds)).toBe(again);
  expect(readValue(refresh, again)).toEqual({ value: milliseconds });
});
