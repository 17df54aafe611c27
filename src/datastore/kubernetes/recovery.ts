/**
 * When an API server may be asked again that did not answer. Thousands of agents lose it in one
 * moment, and must not come back in one: each waits a random part of a window that grows with every
 * failure, sends one request then, and the rest only when that was answered.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** Times in milliseconds. */
export interface RecoveryTimings {
  /** The first wait is a random part of this … */
  readonly firstWindow: number;
  /** … and after repeated failures of this: a server that is overloaded must get less to do. */
  readonly lastWindow: number;
  /** An outage this long after the last one begins with the first window again. */
  readonly steady: number;
}

export const recoveryTimings: RecoveryTimings = {
  firstWindow: 10_000,
  lastWindow: 60_000,
  steady: 60_000,
};

/** Tells failures of one outage from those of the next. */
export type Epoch = number;

export class Recovery {
  readonly #timings: RecoveryTimings;
  #epoch: Epoch = 0;
  #failures = 0;
  #isOut = false;
  #isProbed = false;
  #retryAt = 0;
  #recoveredAt = Number.NEGATIVE_INFINITY;
  #onChange: (() => void)[] = [];

  constructor(timings: RecoveryTimings = recoveryTimings) {
    this.#timings = timings;
  }

  /** Resolves when a request may be sent; at once while the server is there. */
  async admit(signal: AbortSignal): Promise<Epoch> {
    while (this.#isOut && !signal.aborted) {
      if (this.#isProbed) {
        await this.#changed(signal);
        continue;
      }
      this.#isProbed = true;
      await pause(this.#retryAt - performance.now(), signal);
      if (signal.aborted) this.#isProbed = false;
      break;
    }
    return this.#epoch;
  }

  /** A random part of the first window, for what all agents would do at once. */
  async spread(signal: AbortSignal): Promise<void> {
    await pause(Math.random() * this.#timings.firstWindow, signal);
  }

  answered(): void {
    if (!this.#isOut) return;
    this.#isOut = false;
    this.#isProbed = false;
    this.#recoveredAt = performance.now();
    this.#tell();
  }

  /**
   * @param epoch what `admit` gave; a failure that an earlier one has accounted for changes nothing
   * @param leastDelay milliseconds for which the server asked to be left alone
   */
  failed(epoch: Epoch, leastDelay: number = 0): void {
    if (epoch !== this.#epoch) return;
    const now = performance.now();
    if (!this.#isOut && now - this.#recoveredAt > this.#timings.steady) this.#failures = 0;
    this.#epoch++;
    this.#isOut = true;
    this.#isProbed = false;
    this.#retryAt = now + leastDelay + retryDelay(this.#failures, this.#timings, Math.random());
    this.#failures++;
    this.#tell();
  }

  /** Whoever waits tries now: an operator's wish. */
  hurry(): void {
    if (!this.#isOut) return;
    this.#retryAt = 0;
    this.#isProbed = false;
    this.#tell();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#onChange.push(done);
      signal.addEventListener("abort", done);
    });
  }

  #tell(): void {
    for (const resolve of this.#onChange.splice(0)) resolve();
  }
}

/**
 * Milliseconds to wait after so many failures before this one.
 * @param random 0 to below 1; not a part of the window but all of it, or agents would still come in step
 */
export function retryDelay(failures: number, timings: RecoveryTimings, random: number): number {
  const { firstWindow, lastWindow } = timings;
  return random * Math.min(lastWindow, firstWindow * 2 ** failures);
}

/** Ends early, without an error, when `signal` is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || signal.aborted) return;
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}
