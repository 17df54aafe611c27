/**
 * Route events cost the kernel a tenth of the time it takes to write a route, even if they are of no
 * interest. So very many routes are written without listening, and are read back soon afterwards:
 * what others did meanwhile is found then.
 */
import type { Kernel } from "../kernel/kernel.ts";

/** Below that the time saved is less than one read-back costs. */
const MANY = 20_000;
/** Milliseconds from the end of writing to the read-back, which is not to delay anything. */
const DELAY = 1_000;

export interface UnheardRoutesInputs {
  readonly kernel: Kernel;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** From so many new routes in a pass on; 20,000 without. */
  readonly many: number | undefined;
}

export class UnheardRoutes {
  readonly #inputs: UnheardRoutesInputs;
  #isPaused = false;
  #due: number | undefined;

  constructor(inputs: UnheardRoutesInputs) {
    this.#inputs = inputs;
  }

  /** When the routes are to be read back, on the clock of `now`. */
  get due(): number | undefined {
    return this.#due;
  }

  /** So many routes are about to be written. */
  begin(count: number): void {
    const { kernel, many = MANY } = this.#inputs;
    if (count < many) return;
    this.#isPaused = true;
    kernel.pauseRouteEvents();
  }

  /** They are written, or writing them was given up. */
  end(): void {
    if (!this.#isPaused) return;
    const { kernel, now } = this.#inputs;
    this.#isPaused = false;
    kernel.resumeRouteEvents();
    this.#due = now() + DELAY;
  }

  /** True, once, when the time has come to read the routes back. */
  takeDue(): boolean {
    const isDue = this.#due !== undefined && this.#due <= this.#inputs.now();
    if (isDue) this.#due = undefined;
    return isDue;
  }
}
