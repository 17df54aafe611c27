/** An agent as a process in a node's namespace: the same program that runs on a real node. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askAgent } from "../cli/agent-client.ts";
import { CausewayError } from "../errors.ts";
import type { StatusReport } from "../observe/status.ts";

export interface AgentOptions {
  readonly node: string;
  readonly namespace: string;
  /** For example file:/tmp/cluster. */
  readonly datastore: string;
  readonly runDir: string;
  /** More flags for `causeway run`. */
  readonly flags?: readonly string[];
  /** Words before the command, for example to tie the agent's life to ours. */
  readonly wrapper?: readonly string[];
}

export class AgentProcess {
  readonly options: AgentOptions;
  #child: ChildProcess | undefined;
  /** The exit code, null after a signal. */
  #ended: Promise<number | null> = Promise.resolve(null);

  constructor(options: AgentOptions) {
    this.options = options;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Its log so far, of all its starts. */
  get log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  get #logFile(): string {
    return join(this.options.runDir, "agent.log");
  }

  start(): void {
    if (this.#child !== undefined) throw new Error(`agent ${this.options.node} runs already`);
    const { node, namespace, datastore, runDir, flags = [], wrapper = [] } = this.options;
    mkdirSync(runDir, { recursive: true, mode: 0o700 });
    const run = ["run", "--node", node, "--datastore", datastore, "--run-dir", runDir, ...flags];
    const [command = "", ...args] = [
      ...wrapper,
      ...["ip", "netns", "exec", namespace, process.execPath, programFile(), ...run],
    ];
    const log = openSync(this.#logFile, "a");
    // In a session of its own, so that Ctrl-C at the terminal reaches us alone.
    const options = { detached: true, env: ownEnvironment() };
    const child = spawn(command, args, { ...options, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        if (this.#child === child) this.#child = undefined;
        resolve(code);
      };
      child.once("exit", end);
      child.once("error", () => end(null));
    });
  }

  /** Sends a signal and waits for the end: the exit code, or null if the signal was the end of it. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    this.signal(signal);
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Lets the agent go on when this process ends. */
  leave(): void {
    this.#child?.unref();
  }

  async status(): Promise<StatusReport> {
    return (await askAgent(this.options.runDir, "GET", "/status")) as StatusReport;
  }

  /** @throws CausewayError if it ends, or is not in sync in time. */
  inSync(timeoutMs?: number): Promise<StatusReport> {
    return this.until(({ state }) => state === "in sync", timeoutMs, "in sync");
  }

  /** The first status that `claim` is true of. @throws CausewayError if it ends, or none is in time. */
  async until(
    claim: (status: StatusReport) => boolean,
    timeoutMs = 30_000,
    what = "as awaited",
  ): Promise<StatusReport> {
    const end = Date.now() + timeoutMs;
    let last = "it does not answer";
    while (Date.now() < end) {
      if (!this.isRunning) throw this.#failure("ended");
      const status = await this.status().catch(() => undefined);
      if (status !== undefined && claim(status)) return status;
      if (status !== undefined) last = describe(status);
      await sleep(10);
    }
    throw this.#failure(`is not ${what} after ${timeoutMs / 1_000} s: ${last}`);
  }

  #failure(what: string): CausewayError {
    const tail = this.log.trimEnd().split("\n").slice(-5).join("\n  ");
    return new CausewayError(
      "agent",
      `the agent of ${this.options.node} ${what}; its log:\n  ${tail}`,
    );
  }
}

function describe({ state, problems, failing }: StatusReport): string {
  const reasons = [
    ...problems.map(({ subject, reason }) => `${subject}: ${reason}`),
    ...failing.map((held) => JSON.stringify(held)),
  ];
  return [state, ...reasons.slice(0, 3)].join("; ");
}

/** The program's own entry, built: beside us, or where the sources run as they are, in dist. */
export function programFile(): string {
  const isSource = extname(fileURLToPath(import.meta.url)) === ".ts";
  return fileURLToPath(
    new URL(isSource ? "../../dist/src/main.js" : "../main.js", import.meta.url),
  );
}

/** Without this user's own settings for an agent. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("CAUSEWAY_"));
  return Object.fromEntries(entries);
}
