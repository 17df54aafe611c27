/**
 * Keys that are not tried again at once: what failed waits for its back-off, and what somebody else
 * keeps undoing is repaired at a slower and slower pace, so that two programs never race for ever.
 */

import { objectName } from "../kernel/describe-op.ts";
import type { OpFailure } from "../kernel/kernel.ts";
import type { KernelOp } from "../kernel/kernel-op.ts";
import { type BackoffLimits, backoffDelay } from "./backoff.ts";
import { CAUSE, type Cause, type Dirty } from "./dirty.ts";

const RETRY: BackoffLimits = { first: 100, limit: 30_000 };
const DAMPING: BackoffLimits = { first: 1_000, limit: 60_000 };
/** So many repairs of one key within the window are a fight. */
const FIGHT_REPAIRS = 5;
const FIGHT_WINDOW = 10_000;
/** A key left alone for so long is no longer fought over. */
const FIGHT_MEMORY = 300_000;

export interface HeldKey {
  readonly name: string;
  readonly why: "failing" | "fight";
  /** The kernel's answer, or what was found instead of ours. */
  readonly reason: string;
  /** Symbolic errno; only for failing keys. */
  readonly code?: string;
  readonly since: number;
  readonly attempts: number;
  readonly dueAt: number;
}

interface Entry extends HeldKey {
  readonly op: KernelOp;
}

interface History {
  /** Failures in a row, and when the first of them was. */
  failures: number;
  failingSince: number;
  /** When the key was repaired. */
  repairs: number[];
  /** Repairs since they became a fight. */
  rounds: number;
}

export class HeldKeys {
  readonly #held = new Map<string, Entry>();
  readonly #history = new Map<string, History>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** True if nothing is held, and nothing remembered of what was. */
  get isEmpty(): boolean {
    return this.#held.size === 0 && this.#history.size === 0;
  }

  /** True if an operation on the object has to wait. What is newly wanted never waits. */
  holds(op: KernelOp, cause: Cause): boolean {
    const name = objectName(op);
    if (cause >= CAUSE.start) this.#held.delete(name);
    return this.#held.has(name);
  }

  /**
   * Of several failures of one object in a pass the first tells the cause, and alone counts. What
   * fails for the first time where the kernel `isReadAgain` is tried as soon as that is done.
   */
  fail({ op, code, message }: OpFailure, now: number, isReadAgain: boolean): void {
    const name = objectName(op);
    if (this.#held.get(name)?.why === "failing") return;
    const history = this.#historyOf(name);
    if (history.failures++ === 0) history.failingSince = now;
    const { failures: attempts, failingSince: since } = history;
    const isDueAtOnce = isReadAgain && attempts === 1;
    const dueAt = now + (isDueAtOnce ? 0 : backoffDelay(attempts, RETRY, this.#random()));
    const failing = { why: "failing", reason: message, code, since, attempts, dueAt } as const;
    this.#held.set(name, { op, name, ...failing });
  }

  /** Forgets that the object ever failed. */
  succeed(op: KernelOp): void {
    const name = objectName(op);
    this.#held.delete(name);
    const history = this.#history.get(name);
    if (history === undefined) return;
    history.failures = 0;
    if (history.repairs.length === 0) this.#history.delete(name);
  }

  /** Forgets what failed and need not be done any more. */
  forget(isMoot: (op: KernelOp) => boolean): void {
    for (const { op, why } of this.#held.values()) {
      if (why === "failing" && isMoot(op)) this.succeed(op);
    }
  }

  /** Counts a repair; one too many in a short time and the next one has to wait. True if so. */
  repaired(op: KernelOp, found: string, now: number): boolean {
    const name = objectName(op);
    const history = this.#historyOf(name);
    history.repairs = history.repairs.filter((at) => now - at < FIGHT_MEMORY);
    history.repairs.push(now);
    const recent = history.repairs.filter((at) => now - at < FIGHT_WINDOW).length;
    if (recent < FIGHT_REPAIRS && history.rounds === 0) return false;
    const attempts = ++history.rounds;
    const since = history.repairs[0] as number;
    const dueAt = now + backoffDelay(attempts, DAMPING, this.#random());
    this.#held.set(name, { op, name, why: "fight", reason: found, since, attempts, dueAt });
    return true;
  }

  /** Marks what is due again. */
  release(dirty: Dirty, now: number): void {
    for (const [name, entry] of this.#held) {
      if (entry.dueAt > now) continue;
      this.#held.delete(name);
      dirty.markOp(entry.op, entry.why === "fight" ? CAUSE.drift : CAUSE.retry);
    }
    for (const [name, history] of this.#history) {
      const last = history.repairs.at(-1) ?? history.failingSince;
      if (!this.#held.has(name) && now - last > FIGHT_MEMORY) this.#history.delete(name);
    }
  }

  /** When the next key is due, on the clock of `now`; undefined if none is held. */
  nextDue(): number | undefined {
    let next: number | undefined;
    for (const { dueAt } of this.#held.values())
      if (next === undefined || dueAt < next) next = dueAt;
    return next;
  }

  list(): HeldKey[] {
    return [...this.#held.values()].map(({ op: _, ...held }) => held);
  }

  #historyOf(name: string): History {
    let history = this.#history.get(name);
    if (history === undefined) {
      history = { failures: 0, failingSince: 0, repairs: [], rounds: 0 };
      this.#history.set(name, history);
    }
    return history;
  }
}
