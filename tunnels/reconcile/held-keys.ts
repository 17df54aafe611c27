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
  attempts: number;
  since: number;
  repairs: number[];
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

  fail({ op, code, message }: OpFailure, now: number): void {
    const name = objectName(op);
    const history = this.#historyOf(name, now);
    history.attempts++;
    const dueAt = now + backoffDelay(history.attempts, RETRY, this.#random());
    const { since, attempts } = history;
    this.#held.set(name, {
      op,
      name,
      why: "failing",
      reason: message,
      code,
      since,
      attempts,
      dueAt,
    });
  }

  /** Forgets that the object ever failed. */
  succeed(op: KernelOp): void {
    const name = objectName(op);
    this.#held.delete(name);
    if (this.#history.get(name)?.repairs.length === 0) this.#history.delete(name);
  }

  /** Counts a repair; one too many in a short time and the next one has to wait. True if so. */
  repaired(op: KernelOp, found: string, now: number): boolean {
    const name = objectName(op);
    const history = this.#historyOf(name, now);
    history.repairs = history.repairs.filter((at) => now - at < FIGHT_MEMORY);
    history.repairs.push(now);
    const recent = history.repairs.filter((at) => now - at < FIGHT_WINDOW).length;
    if (recent < FIGHT_REPAIRS && history.attempts === 0) return false;
    history.attempts++;
    const dueAt = now + backoffDelay(history.attempts, DAMPING, this.#random());
    const { since, attempts } = history;
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
      const last = history.repairs.at(-1) ?? history.since;
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

  #historyOf(name: string, now: number): History {
    let history = this.#history.get(name);
    if (history === undefined) {
      history = { attempts: 0, since: now, repairs: [] };
      this.#history.set(name, history);
    }
    return history;
  }
}
