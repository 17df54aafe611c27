/**
 * The port for those who write: registering, address management, `get`, `apply`, `delete`, `migrate`.
 * Whoever only follows the cluster uses datastore.ts. Every implementation runs the same cases
 * (test/conformance/record-store.cases.ts).
 *
 * Records are in one shape whatever the store: Calico's `projectcalico.org/v3` resources, with
 * `spec` as Calico's documentation has it. A store that keeps another form (etcd's bare values of
 * address management, annotations of Kubernetes nodes) converts at its edge, and keeps what it does
 * not understand of a record that it updates.
 *
 * Every call has a deadline of its own and rejects with CausewayError: `datastore` where the store
 * cannot be reached or refuses, `conflict` where somebody else was first, `bad-resource` where the
 * store says that the record is wrong. After `datastore` the write may have happened all the same:
 * read before trying again.
 */
import type { CausewayError } from "../errors.ts";

export type RecordKind =
  | "IPPool"
  | "Node"
  | "FelixConfiguration"
  | "IPAMBlock"
  | "BlockAffinity"
  | "IPAMHandle"
  | "IPAMConfig";

/** A record as JSON: apiVersion, kind, metadata with a name, spec. */
export interface RecordValue {
  readonly apiVersion: string;
  readonly kind: RecordKind;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface StoredRecord {
  readonly value: RecordValue;
  /** Changes with every write; `update` and `delete` take effect only while it is still this one. */
  readonly revision: string;
}

/** Part of a list: all names, or those of one node's block affinities; and what it lacks. */
export interface ListOptions {
  /** Only for `BlockAffinity`: those of this node, so that a start reads no more than its own. */
  readonly node?: string;
  /** Told of what cannot be read, which the list leaves out. */
  readonly onUnreadable?: (error: CausewayError) => void;
}

export interface RecordStore {
  /** As the operator wrote it, without secrets. */
  readonly url: string;
  /** What is there now, not a cached copy; undefined if there is no such record. */
  get(kind: RecordKind, name: string): Promise<StoredRecord | undefined>;
  /** All of a kind in order of names, in pages at one revision where the store has such. */
  list(kind: RecordKind, options?: ListOptions): Promise<readonly StoredRecord[]>;
  /** @throws CausewayError `conflict` if there is one of that name already */
  create(value: RecordValue): Promise<StoredRecord>;
  /** @throws CausewayError `conflict` if it has changed since `revision`, or is gone */
  update(value: RecordValue, revision: string): Promise<StoredRecord>;
  /** @throws CausewayError `conflict` if it has changed since; not if it is gone already */
  delete(kind: RecordKind, name: string, revision: string): Promise<void>;
  /** Ends connections; pending calls reject. */
  close(): Promise<void>;
}
