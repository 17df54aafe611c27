/**
 * One kind of the Kubernetes API: listed, then watched from there, for as long as the agent runs.
 * Ends of all kinds are met here; what was found goes to the store, which puts the kinds together.
 */
import { reasonOf } from "../../errors.ts";
import type { Entry } from "../entry.ts";
import type { Answer, ApiClient } from "./api-client.ts";
import {
  type ApiKind,
  type CalicoGroup,
  missingText,
  pathOf,
  type ServedGroup,
} from "./api-kinds.ts";
import { type ApiObject, listKind } from "./kind-list.ts";
import { type Epoch, pause, type Recovery } from "./recovery.ts";
import { isGone, isServerTrouble, refusalText, type Status, statusOf } from "./refusal.ts";

/** What a follower tells of its kind. */
export interface KindListener {
  listed(kind: ApiKind, list: KindList): void;
  changed(kind: ApiKind, object: ApiObject, isThere: boolean, readAt: number): void;
  /** It is watched from the last list or event on. */
  watching(kind: ApiKind, readAt: number): void;
  /** Neither listed nor watched at present, and why. */
  lost(kind: ApiKind, trouble: KindTrouble): void;
}

export interface KindList {
  /** By key. */
  readonly entries: Map<string, Entry>;
  readonly revision: string;
  /** What was seen of the kind before, where that is newer: the cluster was restored from a backup. */
  readonly olderThan: string | undefined;
  readonly readAt: number;
}

export interface KindTrouble {
  /** `server`: it does not answer. `missing`: it does not serve the kind. `refused`: not for us. */
  readonly what: "server" | "missing" | "refused";
  readonly reason: string;
}

export interface KindFollowerParts {
  readonly client: ApiClient;
  readonly recovery: Recovery;
  readonly listener: KindListener;
  readonly kind: ApiKind;
  readonly entryOf: (kind: ApiKind, object: ApiObject) => Entry;
  /** What the cluster serves of Calico now. */
  readonly findGroup: (signal: AbortSignal) => Promise<ServedGroup | undefined>;
  /** Milliseconds between two looks at what a cluster does not serve, or refuses. */
  readonly recheck: number;
  /** Milliseconds after which a watch that the server should have ended is given up. */
  readonly overtime: number;
}

export class KindFollower {
  readonly #parts: KindFollowerParts;
  #path: string | undefined;
  /** What the next watch goes on from; undefined if everything has to be listed. */
  #revision: string | undefined;
  /** The newest that was ever seen. */
  #seen: string | undefined;
  /** Watches in a row whose start was refused as too old right after a list. */
  #goneInRow = 0;
  #again = new AbortController();

  constructor(parts: KindFollowerParts) {
    this.#parts = parts;
  }

  /** Lists everything again, now. */
  relist(): void {
    this.#revision = undefined;
    this.#path = undefined;
    this.#again.abort();
  }

  /** Until `signal` is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    const { recovery, listener, kind } = this.#parts;
    while (!signal.aborted) {
      this.#again = new AbortController();
      const within = AbortSignal.any([signal, this.#again.signal]);
      const epoch = await recovery.admit(within);
      if (within.aborted) continue;
      try {
        await this.#listAndWatch(epoch, within);
      } catch (error) {
        if (within.aborted) continue;
        recovery.failed(epoch);
        listener.lost(kind, { what: "server", reason: reasonOf(error) });
      }
    }
  }

  async #listAndWatch(epoch: Epoch, signal: AbortSignal): Promise<void> {
    const { kind, recovery, findGroup } = this.#parts;
    if (this.#path === undefined) {
      const served = kind.plural === "nodes" ? undefined : await findGroup(signal);
      if (kind.plural !== "nodes" && served?.plurals.has(kind.plural) !== true) {
        return this.#isMissing(served?.group, signal);
      }
      this.#path = pathOf(kind, served?.group);
    }
    if (this.#revision === undefined && !(await this.#list(this.#path, epoch, signal))) return;
    const end = await this.#watch(this.#path, epoch, signal);
    if (end === "gone") {
      recovery.answered();
      this.#revision = undefined;
      // Every agent hears of it in the same moment.
      if (++this.#goneInRow > 1) await pause(this.#parts.recheck * Math.random(), signal);
      else await recovery.spread(signal);
    } else if (end === "early") {
      // A server that is going to stop ends all watches so.
      await recovery.spread(signal);
    }
  }

  /** @returns false if there is nothing to watch yet */
  async #list(path: string, epoch: Epoch, signal: AbortSignal): Promise<boolean> {
    const { client, kind, entryOf, recovery, listener } = this.#parts;
    const entries = new Map<string, Entry>();
    const taker = {
      // Page by page: all objects of a large cluster at once would be a thousand megabytes.
      take: (page: readonly ApiObject[]) => {
        for (const object of page) {
          const entry = entryOf(kind, object);
          entries.set(entry.file, entry);
        }
      },
      restart: () => entries.clear(),
    };
    const list = await listKind(client, path, taker, signal);
    if ("status" in list) {
      await this.#refused(list, epoch, signal);
      return false;
    }
    if (signal.aborted) return false;
    recovery.answered();
    const { revision, readAt } = list;
    const olderThan = isOlder(revision, this.#seen) ? this.#seen : undefined;
    this.#revision = revision;
    this.#seen = revision;
    listener.listed(kind, { entries, revision, olderThan, readAt });
    return true;
  }

