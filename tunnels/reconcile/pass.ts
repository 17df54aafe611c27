/** One pass: what it works off, what became of it, and how much of it is on its way at a time. */
import type { KernelOp } from "../kernel/kernel-op.ts";
import { type KernelOps, RouteBatch } from "../kernel/route-batch.ts";
import type { Cause, Dirty } from "./dirty.ts";
import type { MendedOps } from "./repair-log.ts";

export interface Pass {
  readonly dirty: Dirty;
  readonly mended: MendedOps;
  /** Names of the objects that an operation failed on: they are not tried twice. */
  readonly failed: Set<string>;
}

/** Why the object of operation `at` is dirty. */
export function causeAt(ops: KernelOps, at: number, dirty: Dirty): Cause {
  if (ops instanceof RouteBatch) return dirty.causeInBatch(ops, at);
  return dirty.causeOfOp(ops[at] as KernelOp);
}

/** Calls not answered yet: enough for the kernel to be busy, few enough to keep little in memory. */
const MOST = 4;

/** Calls of the kernel whose answers are awaited in the order in which they were made. */
export class CallsUnderWay {
  readonly #calls: Promise<void>[] = [];

  /** Resolves when few enough are left. @throws what an earlier one failed with */
  async add(call: Promise<void>): Promise<void> {
    // It is awaited later; until then a failure has to have somebody who heard of it.
    call.catch(() => undefined);
    this.#calls.push(call);
    await this.#until(MOST);
  }

  async settle(): Promise<void> {
    await this.#until(0);
  }

  async #until(most: number): Promise<void> {
    while (this.#calls.length > most) await this.#calls.shift();
  }
}
