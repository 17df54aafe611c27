/**
 * What is in force of a remote store (etcd, the Kubernetes API): takes full lists and single changes
 * in, and decides what counts. No I/O and no clock.
 *
 * - A record that is refused keeps its last good version.
 * - Removals count as they come, with one exception: records that are missing because the store has
 *   nothing left at all, or went back in time, are withheld until somebody says that this is right.
 */
import type { Resource, ResourceChange, ResourceFault } from "../../tunnels/model/snapshot.ts";
import { type Entry, isRefused } from "./entry.ts";
import { faultOfLoss, faultsOfEntry } from "./entry-fault.ts";
import { knownRemote } from "./remote-entry.ts";
import { ResourceIndex } from "./resource-index.ts";
import type { BySource } from "./snapshot-file.ts";

export interface ListRules {
  /** Whatever is missing may go, even if all of it is. */
  readonly acceptEmpty: boolean;
  /** The store is older than what was seen of it: nothing that it lacks may go. */
  readonly hasGoneBack?: boolean;
  /** The keys that the list is about; all without. */
  readonly covers?: ((key: string) => boolean) | undefined;
  /** Has taken the same entries in already, and nothing else: of use where nothing is in force. */
  readonly taken?: FollowedRecords | undefined;
}

/** A record put (`entry` present) or removed. */
export interface EntryChange {
  readonly key: string;
  readonly entry: Entry | undefined;
}

/** Entries between two `yield`s. */
const STEP = 512;

export class FollowedRecords {
  #entries = new Map<string, Entry>();
  #index = new ResourceIndex(new Set());
  #faulty = new Map<string, Entry>();
  /** Keys that the store no longer has, while what they held stays in force. */
  readonly #missing = new Set<string>();
  /** Entries with a resource in force, the missing ones left out. */
  #present = 0;

  /** Resources in force that the store is known to have. */
  get present(): number {
    return this.#present;
  }

  /** Resources in force that the store no longer has: their removal is withheld. */
  get missing(): number {
    return this.#missing.size;
  }

  /** Everything as the snapshot on disk has it; for a first list to be compared with. */
  *restore(resources: readonly Resource[], keyOf: (one: Resource) => string): Generator<void> {
    const fresh = resources.map((one) => knownRemote(keyOf(one), one));
    yield* this.#replace(fresh, []);
  }

  /** Takes a full list in: what is in force and not listed is gone. */
  *list(listed: readonly Entry[], rules: ListRules): Generator<void> {
    const { acceptEmpty, hasGoneBack = false, covers = () => true, taken } = rules;
    if (this.#entries.size === 0) {
      // The first of all, and the longest.
      if (taken === undefined) yield* this.add(listed);
      else this.#become(taken);
      return;
    }
    const fresh: Entry[] = [];
    const keys = new Set<string>();
    for (const entry of listed) {
      fresh.push(this.#merged(entry));
      keys.add(entry.file);
      if (keys.size % STEP === 0) yield;
    }
    const gone: string[] = [];
    for (const key of this.#entries.keys()) {
      if (covers(key) && !keys.has(key) && !this.#missing.has(key)) gone.push(key);
    }
    if (acceptEmpty) gone.push(...this.#missing);
    yield* this.#take(fresh, gone, acceptEmpty ? "go" : hasGoneBack ? "stay" : "go unless all");
  }

  /** Takes a part of a first list in. */
  *add(entries: readonly Entry[]): Generator<void> {
    yield* this.#replace(entries, []);
  }

  /** Takes single changes in, all as one step; the last for a key counts. */
  *change(changes: Iterable<EntryChange>): Generator<void> {
    const last = new Map<string, Entry | undefined>();
    for (const { key, entry } of changes) last.set(key, entry);
    const fresh: Entry[] = [];
    const gone: string[] = [];
    for (const [key, entry] of last) {
      if (entry !== undefined) fresh.push(this.#merged(entry));
      else if (this.#entries.has(key) && !this.#missing.has(key)) gone.push(key);
    }
    yield* this.#take(fresh, gone, "go unless all");
  }

  /** What is in force now and was not when this was asked last. */
  takeChanges(): Generator<void, ResourceChange[]> {
    return this.#index.takeChanges();
  }

  /** Everything that is wrong now: key by key, then what several keys claim. */
  faults(): ResourceFault[] {
    const entries = [...this.#faulty.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
    return [
      ...entries.flatMap((entry) => faultsOfEntry(entry, entry.resource !== undefined)),
      ...this.#index.losses().map(faultOfLoss),
    ];
  }

  /** What the snapshot on disk is to hold; undefined if a change goes on meanwhile. */
  *inForce(): Generator<void, BySource | undefined> {
    const resources: Resource[] = [];
    const isWhole = yield* this.#index.visitInForce((resource) => resources.push(resource));
    return isWhole ? new Map([[undefined, resources]]) : undefined;
  }

  *#take(
    fresh: readonly Entry[],
    gone: readonly string[],
    removals: "go" | "stay" | "go unless all",
  ): Generator<void> {
    let left = this.#present;
    for (const key of gone) left -= this.#weight(key);
    for (const entry of fresh) left += (entry.resource ? 1 : 0) - this.#weight(entry.file);
    const hadSome = this.#present + this.#missing.size > 0;
    const isLoss = removals === "stay" || (removals === "go unless all" && hadSome && left === 0);
    // A key that has nothing in force can go in any case.
    const held = isLoss ? gone.filter((key) => this.#weight(key) > 0) : [];
    for (const key of held) {
      this.#present--;
      this.#missing.add(key);
      this.#faulty.delete(key);
    }
    yield* this.#replace(fresh, isLoss ? gone.filter((key) => !this.#missing.has(key)) : gone);
  }

  *#replace(fresh: readonly Entry[], gone: readonly string[]): Generator<void> {
    const old: Entry[] = [];
    const leave = (key: string): void => {
      const entry = this.#entries.get(key);
      if (entry === undefined) return;
      old.push(entry);
      this.#present -= this.#weight(key);
      this.#faulty.delete(key);
      this.#missing.delete(key);
      this.#entries.delete(key);
    };
    for (const key of gone) leave(key);
    let count = 0;
    for (const entry of fresh) {
      if (++count % STEP === 0) yield;
      leave(entry.file);
      this.#entries.set(entry.file, entry);
      if (entry.resource !== undefined) this.#present++;
      if (entry.problems.length > 0) this.#faulty.set(entry.file, entry);
    }
    yield* this.#index.replace(old, fresh);
  }

  #become(other: FollowedRecords): void {
    this.#entries = other.#entries;
    this.#index = other.#index;
    this.#faulty = other.#faulty;
    this.#present = other.#present;
  }

  /** 1 if the store is known to have the key, and it has something in force. */
  #weight(key: string): number {
    return !this.#missing.has(key) && this.#entries.get(key)?.resource !== undefined ? 1 : 0;
  }

  /** A refused record with its last good version. */
  #merged(entry: Entry): Entry {
    if (entry.resource !== undefined || !isRefused(entry)) return entry;
    const { resource } = this.#entries.get(entry.file) ?? entry;
    return { ...entry, resource };
  }
}
