/**
 * The leases of a network in etcd, by key. Two things are decided here: which of several leases of one
 * node is in force (the newest: the others run out), and that this node's own lease stays while it is
 * being looked after.
 */
import type { Node } from "../../../tunnels/model/node.ts";
import type { Entry, EntryProblem } from "../entry.ts";
import type { EntryChange } from "../followed-records.ts";
import type { OwnLease } from "./own-lease.ts";

export interface Lease {
  /** With the node named after its public address. */
  readonly entry: Entry;
  /** Of the key's last change. */
  readonly revision: number;
}

/** A key put, or removed where there is no lease. */
export type LeaseChange = readonly [key: string, lease: Lease | undefined];

export class LeaseTable {
  readonly #own: OwnLease;
  readonly #leases = new Map<string, Lease>();
  /** By the name that a node has here. */
  readonly #keys = new Map<string, Set<string>>();
  /** What makes a lease the own one, as it was when everything was listed last. */
  #addresses: ReadonlySet<string> = new Set();
  /** The own lease was lost and is held in force at this key. */
  #held: string | undefined;

  constructor(own: OwnLease) {
    this.#own = own;
  }

  /** A full list: all entries that are to be told. */
  list(leases: readonly Lease[]): Entry[] {
    const before = this.#newest(this.#own.node);
    this.#leases.clear();
    this.#keys.clear();
    this.#held = undefined;
    this.#addresses = this.#own.addresses();
    for (const lease of leases) this.#put(lease.entry.file, lease);
    this.#hold(before);
    return [...this.#keys.keys()].flatMap((name) => this.#entries(name));
  }

  /** Changes of single keys: what is to be told because of them. */
  change(changes: Iterable<LeaseChange>): EntryChange[] {
    const before = this.#newest(this.#own.node);
    const told = new Map<string, Entry | undefined>();
    const names = new Set<string>();
    for (const [key, lease] of changes) {
      names.add(this.#nameOf(this.#leases.get(key)));
      this.#put(key, lease);
      names.add(this.#nameOf(lease));
      told.set(key, undefined);
    }
    const gone = this.#hold(before);
    if (gone !== undefined) told.set(gone, undefined);
    for (const name of names) {
      for (const entry of this.#entries(name)) told.set(entry.file, entry);
    }
    return [...told].map(([key, entry]) => ({ key, entry }));
  }

  #put(key: string, lease: Lease | undefined): void {
    this.#keys.get(this.#nameOf(this.#leases.get(key)))?.delete(key);
    if (lease === undefined) {
      this.#leases.delete(key);
      return;
    }
    this.#leases.set(key, lease);
    const name = this.#nameOf(lease);
    this.#keys.set(name, (this.#keys.get(name) ?? new Set()).add(key));
  }

  #nameOf(lease: Lease | undefined): string {
    const name = lease?.entry.name ?? "";
    return this.#addresses.has(name) ? this.#own.node : name;
  }

  #newest(name: string): Lease | undefined {
    const leases = [...(this.#keys.get(name) ?? [])].map((key) => this.#leases.get(key) as Lease);
    const usable = leases.filter(({ entry }) => entry.resource !== undefined);
    return usable.sort((a, b) => b.revision - a.revision)[0];
  }

  /**
   * Keeps an own lease that was there before and is not now. Its key is given up where another one
   * has come in its place; that key is returned.
   */
  #hold(before: Lease | undefined): string | undefined {
    const now = this.#newest(this.#own.node);
    if (now !== undefined) {
      const held = this.#held;
      const isReplaced = held !== undefined && now.entry.file !== held;
      if (now !== before || isReplaced) this.#held = undefined;
      if (isReplaced) this.#put(held, undefined);
      return isReplaced ? held : undefined;
    }
    if (before === undefined) return undefined;
    const key = before.entry.file;
    // Another node has the subnet now.
    const isTaken = this.#leases.has(key);
    if (this.#own.isKept && !isTaken) {
      this.#held = key;
      // Older than any that comes.
      this.#put(key, { ...before, revision: 0 });
    }
    this.#own.onLost();
    return undefined;
  }

  /** The node's leases under its name here, all but the newest without a resource. */
  #entries(name: string): Entry[] {
    const newest = this.#newest(name);
    return [...(this.#keys.get(name) ?? [])].map((key) => {
      const { entry } = this.#leases.get(key) as Lease;
      const { resource } = entry;
      if (resource === undefined) return { ...entry, name };
      if (entry === newest?.entry) {
        return { ...entry, name, resource: { ...(resource as Node), name } };
      }
      const problems = [...entry.problems, olderThan(newest?.entry.file)];
      return { ...entry, name, resource: undefined, problems };
    });
  }
}

function olderThan(newest: string | undefined): EntryProblem {
  const reason = `its node has a newer lease, ${newest}; this one is not used`;
  return { severity: "warning", lineOffset: 0, reason };
}
