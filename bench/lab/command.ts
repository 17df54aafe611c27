/** Runs the small programs of a benchmark and says which one failed. */
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);
const MAX_OUTPUT = 256 << 20;

export interface Finished {
  readonly stdout: string;
  readonly milliseconds: number;
}

/** @throws Error with the command and what it wrote to stderr. */
export async function run(command: string, args: readonly string[]): Promise<Finished> {
  const start = performance.now();
  const { stdout } = await execFileAsync(command, [...args], { maxBuffer: MAX_OUTPUT });
  return { stdout, milliseconds: performance.now() - start };
}

/** For clean-up on exit, where nothing can be awaited; failure is no reason to stop there. */
export function runLastWill(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, [...args], { stdio: "ignore" });
  } catch {
    // Gone already.
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Asks again until it is true. @throws Error after `seconds`, naming what never came. */
export async function until(
  what: string,
  seconds: number,
  isTrue: () => boolean | Promise<boolean>,
  pause = 20,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(pause);
  }
}
