/** What a remote store tells of itself, kept in order until the datastore takes it in. */
import type { Entry } from "./entry.ts";
import type { EntryChange, FollowedRecords } from "./followed-records.ts";

export interface ToldList {
  readonly entries: readonly Entry[];
  readonly revision: string;
  /** `performance.now()` when its last byte had been read. */
  readonly readAt: number;
  /**
   * The keys that the list is about; all without. The first list is about all. Kinds that are listed
   * one by one should come together all the same: a store that lost everything is recognised only
   * by a list that has nothing.
   */
  readonly covers?: (key: string) => boolean;
  /** What was seen before, where the list is older; for stores whose revisions have no one order. */
  readonly olderThan?: string | undefined;
  /** What took the entries in while they were read; see ListRules. */
  readonly taken?: FollowedRecords | undefined;
}

export interface ToldChanges {
  /** One consistent step. */
  readonly changes: readonly EntryChange[];
  readonly revision: string;
  readonly readAt: number;
}

export type Told =
  | ({ readonly what: "list" } & ToldList)
  | ({ readonly what: "changes" } & ToldChanges)
  | { readonly what: "found"; readonly readAt: number; readonly revision: string | undefined }
  | ({ readonly what: "lost"; readonly readAt: undefined } & RemoteTrouble);

/** Why the store's present state is not known. */
export interface RemoteTrouble {
  /** `incomplete`: it answers, and a part of what is needed is not to be had from it. */
  readonly state: "unreachable" | "incomplete";
  /** What failed, with what, and why. */
  readonly reason: string;
}

export class RemoteFeed {
  #told: Told[] = [];
  readonly #onTold: () => void;

  constructor(onTold: () => void) {
    this.#onTold = onTold;
  }

  /** A full list was read to its end. */
  listed(list: ToldList): void {
    this.#tell({ what: "list", ...list });
  }

  changed(changes: ToldChanges): void {
    this.#tell({ what: "changes", ...changes });
  }

  /**
   * It answers: the state in force is the present one. May be said often.
   * @param revision up to which nothing else has changed, if that is known
   */
  found(readAt: number, revision?: string): void {
    this.#tell({ what: "found", readAt, revision });
  }

  /** It cannot be reached or read, or not all of it. May be said often. */
  lost(reason: string, state: RemoteTrouble["state"] = "unreachable"): void {
    this.#tell({ what: "lost", state, reason, readAt: undefined });
  }

  /** Everything told since this was called last. */
  take(): Told[] {
    const told = this.#told;
    this.#told = [];
    return told;
  }

  #tell(told: Told): void {
    this.#told.push(told);
    this.#onTold();
  }
}
