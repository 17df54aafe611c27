/**
 * `file:DIR`: every .yaml, .yml and .json file below a directory, watched. This file says when to
 * look (file-scan.ts) and when to decide (store-state.ts), and makes the batches.
 */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { CausewayError } from "../errors.ts";
import { inTurns, Wakeup } from "../turns.ts";
import type { ChangeBatch, Datastore } from "./datastore.ts";
import { conditionOf } from "./file-condition.ts";
import { FileScan, isListed, type ScanTimings } from "./file-scan.ts";
import type { SnapshotFile } from "./snapshot-file.ts";
import { type Decision, StoreState, type StoreTimings } from "./store-state.ts";

/** Times in milliseconds. */
export interface FileTimings extends StoreTimings, ScanTimings {
  /** Files are read once nothing has happened for this time. */
  readonly quiet: number;
}

export interface FileDatastoreOptions {
  readonly snapshot?: SnapshotFile | undefined;
  readonly timings?: Partial<FileTimings>;
}

const defaults: FileTimings = {
  quiet: 15,
  inPlaceQuiet: 1_000,
  vanishQuiet: 1_000,
  rescan: 30_000,
  poll: 500,
};

/** Quiet periods that are waited for before the files are read all the same. */
const PATIENCE = 15;
/** Attempts to read a file that changes while it is read. */
const ATTEMPTS = 5;

export class FileDatastore implements Datastore {
  readonly url: string;
  readonly #directory: string;
  readonly #timings: FileTimings;
  readonly #snapshot: SnapshotFile | undefined;
  readonly #state: StoreState;
  readonly #scan: FileScan;
  readonly #wakeup = new Wakeup();

  #acceptEmpty = false;
  readonly #held = new Map<string, number>();
  #vanishUntil: number | undefined;

  #revision = 0;
  #inSync = false;
  /** When the snapshot was written that the state in force comes from. */
  #restoredFrom: string | undefined;
  #lastTold = "";
  #isUsed = false;
  #isFirst = true;

  /** @param directory absolute, or relative to the working directory. */
  constructor(directory: string, options: FileDatastoreOptions = {}) {
    this.url = `file:${directory}`;
    this.#directory = resolve(directory);
    this.#timings = { ...defaults, ...options.timings };
    this.#snapshot = options.snapshot;
    this.#state = new StoreState(this.#timings);
    this.#scan = new FileScan(this.#directory, this.#timings, this.#state, () =>
      this.#wakeup.set(),
    );
  }

  /** Batches until `signal` is aborted. Never throws for what the directory holds. */
  async *watch(signal: AbortSignal): AsyncIterable<ChangeBatch> {
    if (this.#isUsed) throw new CausewayError("internal", `${this.url} is watched already`);
    this.#isUsed = true;
    const wake = (): void => this.#wakeup.set();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        const batch = await this.#look();
        if (signal.aborted) return;
        if (batch !== undefined) yield batch;
        await this.#wakeup.wait(Math.max(0, this.#nextLook() - performance.now()));
        if (!signal.aborted) await this.#untilQuiet();
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#scan.close();
    }
  }

  resync({ acceptEmpty }: { acceptEmpty: boolean }): void {
    this.#acceptEmpty ||= acceptEmpty;
    this.#scan.forget();
  }

  #nextLook(): number {
    const scanAt = this.#scan.nextScan;
    return Math.min(scanAt, this.#vanishUntil ?? scanAt, ...this.#held.values());
  }

  /** A writer often touches several files, one after the other: they make one batch. */
  async #untilQuiet(): Promise<void> {
    const { quiet } = this.#timings;
    const end = performance.now() + PATIENCE * quiet;
    for (;;) {
      const left = Math.min(this.#scan.lastEvent + quiet, end) - performance.now();
      if (left <= 0) return;
      await sleep(left);
    }
  }

  /** Reads what may have changed, decides what counts, and says so if it is news. */
  async #look(): Promise<ChangeBatch | undefined> {
    const acceptEmpty = this.#acceptEmpty;
    this.#acceptEmpty = false;
    const now = performance.now();
    for (const [path, until] of this.#held) if (until <= now) this.#scan.revisit(path);
    for (let attempt = 1; ; attempt++) {
      const isStable = await this.#scan.read(acceptEmpty);
      if (isStable || attempt === ATTEMPTS) break;
      await sleep(this.#timings.quiet);
    }
    if (this.#isFirst) await this.#restore();
    this.#isFirst = false;
    const decision = await inTurns(this.#state.decide(performance.now(), acceptEmpty));
    this.#held.clear();
    for (const { path, until } of decision.held) this.#held.set(path, until);
    this.#vanishUntil = decision.vanishUntil;
    return this.#batch(decision, acceptEmpty);
  }

  /** At start: where the files do not tell everything, the copy of the last good state does. */
  async #restore(): Promise<void> {
    const header = await this.#snapshot?.readHeader(this.url);
    const listing = this.#scan.listing;
    if (header === undefined || listing === undefined) return;
    const missing = Object.keys(header.sources).filter(
      (path) => listing.failure !== undefined || !isListed(listing, path),
    );
    const troubled = Object.keys(header.sources).filter((path) => this.#state.isTroubled(path));
    if (missing.length + troubled.length === 0) return;
    const content = await this.#snapshot?.read(this.url);
    if (content === undefined) return;
    this.#restoredFrom = content.header.writtenAt;
    for (const path of [...missing, ...troubled]) {
      await inTurns(this.#state.restore(path, content.bySource.get(path) ?? []));
    }
    if (listing.failure === undefined) {
      this.#state.noteListing((path) => isListed(listing, path), performance.now());
    }
  }

  #batch(decision: Decision, acceptEmpty: boolean): ChangeBatch | undefined {
    const { changes, readAt = performance.now() } = decision;
    const hasResources = this.#state.usable > 0;
    this.#inSync ||= hasResources || acceptEmpty;
    if (changes.length > 0) this.#revision++;
    const condition = conditionOf({
      directory: this.#directory,
      listing: this.#scan.listing,
      state: this.#state,
      inSync: this.#inSync,
      restoredFrom: this.#restoredFrom,
    });
    const faults = [...this.#state.faults(), ...this.#watchFaults()];
    if (condition.state === "ok") this.#restoredFrom = undefined;
    const isFromCopy =
      this.#restoredFrom !== undefined &&
      (condition.state === "empty" || condition.state === "unreachable");
    const complete = this.#inSync && this.#state.isComplete && !isFromCopy;
    const told = JSON.stringify([this.#inSync, complete, condition, faults]);
    if (changes.length === 0 && told === this.#lastTold) return undefined;
    this.#lastTold = told;
    if (changes.length > 0) this.#scheduleSnapshot();
    const revision = String(this.#revision);
    return { revision, inSync: this.#inSync, changes, faults, complete, condition, readAt };
  }

  #watchFaults(): ResourceFault[] {
    const failure = this.#scan.watchFailure;
    if (failure === undefined) return [];
    const every = `it is looked at every ${this.#timings.poll} ms instead`;
    const reason = `cannot be watched (${failure}); ${every}`;
    return [{ where: this.#directory, reason, severity: "warning", keptLastGood: false }];
  }

  #scheduleSnapshot(): void {
    this.#snapshot?.schedule({
      url: this.url,
      revision: String(this.#revision),
      collect: () => this.#state.inForce(),
    });
  }
}
