/** The kernel's events of one namespace, as our C program watch-events reports them. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { programPath } from "./c-programs.ts";
import { until } from "./command.ts";
import type { Lab } from "./lab.ts";

export interface KernelEvent {
  /** Microseconds since the epoch, when the event was received. */
  readonly at: number;
  readonly kind: "link" | "address" | "neighbour" | "fdb" | "nexthop" | "route" | "watching";
  readonly deleted: boolean;
  /** Name of the device of a row or address; absent if there is none of that number any more. */
  readonly device?: string;
  /** Name of a link. */
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  readonly ip?: string;
  readonly permanent?: boolean;
  readonly protocol?: number;
  readonly id?: number;
  readonly destination?: string;
  readonly length?: number;
}

export class EventWatch {
  /** All since the last `clear`, in the order the kernel sent them. */
  readonly events: KernelEvent[] = [];
  readonly #child: ChildProcess;
  readonly #forget: () => void;

  private constructor(child: ChildProcess, lab: Lab) {
    this.#child = child;
    this.#forget = lab.onExit(() => child.kill("SIGKILL"));
  }

  static async start(lab: Lab, namespace: string): Promise<EventWatch> {
    const command = ["netns", "exec", namespace, programPath("watch-events")];
    const child = spawn("ip", command, { stdio: ["ignore", "pipe", "inherit"] });
    const watch = new EventWatch(child, lab);
    createInterface({ input: child.stdout }).on("line", (line) => {
      watch.events.push(JSON.parse(line) as KernelEvent);
    });
    await until("watch-events", 5, () => watch.events.length > 0);
    return watch;
  }

  clear(): void {
    this.events.length = 0;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await ended;
    this.#forget();
  }
}
