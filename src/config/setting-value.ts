/** One setting's value: from what was typed, and back to text. */
import { type Cidr, parseAddressWithLength, parseCidr } from "../../encap/address/cidr.ts";
import { type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import type { WishedAddress } from "../../tunnels/ipam/node-address.ts";
import { reasonOf } from "../errors.ts";
import { parseDuration } from "./duration.ts";
import type { Setting, SettingValue } from "./setting.ts";

export type ReadResult = { readonly value: SettingValue } | { readonly fault: string };

/** `raw`: the text of a flag or variable, or a value of the configuration file. */
export function readValue(setting: Setting, raw: unknown): ReadResult {
  switch (setting.type) {
    case "text":
      if (raw === "") return { fault: "must not be empty" };
      return typeof raw === "string" ? { value: raw } : { fault: "must be a text" };
    case "boolean":
      if (raw === true || raw === "true") return { value: true };
      if (raw === false || raw === "false") return { value: false };
      return { fault: "must be true or false" };
    case "integer":
      return readInteger(raw, setting.range ?? [0, Number.MAX_SAFE_INTEGER]);
    case "duration": {
      const value = parseDuration(String(raw));
      if (value !== undefined) return { value };
      return { fault: 'must be a time such as "90s", "500ms" or "2m"' };
    }
    case "choice":
      return readChoice(raw, setting.choices ?? []);
    case "IPv4":
    case "IPv6":
      return readAddress(raw, setting.type);
    case "addresses":
      return checked(raw, parseAddresses);
    case "cidrs":
      return checked(raw, parseCidrs);
    case "pattern":
      return checked(raw, parsePattern);
  }
}

/** "192.0.2.10/24,2001:db8::10": one address of each family at most. @throws SyntaxError */
export function parseAddresses(text: string): readonly WishedAddress[] {
  const found = text.split(",").map((part) => parseAddressWithLength(part.trim()));
  const families = new Set(found.map(({ address }) => address.family));
  if (families.size < found.length) throw new SyntaxError("must be one address of each family");
  return found;
}

/** Prefixes with commas between them. @throws SyntaxError */
export function parseCidrs(text: string): readonly Cidr[] {
  return text.split(",").map((part) => parseCidr(part.trim()));
}

/** A regular expression that has to fit the whole name. @throws SyntaxError */
export function parsePattern(text: string): RegExp {
  return new RegExp(`^(?:${text})$`);
}

/** The text as it is, if it can be read. */
function checked(raw: unknown, parse: (text: string) => unknown): ReadResult {
  if (typeof raw !== "string" || raw === "") return { fault: "must be a text" };
  try {
    parse(raw);
    return { value: raw };
  } catch (error) {
    return { fault: reasonOf(error) };
  }
}

function readChoice(raw: unknown, choices: readonly string[]): ReadResult {
  const value = choices.find((choice) => choice === raw);
  if (value !== undefined) return { value };
  return { fault: `must be ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}` };
}

function readInteger(raw: unknown, [low, high]: readonly [number, number]): ReadResult {
  const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
  if (typeof value === "number" && Number.isInteger(value) && value >= low && value <= high) {
    return { value };
  }
  return { fault: `must be a whole number from ${low} to ${high}` };
}

function readAddress(raw: unknown, family: "IPv4" | "IPv6"): ReadResult {
  let value: IpAddress | undefined;
  try {
    value = parseIp(String(raw));
  } catch {
    // Said below, in the same words as for an address of the other family.
  }
  if (value !== undefined && `IPv${value.family}` === family) return { value };
  return { fault: `must be an ${family} address` };
}

/** As the configuration file takes it; a secret is not told. */
export function formatValue(setting: Setting, value: SettingValue): string {
  if (setting.isSecret) return "(not shown)";
  if (setting.type !== "duration") return String(value);
  const milliseconds = Number(value);
  if (milliseconds % 1_000 !== 0) return `${milliseconds}ms`;
  return milliseconds % 60_000 === 0 && milliseconds > 0
    ? `${milliseconds / 60_000}m`
    : `${milliseconds / 1_000}s`;
}
