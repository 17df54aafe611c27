/** Long calculations in slices, so that the event loop gets its turns. */
import { setImmediate as nextTurn } from "node:timers/promises";

/**
 * Milliseconds that one slice may take. A collection of garbage may come on top of it, and what is
 * done between two steps of the work.
 */
const SLICE = 4;
/** The same for work that nobody waits for. */
export const BACKGROUND_SLICE = 1;

/**
 * Runs a generator to its end and returns its value, giving way to other work between slices.
 * @param slice milliseconds after which the next step waits for the loop's other work
 */
export async function inTurns<T>(work: Generator<void, T>, slice: number = SLICE): Promise<T> {
  let sliceStart = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - sliceStart > slice) {
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
