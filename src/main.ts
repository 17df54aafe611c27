#!/usr/bin/env node
/** The process: arguments in, exit code out. The only place that ends it. */
import { createProgram } from "./cli/program.ts";
import { CausewayError, reasonOf } from "./errors.ts";

/** Exit codes: 0 done, 1 no (not in sync, a check failed), 2 something to do, 64 wrong usage, 70 failed. */
try {
  await createProgram((code) => process.exit(code)).parseAsync();
} catch (error) {
  const isUsage = error instanceof CausewayError && error.code === "bad-config";
  process.stderr.write(`causeway: ${reasonOf(error).replaceAll("\n", "\ncauseway: ")}\n`);
  if (!(error instanceof CausewayError)) process.stderr.write(`${(error as Error).stack ?? ""}\n`);
  process.exitCode = isUsage ? 64 : 70;
}
