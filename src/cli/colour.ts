/**
 * Colour for terminals, laid over finished text: it repeats what the words and marks say already,
 * and nothing that formats text has to know of it.
 */

const RESET = "\x1b[0m";
const [RED, GREEN, YELLOW, DIM] = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m"];

const RULES: readonly (readonly [RegExp, string])[] = [
  [/✓/g, GREEN],
  [/✗( missing| different)?/g, RED],
  [/^in sync/gm, GREEN],
  [/^(degraded|failing(?= +\d))/gm, RED],
  [/^(syncing|waiting|(problems|conflicts|refused|withheld)(?= +\d))/gm, YELLOW],
  // Comments, on lines of their own and behind a command.
  [/(^| {3})# .*$/gm, DIM],
];

export function colourText(text: string): string {
  return RULES.reduce(
    (coloured, [pattern, colour]) =>
      coloured.replace(pattern, (found) => `${colour}${found}${RESET}`),
    text,
  );
}

/** As no-color.org has it: a terminal, unless NO_COLOR is set to anything. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}
