import { expect, test } from "vitest";
import type { Setting } from "../../../src/config/setting.ts";
import { formatValue, readValue } from "../../../src/config/setting-value.ts";
import { SETTINGS } from "../../../src/config/settings.ts";

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

const named = (name: string): Setting => SETTINGS.find((one) => one.name === name) as Setting;

test.each([
  ["nodeAddress", "192.0.2.10/24, 2001:db8::10"],
  ["nodeCidr", "192.0.2.0/24,2001:db8::/64"],
  ["nodeInterface", "eth\\d+|bond0"],
])("%s takes %s", (name, text) => {
  expect(readValue(named(name), text)).toEqual({ value: text });
});

test.each([
  ["nodeAddress", "192.0.2.10,192.0.2.11", "must be one address of each family"],
  ["nodeAddress", "alder", '"alder" is not an IP address'],
  ["nodeCidr", "192.0.2.10/24", '"192.0.2.10/24" has host bits set; the prefix is 192.0.2.0/24'],
  ["nodeInterface", "eth(", "Invalid regular expression: /^(?:eth()$/: Unterminated group"],
  ["nodeAddress", "", "must be a text"],
])("%s refuses %j", (name, text, fault) => {
  expect(readValue(named(name), text)).toEqual({ fault });
});