  async #watch(
    path: string,
    epoch: Epoch,
    signal: AbortSignal,
  ): Promise<"over" | "early" | "gone" | "refused"> {
    const { client, kind, recovery, listener } = this.#parts;
    // Not all watches of all agents are to end in step.
    const longest = await client.longestWatch();
    const seconds = Math.ceil((longest / 1_000) * (0.5 + Math.random() / 2));
    const overtime = AbortSignal.timeout(seconds * 1_000 + this.#parts.overtime);
    const begun = performance.now();
    const query = {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#revision,
      timeoutSeconds: String(seconds),
    };
    const stream = await client.stream({ path, query }, AbortSignal.any([signal, overtime]));
    if ("status" in stream) {
      if (isGone(stream.status, statusOf(stream))) return "gone";
      await this.#refused(stream, epoch, signal);
      return "refused";
    }
    recovery.answered();
    listener.watching(kind, performance.now());
    for await (const event of stream) {
      const { type, object } = event as { type?: string; object?: ApiObject };
      if (type === "ERROR") return this.#errorIn(object as Status);
      const revision = object?.metadata?.resourceVersion;
      if (object === undefined || revision === undefined) throw new SyntaxError("no watch event");
      this.#revision = revision;
      this.#seen = revision;
      this.#goneInRow = 0;
      if (type === "BOOKMARK") continue;
      listener.changed(kind, object, type !== "DELETED", performance.now());
    }
    const isEarly = performance.now() - begun < seconds * 800;
    return isEarly ? "early" : "over";
  }

  /** @throws an Error for anything but a history that is gone */
  #errorIn(status: Status): "gone" {
    if (isGone(status.code ?? 0, status)) return "gone";
    throw new Error(`the watch failed: ${status.code}, ${status.message}`);
  }

  async #refused(answer: Answer, epoch: Epoch, signal: AbortSignal): Promise<void> {
    const { kind, recovery, listener } = this.#parts;
    if (answer.status === 404) {
      this.#path = undefined;
      this.#revision = undefined;
      return this.#isMissing(undefined, signal);
    }
    const reason = refusalText(answer, `list ${kind.plural}`);
    if (isServerTrouble(answer.status)) {
      recovery.failed(epoch, answer.retryAfter);
      listener.lost(kind, { what: "server", reason });
      return;
    }
    recovery.answered();
    listener.lost(kind, { what: "refused", reason });
    await this.#pauseToRecheck(signal);
  }

  async #isMissing(group: CalicoGroup | undefined, signal: AbortSignal): Promise<void> {
    const { kind, recovery, listener } = this.#parts;
    recovery.answered();
    listener.lost(kind, { what: "missing", reason: missingText(kind.plural, group) });
    await this.#pauseToRecheck(signal);
  }

  async #pauseToRecheck(signal: AbortSignal): Promise<void> {
    await pause(this.#parts.recheck * (0.5 + Math.random() / 2), signal);
  }
}

/** Versions of one kind are whole numbers that count up; whatever else they were would have no order. */
function isOlder(now: string, seen: string | undefined): boolean {
  if (seen === undefined || !/^\d+$/.test(now) || !/^\d+$/.test(seen)) return false;
  return BigInt(now) < BigInt(seen);
}
