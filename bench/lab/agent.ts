/**
 * An agent as an operator starts it: `ip netns exec NAMESPACE node dist/src/main.js run ...`, and
 * what it says of itself over its control socket.
 *
 * While it works it is not asked anything: asking costs it time. Whether it is at rest is seen
 * from the CPU time that the kernel counts for it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { askAgent } from "../../src/cli/agent-client.ts";
import type { StatusReport, Timings } from "../../src/observe/status.ts";
import { ROOT } from "./c-programs.ts";
import { sleep, until } from "./command.ts";
import type { Lab } from "./lab.ts";

/** Another build's main.js may be measured by naming it in the environment. */
const { CAUSEWAY_BENCH_AGENT: MAIN = `${ROOT}dist/src/main.js` } = process.env;
const REST_SAMPLES = 6;
const SAMPLE_PAUSE = 40;

export interface AgentOptions {
  readonly namespace: string;
  readonly node: string;
  /** Directory of the file datastore, or another datastore's URL. */
  readonly datastore: string;
  readonly runDir: string;
  /** More flags for `run`. */
  readonly flags?: readonly string[];
  readonly measureLoop?: boolean;
}

/** Timings of an agent that is in sync: the phases of its start are all there. */
export interface StartTimings {
  /** From the spawning of `ip netns exec` to in sync, on the wall clock, in milliseconds. */
  readonly spawnToInSync: number;
  readonly reading: number;
  readonly calculation: number;
  /** First netlink write to last ack; 0 where nothing was written. */
  readonly kernelPhase: number;
  readonly timings: Timings;
}

export class BenchAgent {
  readonly runDir: string;
  readonly #child: ChildProcess;
  readonly #spawnedAt: number;
  readonly #logFile: string;
  readonly #forget: () => void;

  private constructor(
    child: ChildProcess,
    spawnedAt: number,
    runDir: string,
    log: string,
    lab: Lab,
  ) {
    this.#child = child;
    this.#spawnedAt = spawnedAt;
    this.#logFile = log;
    this.runDir = runDir;
    this.#forget = lab.onExit(() => child.kill("SIGKILL"));
  }

  static start(lab: Lab, options: AgentOptions): BenchAgent {
    mkdirSync(options.runDir, { recursive: true, mode: 0o700 });
    const log = lab.newPath("agent.log");
    const output = openSync(log, "w");
    const { datastore } = options;
    const url = datastore.startsWith("/") ? `file:${datastore}` : datastore;
    const command = [
      ...["netns", "exec", options.namespace, process.execPath, MAIN, "run"],
      ...["--node", options.node, "--datastore", url],
      ...["--run-dir", options.runDir, ...(options.flags ?? [])],
    ];
    const measure = options.measureLoop === true && { CAUSEWAY_MEASURE_LOOP: "true" };
    const env = { ...process.env, ...measure };
    const spawnedAt = performance.timeOrigin + performance.now();
    const child = spawn("ip", command, { stdio: ["ignore", output, output], env });
    closeSync(output);
    return new BenchAgent(child, spawnedAt, options.runDir, log, lab);
  }

  async status(): Promise<StatusReport> {
    return (await askAgent(this.runDir, "GET", "/status")) as StatusReport;
  }

  /** @throws Error with the end of the agent's log, if it stops or is not in sync in time. */
  async whenInSync(seconds = 60): Promise<StartTimings> {
    await this.atRest(seconds);
    let last = "it does not answer";
    try {
      await until("agent in sync", seconds, async () => {
        this.#checkAlive();
        const status = await this.status().catch(() => undefined);
        last = status === undefined ? last : describe(status);
        return status?.state === "in sync" && status.timings.inSync !== undefined;
      });
    } catch (error) {
      throw this.#failure(`${(error as Error).message}; ${last}`);
    }
    const { timings } = await this.status();
    const inSync = timings.inSync ?? Number.NaN;
    const firstWrite = timings.firstWrite ?? 0;
    return {
      spawnToInSync: timings.processStart + inSync - this.#spawnedAt,
      reading: timings.datastoreRead ?? Number.NaN,
      calculation: (timings.calculated ?? Number.NaN) - (timings.datastoreRead ?? Number.NaN),
      kernelPhase: timings.firstWrite === undefined ? 0 : (timings.lastAck ?? 0) - firstWrite,
      timings,
    };
  }

  /** Returns once the process used at most one tick of CPU over about a quarter of a second. */
  async atRest(seconds = 60): Promise<void> {
    const samples: number[] = [];
    const isAtRest = (): boolean => {
      this.#checkAlive();
      samples.push(this.#cpuTicks());
      const before = samples.at(-1 - REST_SAMPLES);
      return before !== undefined && (samples.at(-1) as number) - before <= 1;
    };
    await until("agent at rest", seconds, isAtRest, SAMPLE_PAUSE);
  }

  /** Largest resident set of the whole process so far, in bytes (VmHWM). */
  peakMemory(): number {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`${this.#proc}/status`, "utf8"));
    return Number(line?.[1] ?? Number.NaN) * 1024;
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (!this.#hasEnded) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill(signal);
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    }
    this.#forget();
  }

  get #proc(): string {
    return `/proc/${this.#child.pid}`;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** User and system time of all threads. */
  #cpuTicks(): number {
    const stat = readFileSync(`${this.#proc}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  }

  #checkAlive(): void {
    if (this.#hasEnded) throw this.#failure("the agent ended");
  }

  #failure(what: string): Error {
    const log = readFileSync(this.#logFile, "utf8").trimEnd().split("\n").slice(-15).join("\n");
    return new Error(`${what}\n${log}`);
  }
}

/** Waits for `pick` to give another value than `before`, that is for the next reading of it. */
export async function nextReading<T>(
  agent: BenchAgent,
  what: string,
  before: T | undefined,
  pick: (timings: Timings) => T | undefined,
  seconds = 15,
): Promise<T> {
  const old = JSON.stringify(before);
  let found: T | undefined;
  await until(what, seconds, async () => {
    await sleep(30);
    found = pick((await agent.status()).timings);
    return found !== undefined && JSON.stringify(found) !== old;
  });
  return found as T;
}

function describe(status: StatusReport): string {
  const reasons = [
    ...status.failing.map(({ name, reason }) => `${name}: ${reason}`),
    ...status.problems.map(({ reason }) => reason),
    ...status.datastore.faults.map(({ reason }) => reason),
  ];
  return `it is ${status.state}: ${reasons.slice(0, 5).join("; ")}`;
}
