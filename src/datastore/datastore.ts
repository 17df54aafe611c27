/**
 * The port to a datastore. Every implementation keeps this contract and runs the same cases
 * (test/conformance/datastore.cases.ts).
 *
 * - The first batch that says `inSync` completes the first full list; until then nothing may be
 *   concluded from what is missing.
 * - After it every batch is one consistent step: acting on it and on all before it never means
 *   acting on half of a change.
 * - A resource that turns bad keeps its last good version in force; its fault says so. A store that
 *   can no longer be read, or that suddenly holds nothing at all, yields no removals: its `condition`
 *   says so, and the batches stop until it is back.
 */
import type { ResourceChange, ResourceFault } from "../../tunnels/model/snapshot.ts";

/** `ok`, or why the state in force is not known to be the datastore's present one. */
export type DatastoreCondition =
  | { readonly state: "ok" }
  | {
      readonly state: "starting" | "unreachable" | "empty" | "incomplete";
      readonly reason: string;
    };

export interface ChangeBatch {
  /** Counts up with every batch that changed something; a store's own revision if it has one. */
  readonly revision: string;
  readonly inSync: boolean;
  readonly changes: readonly ResourceChange[];
  /** All faults there are now, not only new ones. */
  readonly faults: readonly ResourceFault[];
  /** False while removals are withheld, for example because a file was never readable yet. */
  readonly complete: boolean;
  readonly condition: DatastoreCondition;
  /** Resources that the store has lost, and that stay in force until somebody says otherwise. */
  readonly lost?: number;
  /** `performance.now()` when the last byte of what changed had been read. */
  readonly readAt: number;
}

export interface Datastore {
  /** As the operator wrote it, for example "file:/etc/causeway"; without secrets. */
  readonly url: string;
  /** Ends when `signal` is aborted. May be called once. */
  watch(signal: AbortSignal): AsyncIterable<ChangeBatch>;
  /** Looks at everything again now; an operator's wish. `acceptEmpty` lets an empty store count. */
  resync(options: { acceptEmpty: boolean }): void;
}
