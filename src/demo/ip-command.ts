/**
 * iproute2, for building what the demo runs on. The agent itself never calls it; here it is what
 * a reader of the demo can check by hand.
 */
import { execFile } from "node:child_process";
import { CausewayError, errnoOf } from "../errors.ts";

/** Runs `ip` with these arguments; returns what it printed. */
export function ip(...args: readonly string[]): Promise<string> {
  return run(args, "");
}

/** Runs many `ip` commands in one process, in a namespace or here; stops at the first failure. */
export function ipBatch(namespace: string | undefined, lines: readonly string[]): Promise<string> {
  const where = namespace === undefined ? [] : ["-n", namespace];
  return run([...where, "-batch", "-"], `${lines.join("\n")}\n`);
}

/** The same, but goes on after a failure: what some of the commands printed is the answer. */
export function ipQueries(namespace: string, lines: readonly string[]): Promise<string> {
  const args = ["-n", namespace, "-force", "-batch", "-"];
  return run(args, `${lines.join("\n")}\n`, true);
}

function run(args: readonly string[], input: string, mayFail = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 << 20 };
    const child = execFile("ip", args, options, (error, stdout, stderr) => {
      const isMissing = errnoOf(error) === "ENOENT";
      if (error === null || (mayFail && !isMissing)) resolve(stdout);
      else reject(failure(args, input, error, stderr));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

function failure(args: readonly string[], input: string, error: Error, stderr: string): Error {
  if (errnoOf(error) === "ENOENT") {
    return new CausewayError("kernel", "the command ip is missing; install the package iproute2");
  }
  const at = /Command failed -:(\d+)/.exec(stderr)?.[1];
  const line = at === undefined ? "" : `: ${input.split("\n")[Number(at) - 1]}`;
  const why = stderr.trim().split("\n")[0] ?? "";
  return new CausewayError("kernel", `ip ${args.join(" ")}${line}: ${why}`, { cause: error });
}
