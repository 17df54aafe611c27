/** Long calculations in slices, so that the event loop gets its turns. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Milliseconds that one slice may take. */
const SLICE = 8;

/** Runs a generator to its end and returns its value, giving way to other work between slices. */
export async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  let sliceStart = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - sliceStart > SLICE) {
      await nextTurn();
      sliceStart = performance.now();
    }
  }
}

/** A wish to be woken: `set` before or during `wait` ends it; several `set` count once. */
export class Wakeup {
  #isSet = false;
  #resolve: (() => void) | undefined;

  set(): void {
    this.#isSet = true;
    this.#resolve?.();
  }

  /** Resolves when set, or after `milliseconds`. */
  async wait(milliseconds: number): Promise<void> {
    if (!this.#isSet) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(milliseconds, 0x7fffffff));
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isSet = false;
    this.#resolve = undefined;
  }
}
