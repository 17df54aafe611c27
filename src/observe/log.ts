/** The log: pino, one JSON object a line on stderr; on a terminal, lines for people. */
import { type Logger, pino } from "pino";

export type { Logger };

export function createLogger(level: string, isTerminal: boolean): Logger {
  const base = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!isTerminal) {
    const formatters = { level: (label: string) => ({ level: label }) };
    return pino({ ...base, formatters }, pino.destination({ fd: 2, sync: false, minLength: 0 }));
  }
  return pino(base, { write: (line) => process.stderr.write(formatLine(JSON.parse(line))) });
}

const LABELS: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
};

function formatLine(entry: Record<string, unknown>): string {
  const { level, time, msg, ...rest } = entry;
  const label = (LABELS[level as number] ?? String(level)).padEnd(5);
  const fields = Object.entries(rest).map(([key, value]) =>
    typeof value === "string"
      ? `${key}=${JSON.stringify(value)}`
      : `${key}=${JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${label} ${msg}${fields.length > 0 ? `  ${fields.join(" ")}` : ""}\n`;
}
