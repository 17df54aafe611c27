/**
 * A datastore behind a network, whatever it is made of. A RemoteStore (etcd/store.ts,
 * kubernetes/store.ts) lists it, follows it and says what it finds; this file decides what of that
 * counts (followed-records.ts), goes on from the snapshot while there is no answer, and makes the
 * batches.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Resource } from "../../tunnels/model/snapshot.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import { inTurns, Wakeup } from "../turns.ts";
import type { ChangeBatch, Datastore } from "./datastore.ts";
import { isRefused } from "./entry.ts";
import { FollowedRecords } from "./followed-records.ts";
import { remoteCondition } from "./remote-condition.ts";
import { RemoteFeed, type RemoteTrouble, type Told } from "./remote-feed.ts";
import type { SnapshotFile } from "./snapshot-file.ts";

export interface RemoteStore {
  /** As the operator wrote it, without secrets. */
  readonly url: string;
  /** Where a resource stands, as in `RemoteRecord.key`. */
  keyOf(resource: Resource): string;
  /**
   * Lists the store, follows it, and tells what it finds, until `signal` is aborted. It reconnects by
   * itself; should it throw, it is begun again after a while.
   */
  follow(feed: RemoteFeed, signal: AbortSignal): Promise<void>;
  /** Lists everything again now, while it follows. */
  relist(): void;
  /** True if `now` is a revision from before `seen`. Absent where revisions have no order. */
  isBefore?(now: string, seen: string): boolean;
}

/** Times in milliseconds. */
export interface RemoteTimings {
  /** At the start, how long to wait for an answer before going on from the snapshot. */
  readonly patience: number;
  /** Between a failure that nobody expected and the next attempt. */
  readonly retry: number;
}

export interface RemoteOptions {
  readonly snapshot?: SnapshotFile | undefined;
  readonly timings?: Partial<RemoteTimings>;
}

const defaults: RemoteTimings = { patience: 5_000, retry: 1_000 };

export class RemoteDatastore implements Datastore {
  readonly url: string;
  readonly #store: RemoteStore;
  readonly #timings: RemoteTimings;
  readonly #snapshot: SnapshotFile | undefined;
  readonly #records = new FollowedRecords();
  readonly #wakeup = new Wakeup();
  readonly #feed = new RemoteFeed(() => this.#wakeup.set());

  #acceptEmpty = false;
  #isUsed = false;
  #isListed = false;
  #inSync = false;
  #hasLooked = false;
  #trouble: RemoteTrouble | undefined;
  #revision: string | undefined;
  #wentBack: string | undefined;
  /** When the snapshot was written that the state in force comes from. */
  #restoredFrom: string | undefined;
  /** The snapshot holds resources that the store had lost already. */
  #isHeld = false;
  #readAt = 0;
  #lastTold = "";

  constructor(store: RemoteStore, options: RemoteOptions = {}) {
    this.url = store.url;
    this.#store = store;
    this.#snapshot = options.snapshot;
    this.#timings = { ...defaults, ...options.timings };
  }

