// The command line in this process: the same program as main.ts runs, with what it writes caught.

import { createProgram } from "../../src/cli/program.ts";
import { reportError } from "../../src/cli/report-error.ts";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Exit {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

/** Runs `causeway` with these words. `variables` are set for its time, all other CAUSEWAY_… are not. */
export async function causeway(
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const written = { stdout: "", stderr: "" };
  const restore = [catchOutput("stdout", written), catchOutput("stderr", written)];
  const { env, exitCode } = process;
  const others = Object.entries(env).filter(([name]) => !name.startsWith("CAUSEWAY_"));
  process.env = { ...Object.fromEntries(others), ...variables };
  process.exitCode = 0;
  try {
    const program = await createProgram((code) => {
      throw new Exit(code);
    }, words);
    await program.parseAsync([...words], { from: "user" });
    return { code: Number(process.exitCode), ...written };
  } catch (error) {
    if (error instanceof Exit) return { code: error.code, ...written };
    const report = reportError(error);
    return { code: report.exitCode, ...written, stderr: written.stderr + report.text };
  } finally {
    for (const undo of restore) undo();
    process.env = env;
    process.exitCode = exitCode;
  }
}

function catchOutput(
  name: "stdout" | "stderr",
  written: Record<"stdout" | "stderr", string>,
): () => void {
  const stream = process[name];
  const { write } = stream;
  stream.write = (text: string | Uint8Array): boolean => {
    written[name] += text;
    return true;
  };
  return () => {
    stream.write = write;
  };
}
