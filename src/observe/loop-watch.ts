/** How long the event loop is held up: a timer that is due every few milliseconds, and how late it is. */

/** Milliseconds between two looks. */
const PERIOD = 5;

export class LoopWatch {
  #longest = 0;
  #lastLook = performance.now();

  /** Counts from now on; what holds the loop up already counts from now on too. */
  constructor() {
    setInterval(() => this.#look(), PERIOD).unref();
  }

  /** Milliseconds. */
  get longestStall(): number {
    return this.#longest;
  }

  #look(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#lastLook - PERIOD);
    this.#lastLook = now;
  }
}
