/** When the phases of a start and of the last change ended, for `status` and the benchmarks. */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { resourceUsage } from "node:process";

/** Milliseconds between two looks at the event loop. */
const LOOP_RESOLUTION = 5;

export class Stopwatch {
  /** `performance.now()` of each, which counts from the start of the process. */
  datastoreRead: number | undefined;
  calculated: number | undefined;
  inSync: number | undefined;
  lastChange: { readToCalculated: number; readToAck: number } | undefined;
  #loop: IntervalHistogram | undefined;
  #lastCalculated = 0;

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
    this.#loop?.reset();
  }

  /** Starts to measure how long the event loop is held up; costs a timer every few milliseconds. */
  watchLoop(): void {
    this.#loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION });
    this.#loop.enable();
  }

  /** Milliseconds; undefined unless `watchLoop` was called. */
  get maxLoopStall(): number | undefined {
    if (this.#loop === undefined) return undefined;
    return Math.max(0, this.#loop.max / 1e6 - LOOP_RESOLUTION);
  }

  /** Bytes. */
  get peakRss(): number {
    return resourceUsage().maxRSS * 1024;
  }
}
