#!/usr/bin/env node
/** The process: arguments in, exit code out. The only place that ends it. */
import { EXIT } from "./cli/exit-codes.ts";
import { createProgram } from "./cli/program.ts";
import { CausewayError, errnoOf, reasonOf } from "./errors.ts";

/** What a shell makes of SIGPIPE, which Node does not let us have. */
const BROKEN_PIPE = 141;

// `causeway plan | head` is no failure of ours.
process.stdout.on("error", (error) => {
  if (errnoOf(error) !== "EPIPE") throw error;
  process.exit(BROKEN_PIPE);
});

try {
  await createProgram((code) => process.exit(code)).parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong, and what to do; a stack only where the fault is ours. */
function report(error: unknown): number {
  const lines = reasonOf(error).split("\n");
  if (error instanceof CausewayError && error.code !== "internal") {
    process.stderr.write(lines.map((line) => `causeway: ${line}\n`).join(""));
    if (error.hint !== undefined) process.stderr.write(`  → ${error.hint}\n`);
    return error.code === "bad-config" ? EXIT.usage : EXIT.failed;
  }
  process.stderr.write(`causeway: this is a fault of causeway itself: ${lines.join(" ")}\n`);
  process.stderr.write(`${(error as Error).stack ?? ""}\n`);
  return EXIT.failed;
}
