/**
 * etcd as a remote store: a list of what is kept there (form.ts), in pages at one revision, then a watch
 * from the next.
 *
 * `#revision` is the one up to which everything has been told. A watch that broke off is taken up
 * behind it, so nothing is lost or told twice. It is read anew from a list where etcd no longer has
 * what follows it (compaction), or has not come as far (its data was lost, or put back from a backup).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import { reasonOf } from "../../errors.ts";
import { inTurns } from "../../turns.ts";
import type { Entry } from "../entry.ts";
import { type EntryChange, FollowedRecords } from "../followed-records.ts";
import type { RemoteStore } from "../remote.ts";
import type { RemoteFeed } from "../remote-feed.ts";
import type { EtcdClient } from "./client.ts";
import { EtcdError, STATUS } from "./etcd-error.ts";
import { calicoForm, type EtcdForm } from "./form.ts";
import { listRanges } from "./list.ts";
import type { WatchStream } from "./member.ts";
import { EVENT_DELETE, type WatchAnswer } from "./messages.ts";
import type { RangePage } from "./range-page.ts";

/** Times in milliseconds. */
export interface FollowTimings {
  /** Before the second attempt to reach etcd; doubled with each further one up to `most`. */
  readonly retry: number;
  readonly most: number;
  /** After a watch broke off, for the next to be there before etcd counts as lost. */
  readonly grace: number;
  /** After a watch was opened, how long to wait for changes that were made in the meantime. */
  readonly catchUp: number;
  /** Between two questions whether the watch is still alive, which tell how old the state is. */
  readonly ask: number;
}

export const followTimings: FollowTimings = {
  retry: 100,
  most: 2_000,
  grace: 1_000,
  catchUp: 300,
  ask: 10_000,
};

export class EtcdStore implements RemoteStore {
  readonly url: string;
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #form: EtcdForm;
  readonly #timings: FollowTimings;
  #revision: number | undefined;
  #stream: WatchStream | undefined;
  #wantsList = false;
  #hasListed = false;
  #losing: NodeJS.Timeout | undefined;
  /** When (`performance.now()`) etcd was heard last. */
  #heardAt = 0;

  constructor(client: EtcdClient, timings: Partial<FollowTimings> = {}, form?: EtcdForm) {
    this.url = client.access.url;
    this.#client = client;
    this.#prefix = client.access.prefix;
    this.#form = form ?? calicoForm(this.#prefix);
    this.#timings = { ...followTimings, ...timings };
  }

  keyOf(resource: Resource): string {
    return this.#form.keyOf(resource);
  }

  isBefore(now: string, seen: string): boolean {
    return Number(now) < Number(seen);
  }

  relist(): void {
    this.#wantsList = true;
    this.#stream?.close();
  }

