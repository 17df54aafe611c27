/** What a command that failed leaves on stderr, and its exit code. */
import { CausewayError, reasonOf } from "../errors.ts";
import { EXIT } from "./exit-codes.ts";

export interface ErrorReport {
  readonly text: string;
  readonly exitCode: number;
}

/** What went wrong and what to do; a stack only where the fault is ours. */
export function reportError(error: unknown): ErrorReport {
  const lines = reasonOf(error).split("\n");
  if (!(error instanceof CausewayError) || error.code === "internal") {
    const stack = error instanceof Error ? `${error.stack}\n` : "";
    const text = `causeway: this is a fault of causeway itself: ${lines.join(" ")}\n${stack}`;
    return { text, exitCode: EXIT.failed };
  }
  const what = lines.map((line) => `causeway: ${line}\n`).join("");
  const hint = error.hint === undefined ? "" : `  → ${error.hint}\n`;
  const exitCode = error.code === "bad-config" ? EXIT.usage : EXIT.failed;
  return { text: what + hint, exitCode };
}
