/** Words and columns for people. */

/** "1 route", "3 routes", "2 FDB entries", "1,024 routes". */
export function plural(count: number, noun: string): string {
  const many = noun.endsWith("y")
    ? `${noun.slice(0, -1)}ies`
    : /[sx]$/.test(noun)
      ? `${noun}es`
      : `${noun}s`;
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : many}`;
}

/** "3 ms", "2 s", "12 min", "5 h", "3 d". */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 1)
    return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Rows as columns, two spaces apart, no spaces at the end of a line. */
export function columns(rows: readonly (readonly string[])[], indent = ""): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      `${indent}${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** No line of ours is longer, whatever the terminal's width. */
export const WIDTH = 100;

/**
 * Breaks one line at spaces so that none is longer than WIDTH; what follows the first is indented.
 * A word that is too long by itself stays whole: a path or a command must survive being copied.
 */
export function wrap(line: string, indent: string): string {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > WIDTH) {
    const margin = lines.length === 0 ? (/^ */.exec(rest)?.[0].length ?? 0) : indent.length;
    let at = rest.lastIndexOf(" ", WIDTH);
    if (at <= margin) at = rest.indexOf(" ", WIDTH);
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = `${indent}${rest.slice(at + 1).trimStart()}`;
  }
  return [...lines, rest].join("\n");
}

/** "3 min ago". @param at milliseconds since the epoch */
export function ago(at: number): string {
  return `${duration(Date.now() - at)} ago`;
}