  async follow(feed: RemoteFeed, signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#client.close();
    signal.addEventListener("abort", stop);
    let failures = 0;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        if (this.#revision === undefined || this.#wantsList) await this.#list(feed);
        await this.#watch(feed);
      } catch (error) {
        if (signal.aborted) break;
        if (this.#wantsList && error instanceof EtcdError && error.isCancelled) continue;
        this.#client.next();
        if (performance.now() - began > this.#timings.most) failures = 0;
        failures++;
        // One failure is what the restart of a member looks like, and the next one is there at once.
        if (failures === 1 && this.#revision !== undefined) {
          this.#loseLater(feed, reasonOf(error));
          continue;
        }
        this.#lose(feed, reasonOf(error));
        await this.#pause(failures, signal);
      }
    }
    signal.removeEventListener("abort", stop);
    clearTimeout(this.#losing);
    this.#client.close();
  }

  #lose(feed: RemoteFeed, reason: string): void {
    clearTimeout(this.#losing);
    // How old the state is counts from when etcd was heard last.
    feed.found(this.#heardAt, this.#revision?.toString());
    feed.lost(reason);
  }

  #loseLater(feed: RemoteFeed, reason: string): void {
    clearTimeout(this.#losing);
    this.#losing = setTimeout(() => this.#lose(feed, reason), this.#timings.grace);
  }

  /** The nodes of a cluster, which all lost their etcd at once, do not come back in step. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { retry, most } = this.#timings;
    const whole = Math.min(most, retry * 2 ** Math.min(failures, 10));
    const delay = whole * (0.5 + Math.random() / 2);
    await sleep(delay, undefined, { signal }).catch(() => undefined);
  }

  async #list(feed: RemoteFeed): Promise<void> {
    let entries: Entry[] = [];
    let taken: FollowedRecords | undefined;
    const start = (): void => {
      entries = [];
      // There is time for it while etcd works on the next page, and none when the last one has come.
      if (!this.#hasListed && this.#form.listed === undefined) taken = new FollowedRecords();
    };
    const take = async (page: RangePage): Promise<void> => {
      const begin = entries.length;
      await inTurns(this.#readPage(page, entries));
      if (taken !== undefined) await inTurns(taken.add(entries.slice(begin)));
    };
    this.#wantsList = false;
    try {
      this.#revision = await listRanges(this.#client, this.#form.ranges, start, take);
    } catch (error) {
      this.#wantsList = true;
      throw error;
    }
    entries = this.#form.listed?.(entries) ?? entries;
    this.#hasListed = true;
    feed.listed({ entries, taken, revision: String(this.#revision), readAt: this.#hear() });
  }

  *#readPage(page: RangePage, entries: Entry[]): Generator<void> {
    let count = 0;
    while (page.next()) {
      for (const entry of this.#form.read(page, page.part)) entries.push(entry);
      if (++count % 256 === 0) yield;
    }
  }

  /** Returns when the list has to be read again; all else that ends a watch is thrown. */
  async #watch(feed: RemoteFeed): Promise<void> {
    const told = this.#revision ?? 0;
    // A watch of a revision that is yet to come waits for it in silence, also where that is because
    // all data was lost.
    const present = await this.#presentRevision();
    if (present < told) {
      feed.found(this.#hear(), String(told));
      this.#revision = undefined;
      return;
    }
    const stream = await this.#client.watch();
    this.#stream = stream;
    if (this.#wantsList) stream.close();
    const asking = setInterval(() => stream.send({ progress: {} }), this.#timings.ask);
    let catchingUp: NodeJS.Timeout | undefined;
    const { from, to } = this.#form.watched;
    const [key, rangeEnd] = [Buffer.from(from), Buffer.from(to)];
    try {
      stream.send({ create: { key, rangeEnd, startRevision: told + 1 } });
      for await (const answer of stream.answers()) {
        this.#hear();
        if (answer.canceled) {
          if (answer.compactRevision === 0) this.#refuse(answer);
          this.#revision = undefined;
          return;
        }
        if (answer.created) {
          clearTimeout(this.#losing);
          // What was changed while nobody watched comes now, and only then is the state the present one.
          const wait = present > told ? this.#timings.catchUp : 0;
          catchingUp = setTimeout(() => feed.found(this.#heardAt), wait);
        }
        this.#tell(feed, answer);
      }
    } finally {
      clearTimeout(catchingUp);
      clearInterval(asking);
      stream.close();
      this.#stream = undefined;
    }
  }

  /** A member that is behind does not answer this before it has caught up. */
  async #presentRevision(): Promise<number> {
    const { header } = await this.#client.range({ key: Buffer.from(this.#prefix), limit: 1 });
    return header?.revision ?? 0;
  }

  #tell(feed: RemoteFeed, { events }: WatchAnswer): void {
    const changes: EntryChange[] = [];
    const told = this.#revision ?? 0;
    let revision = told;
    for (const { type, kv } of events) {
      if (kv === undefined || kv.modRevision <= told) continue;
      revision = Math.max(revision, kv.modRevision);
      const isThere = type !== EVENT_DELETE;
      for (const entry of this.#form.read(kv)) {
        changes.push({ key: entry.file, entry: isThere ? entry : undefined });
      }
    }
    this.#revision = revision;
    if (changes.length === 0) return;
    const settled = this.#form.changed?.(changes) ?? changes;
    feed.changed({ changes: settled, revision: String(revision), readAt: this.#heardAt });
  }

  /** The server does not let us watch, and says no more than why. */
  #refuse({ cancelReason }: WatchAnswer): never {
    // Also of a token that is too old: the next attempt has a new one.
    this.#client.forgetToken();
    const reason = cancelReason === "" ? "the server ended the watch" : cancelReason;
    const status = /denied/.test(reason) ? STATUS.permissionDenied : STATUS.unavailable;
    throw new EtcdError(status, `etcd ${this.#client.endpoint}: ${reason}`);
  }

  #hear(): number {
    this.#heardAt = performance.now();
    return this.#heardAt;
  }
}
