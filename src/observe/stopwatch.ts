/** When the phases of a start and of the last change ended, for `status` and the benchmarks. */

import { resourceUsage } from "node:process";
import { LoopWatch } from "./loop-watch.ts";

export class Stopwatch {
  /** `performance.now()` of each, which counts from the start of the process. */
  datastoreRead: number | undefined;
  calculated: number | undefined;
  inSync: number | undefined;
  lastChange: { readToCalculated: number; readToAck: number } | undefined;
  readonly #watchesLoop: boolean;
  #loop: LoopWatch | undefined;
  #lastCalculated = 0;

  /** @param watchesLoop look at the event loop once all is in sync; costs a timer every few milliseconds. */
  constructor(watchesLoop: boolean) {
    this.#watchesLoop = watchesLoop;
  }

  isRead(at: number): void {
    this.datastoreRead ??= at;
  }

  isCalculated(): void {
    this.#lastCalculated = performance.now();
    this.calculated ??= this.#lastCalculated;
  }

  /** @param readAt when the datastore's change had been read, undefined if there was none. */
  isApplied(readAt: number | undefined): void {
    if (readAt === undefined) return;
    this.lastChange = {
      readToCalculated: this.#lastCalculated - readAt,
      readToAck: performance.now() - readAt,
    };
  }

  isInSync(): void {
    this.inSync ??= performance.now();
    if (this.#watchesLoop) this.#loop ??= new LoopWatch();
  }

  /** The longest since in sync, in milliseconds; undefined before that, or if nobody looks. */
  get maxLoopStall(): number | undefined {
    return this.#loop?.longestStall;
  }

  /** Bytes. */
  get peakRss(): number {
    return resourceUsage().maxRSS * 1024;
  }
}
