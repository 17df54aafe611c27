/** What the process's exit says, the same for every command. */
import { wrap } from "./text.ts";

export const EXIT = {
  done: 0,
  /** A check failed, or the answer is no. */
  no: 1,
  /** `plan --exit-code`: there is something to do. */
  pending: 2,
  /** A flag, variable or configuration value is wrong. */
  usage: 64,
  /** It could not be done. */
  failed: 70,
} as const;

/** The last lines of a command's help: what is its own in its own words, the others as ever. */
export function exitCodesText(own: string): string {
  const text = `Exit codes: ${own}; ${EXIT.usage} wrong usage; ${EXIT.failed} it could not be done.`;
  return wrap(text, "  ");
}
