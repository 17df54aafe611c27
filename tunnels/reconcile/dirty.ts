/** What has to be looked at again, key by key, and why. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type { KernelOp, ObjectKind } from "../kernel/kernel-op.ts";
import { addressKey, fdbKey, neighbourKey } from "../kernel/kernel-state.ts";
import type { RouteBatch } from "../kernel/route-batch.ts";
import { RouteTable } from "../kernel/route-table.ts";

/**
 * Why a key is dirty, weakest first; the strongest cause stays. Only what was in order and is not
 * any more counts as drift, and only mending drift is a repair.
 */
export const CAUSE = { drift: 1, retry: 2, start: 3, want: 4 } as const;
export type Cause = (typeof CAUSE)[keyof typeof CAUSE];

export type KeyedKind = Exclude<ObjectKind, "route">;
export type Key = string | number;

const KEYED_KINDS: readonly KeyedKind[] = [
  "sysctl",
  "link",
  "address",
  "neighbour",
  "fdb",
  "nexthop",
];

export class Dirty {
  #keyed = new Map<KeyedKind, Map<Key, Cause>>();
  #routes = { 4: new RouteTable(4), 6: new RouteTable(6) };
  /** Set: every key of every kind, whatever else is marked. */
  all: Cause | undefined;

  /** Destinations; the "path" of a row is its cause. */
  get routes(): { readonly 4: RouteTable; readonly 6: RouteTable } {
    return this.#routes;
  }

  /** All marks, as an object of their own; none are left here. */
  take(): Dirty {
    const taken = new Dirty();
    taken.#keyed = this.#keyed;
    taken.#routes = this.#routes;
    taken.all = this.all;
    this.#keyed = new Map();
    this.#routes = { 4: new RouteTable(4), 6: new RouteTable(6) };
    this.all = undefined;
    return taken;
  }

  mark(kind: KeyedKind, key: Key, cause: Cause): void {
    const keys = this.keys(kind);
    if ((keys.get(key) ?? 0) < cause) keys.set(key, cause);
  }

  markRoute(destination: Cidr, cause: Cause): void {
    const { w0, w1, w2, w3 } = destination.address;
    this.markWords(destination.family, w0, w1, w2, w3, destination.length, cause);
  }

  /** As `markRoute`, without an object for the destination. */
  markWords(
    family: Family,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    length: number,
    cause: Cause,
  ): void {
    const table = this.routes[family];
    const row = table.find(w0, w1, w2, w3, length);
    if (table.pathOf(row) < cause) table.set(w0, w1, w2, w3, length, cause, row);
  }

  markAll(cause: Cause): void {
    this.all = Math.max(this.all ?? 0, cause) as Cause;
  }

  keys(kind: KeyedKind): Map<Key, Cause> {
    let keys = this.#keyed.get(kind);
    if (keys === undefined) {
      keys = new Map();
      this.#keyed.set(kind, keys);
    }
    return keys;
  }

  causeOf(kind: KeyedKind, key: Key): Cause {
    return this.all ?? this.keys(kind).get(key) ?? CAUSE.retry;
  }

  causeOfRoute(destination: Cidr): Cause {
    return this.all ?? causeIn(this.routes[destination.family].get(destination));
  }

  /** Why the operation's object is dirty. */
  causeOfOp(op: KernelOp): Cause {
    if (op.kind === "route") return this.causeOfRoute(op.object.destination);
    return this.causeOf(op.kind, keyOf(op));
  }

  /** Why the route of operation `at` is dirty. */
  causeInBatch(batch: RouteBatch, at: number): Cause {
    if (this.all !== undefined) return this.all;
    const table = this.routes[batch.family];
    const words = (word: number): number => batch.wordOf(at, word);
    return causeIn(
      table.pathOf(table.find(words(0), words(1), words(2), words(3), batch.lengthOf(at))),
    );
  }

  hasRoute(destination: Cidr): boolean {
    return this.all !== undefined || this.routes[destination.family].findCidr(destination) >= 0;
  }

  markOp(op: KernelOp, cause: Cause): void {
    if (op.kind === "route") this.markRoute(op.object.destination, cause);
    else this.mark(op.kind, keyOf(op), cause);
  }

  get isEmpty(): boolean {
    const isKeyed = KEYED_KINDS.some((kind) => this.keys(kind).size > 0);
    return this.all === undefined && this.routes[4].size + this.routes[6].size === 0 && !isKeyed;
  }

  /** Number of marked keys that the predicates accept. */
  count(
    isKey: (kind: KeyedKind, key: Key) => boolean,
    isRoute: (destination: Cidr) => boolean,
  ): number {
    let count = 0;
    for (const kind of KEYED_KINDS) {
      for (const key of this.keys(kind).keys()) if (isKey(kind, key)) count++;
    }
    for (const table of [this.routes[4], this.routes[6]]) {
      for (const row of table.rows()) if (isRoute(table.destinationOf(row))) count++;
    }
    return count;
  }

  /** Takes over all marks of `other`, which is empty afterwards. */
  absorb(other: Dirty): void {
    if (other.isEmpty) return;
    if (other.all !== undefined) this.markAll(other.all);
    for (const kind of KEYED_KINDS) {
      for (const [key, cause] of other.keys(kind)) this.mark(kind, key, cause);
      other.keys(kind).clear();
    }
    for (const table of [other.routes[4], other.routes[6]]) {
      for (const row of table.rows()) {
        this.markRoute(table.destinationOf(row), table.pathOf(row) as Cause);
      }
      table.clear();
    }
    other.all = undefined;
  }
}

/** What nobody marked is looked at because something else is. */
function causeIn(mark: number): Cause {
  return mark < 0 ? CAUSE.retry : (mark as Cause);
}

/** The key of an operation's object within its kind. */
export function keyOf(op: Exclude<KernelOp, { kind: "route" }>): Key {
  switch (op.kind) {
    case "sysctl":
    case "link":
      return op.object.name;
    case "address":
      return addressKey(op.object);
    case "neighbour":
      return neighbourKey(op.object);
    case "fdb":
      return fdbKey(op.object);
    case "nexthop":
      return op.object.id;
  }
}
