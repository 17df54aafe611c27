#!/usr/bin/env node
/** The process: arguments in, exit code out. The only place that ends it. */
import { createProgram } from "./cli/program.ts";
import { reportError } from "./cli/report-error.ts";
import { errnoOf } from "./errors.ts";

/** What a shell makes of SIGPIPE, which Node does not let us have. */
const BROKEN_PIPE = 141;

// `causeway plan | head` is no failure of ours.
process.stdout.on("error", (error) => {
  if (errnoOf(error) !== "EPIPE") throw error;
  process.exit(BROKEN_PIPE);
});

try {
  const program = await createProgram((code) => process.exit(code), process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  const { text, exitCode } = reportError(error);
  process.stderr.write(text);
  process.exitCode = exitCode;
}
