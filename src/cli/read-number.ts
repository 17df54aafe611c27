/** Numbers in arguments. */
import { CausewayError } from "../errors.ts";

/** @throws CausewayError "bad-config" if `text` is no whole number from `low` to `high`. */
export function readNumber(flag: string, text: string, low: number, high: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= low && value <= high) return value;
  throw new CausewayError("bad-config", `${flag} "${text}": not a number from ${low} to ${high}`);
}
