/** Where commands write: results to stdout, what is being done to stderr. */
import { colourText, wantsColour } from "./colour.ts";
import { duration } from "./text.ts";

/** Milliseconds after which work that is not done is worth a word, and then another. */
const TICK = 500;

/** A result, coloured where it meets a terminal. */
export function print(text: string): void {
  process.stdout.write(wantsColour(process.stdout, process.env) ? colourText(text) : text);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** On a terminal, one line on stderr that the next one replaces; "" takes it away. */
export function showProgress(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[K${text === "" ? "" : `${text} …`}`);
}

/** Says what is being done, and for how long already, while `work` takes longer than a moment. */
export async function withProgress<T>(text: string | (() => string), work: Promise<T>): Promise<T> {
  const start = performance.now();
  const show = (): void => {
    const words = typeof text === "string" ? text : text();
    showProgress(`${words}, ${duration(performance.now() - start)}`);
  };
  const timer = setInterval(show, TICK);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    showProgress("");
  }
}
