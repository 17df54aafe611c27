/** Words and columns for people. */

/** "1 route", "3 routes", "2 FDB entries", "1,024 routes". */
export function plural(count: number, noun: string): string {
  const many = noun.endsWith("y")
    ? `${noun.slice(0, -1)}ies`
    : noun.endsWith("x")
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