  /** Batches until `signal` is aborted. Never throws for what the store says or does. */
  async *watch(signal: AbortSignal): AsyncIterable<ChangeBatch> {
    if (this.#isUsed) throw new CausewayError("internal", `${this.url} is watched already`);
    this.#isUsed = true;
    const wake = (): void => this.#wakeup.set();
    signal.addEventListener("abort", wake);
    // Whoever listens may also just leave.
    const left = new AbortController();
    const following = this.#follow(AbortSignal.any([signal, left.signal]));
    const patienceEnd = performance.now() + this.#timings.patience;
    try {
      while (!signal.aborted) {
        const isOver = this.#hasLooked ? Number.POSITIVE_INFINITY : patienceEnd;
        await this.#wakeup.wait(Math.max(0, isOver - performance.now()));
        if (signal.aborted) return;
        const batch = await this.#look();
        if (batch !== undefined) yield batch;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      left.abort();
      await following;
    }
  }

  resync({ acceptEmpty }: { acceptEmpty: boolean }): void {
    this.#acceptEmpty ||= acceptEmpty;
    this.#store.relist();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#store.follow(this.#feed, signal);
      } catch (error) {
        this.#feed.lost(`${this.url}: ${reasonOf(error)}`);
      }
      await sleep(this.#timings.retry, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Takes in all that was told, as one step. */
  async #look(): Promise<ChangeBatch | undefined> {
    for (const told of this.#feed.take()) await this.#take(told);
    if (!this.#isListed && !this.#hasLooked) await this.#restore();
    this.#hasLooked = true;
    const changes = await inTurns(this.#records.takeChanges());
    return this.#batch(changes);
  }

  async #take(told: Told): Promise<void> {
    this.#readAt = Math.max(this.#readAt, told.readAt ?? 0);
    switch (told.what) {
      case "lost":
        this.#trouble = told;
        // An operator has spoken of the store as it was then, not as it will be.
        this.#acceptEmpty = false;
        return;
      case "found":
        this.#trouble = undefined;
        this.#revision = told.revision ?? this.#revision;
        return;
      case "list":
        return this.#takeList(told);
      case "changes":
        this.#trouble = undefined;
        this.#revision = told.revision;
        await inTurns(this.#records.change(told.changes));
    }
  }

  async #takeList(list: Extract<Told, { what: "list" }>): Promise<void> {
    const { entries, revision, covers, olderThan, taken } = list;
    const acceptEmpty = this.#acceptEmpty;
    this.#acceptEmpty = false;
    if (!this.#isListed && this.#restoredFrom === undefined) await this.#restoreFor(list);
    const seen = olderThan ?? this.#revision;
    const isBefore =
      olderThan !== undefined ||
      (seen !== undefined && this.#store.isBefore?.(revision, seen) === true);
    if (isBefore) this.#wentBack = `from revision ${seen} to ${revision}`;
    const hasGoneBack = isBefore || (this.#isHeld && !this.#isListed);
    await inTurns(this.#records.list(entries, { acceptEmpty, hasGoneBack, covers, taken }));
    if (this.#records.missing === 0) this.#wentBack = undefined;
    this.#trouble = undefined;
    this.#isListed = true;
    this.#revision = revision;
    this.#inSync ||= acceptEmpty;
  }

  /** The first list is compared with the snapshot where it does not tell everything by itself. */
  async #restoreFor({ entries, revision }: Extract<Told, { what: "list" }>): Promise<void> {
    const header = await this.#snapshot?.readHeader(this.url);
    if (header === undefined) return;
    const isWhole =
      entries.some(({ resource }) => resource !== undefined) &&
      !entries.some(isRefused) &&
      header.isHeld !== true &&
      this.#store.isBefore?.(revision, header.revision) !== true;
    if (!isWhole) await this.#restore();
  }

  async #restore(): Promise<void> {
    const content = await this.#snapshot?.read(this.url);
    if (content === undefined) return;
    const resources = [...content.bySource.values()].flat();
    await inTurns(this.#records.restore(resources, (one) => this.#store.keyOf(one)));
    this.#restoredFrom = content.header.writtenAt;
    this.#isHeld = content.header.isHeld === true;
    this.#revision = content.header.revision;
    this.#readAt = performance.now();
  }

  #batch(changes: ChangeBatch["changes"]): ChangeBatch | undefined {
    const { present, missing } = this.#records;
    this.#inSync ||= present + missing > 0;
    const condition = remoteCondition({
      url: this.url,
      records: this.#records,
      inSync: this.#inSync,
      trouble: this.#trouble,
      isListed: this.#isListed,
      wentBack: this.#wentBack,
      restoredFrom: this.#restoredFrom,
    });
    if (this.#isListed && missing === 0) this.#restoredFrom = undefined;
    const faults = this.#records.faults();
    const complete = this.#inSync && this.#restoredFrom === undefined;
    const told = JSON.stringify([this.#inSync, complete, condition, faults]);
    if (changes.length === 0 && told === this.#lastTold) return undefined;
    this.#lastTold = told;
    if (changes.length > 0 || missing > 0) this.#scheduleSnapshot();
    const revision = this.#revision ?? "0";
    const parts = { changes, faults, complete, condition, lost: missing, readAt: this.#readAt };
    return { revision, inSync: this.#inSync, ...parts };
  }

  #scheduleSnapshot(): void {
    this.#snapshot?.schedule({
      url: this.url,
      revision: this.#revision ?? "0",
      isHeld: this.#records.missing > 0,
      collect: () => this.#records.inForce(),
    });
  }
}
