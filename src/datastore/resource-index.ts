/**
 * Which entry is in force for each resource. Several files may name one resource: the first by
 * path wins, within a file the first by position, and a file that has just vanished comes last.
 */
import type {
  Resource,
  ResourceChange,
  ResourceFault,
  ResourceKind,
} from "../../tunnels/model/snapshot.ts";
import { type Entry, entryDifference, flatEntries, titleOf } from "./entry.ts";
import { encodeResource } from "./resource-text.ts";

type Claims = Entry | Entry[];
type ByKind<Value> = Readonly<Record<ResourceKind, Map<string, Value>>>;

const kinds = ["FelixConfiguration", "IPPool", "Node", "IPAMBlock"] as const;

/** Entries between two `yield`s. */
const STEP = 512;

export class ResourceIndex {
  readonly #claims: ByKind<Claims> = byKind();
  /** The resources that are claimed more than once. */
  readonly #contested = new Set<Entry[]>();
  /** What was in force before the present change, for each resource that it touches. */
  readonly #before: ByKind<Resource | undefined> = byKind();
  readonly #vanished: ReadonlySet<string>;
  #isChanging = false;

  /** @param vanished paths of files that are gone, while their resources are still held. */
  constructor(vanished: ReadonlySet<string>) {
    this.#vanished = vanished;
  }

  /** Everything in force, or undefined in the middle of a change. */
  inForce(): Entry[] | undefined {
    if (this.#isChanging) return undefined;
    const entries: Entry[] = [];
    for (const map of Object.values(this.#claims)) {
      for (const claims of map.values()) {
        const winner = this.#winner(claims);
        if (winner !== undefined) entries.push(winner);
      }
    }
    return entries;
  }

  /** Replaces the entries of a file; entries in both lists stay as they are. */
  *replace(old: readonly Entry[], next: readonly Entry[]): Generator<void, void> {
    this.#isChanging = true;
    const { gone, fresh } = entryDifference(old, next);
    let count = 0;
    for (const entry of gone) {
      this.#remove(entry);
      if (++count % STEP === 0) yield;
    }
    for (const entry of fresh) {
      this.#add(entry);
      if (++count % STEP === 0) yield;
    }
  }

  /** True if any version of the resource is in force, of this claim or of another. */
  has(kind: ResourceKind, name: string): boolean {
    const claims = this.#claims[kind].get(name);
    return claims !== undefined && this.#winner(claims) !== undefined;
  }

  /** A file's place in the order has changed: it vanished, or came back. */
  *reorder(entries: readonly Entry[]): Generator<void, void> {
    this.#isChanging = true;
    let count = 0;
    for (const entry of flatEntries(entries)) {
      if (entry.kind === undefined || entry.name === undefined) continue;
      if (Array.isArray(this.#claims[entry.kind].get(entry.name))) {
        this.#touch(entry.kind, entry.name);
      }
      if (++count % STEP === 0) yield;
    }
  }

  /** Ends the change: what differs from before it. */
  *takeChanges(): Generator<void, ResourceChange[]> {
    const changes: ResourceChange[] = [];
    let count = 0;
    for (const kind of kinds) {
      for (const [name, before] of this.#before[kind]) {
        const claims = this.#claims[kind].get(name);
        const after = claims && this.#winner(claims)?.resource;
        if (!isSame(before, after)) changes.push({ kind, name, resource: after });
        if (++count % STEP === 0) yield;
      }
      this.#before[kind].clear();
    }
    this.#isChanging = false;
    return changes;
  }

  /** One fault for each claim that lost, with both places named. */
  faults(): ResourceFault[] {
    return [...this.#contested].flatMap((claims) => {
      const winner = this.#winner(claims);
      if (winner === undefined) return [];
      return claims.flatMap((loser): ResourceFault[] => {
        if (loser === winner || this.#vanished.has(loser.file) || loser.line === 0) return [];
        const what = titleOf(loser);
        return [
          {
            where: `${loser.file}:${loser.line}`,
            ...(what === undefined ? {} : { what }),
            reason: `also in ${winner.file}:${winner.line}, which is in force; remove one of them`,
            severity: "error",
            keptLastGood: true,
          },
        ];
      });
    });
  }

  #winner(claims: Claims): Entry | undefined {
    if (!Array.isArray(claims)) return claims.resource === undefined ? undefined : claims;
    let best: Entry | undefined;
    for (const claim of claims) {
      if (claim.resource !== undefined && (best === undefined || this.#isBefore(claim, best))) {
        best = claim;
      }
    }
    return best;
  }

  #isBefore(a: Entry, b: Entry): boolean {
    const isGone = this.#vanished.has(a.file);
    if (isGone !== this.#vanished.has(b.file)) return !isGone;
    return a.file === b.file ? a.at < b.at : a.file < b.file;
  }

  #touch(kind: ResourceKind, name: string): void {
    if (this.#before[kind].has(name)) return;
    const claims = this.#claims[kind].get(name);
    this.#before[kind].set(name, claims && this.#winner(claims)?.resource);
  }

  #add(entry: Entry): void {
    const { kind, name } = entry;
    if (kind === undefined || name === undefined) return;
    this.#touch(kind, name);
    const map = this.#claims[kind];
    const claims = map.get(name);
    if (claims === undefined) {
      map.set(name, entry);
    } else if (Array.isArray(claims)) {
      claims.push(entry);
    } else {
      const both = [claims, entry];
      map.set(name, both);
      this.#contested.add(both);
    }
  }

  #remove(entry: Entry): void {
    const { kind, name } = entry;
    if (kind === undefined || name === undefined) return;
    this.#touch(kind, name);
    const map = this.#claims[kind];
    const claims = map.get(name);
    if (claims === entry) {
      map.delete(name);
    } else if (Array.isArray(claims)) {
      const at = claims.indexOf(entry);
      if (at >= 0) claims.splice(at, 1);
      if (claims.length === 1) {
        map.set(name, claims[0] as Entry);
        this.#contested.delete(claims);
      }
    }
  }
}

function byKind<Value>(): ByKind<Value> {
  return {
    FelixConfiguration: new Map(),
    IPPool: new Map(),
    Node: new Map(),
    IPAMBlock: new Map(),
  };
}

/** Bytes that mean the same (a counter, a timestamp) are no change. */
function isSame(a: Resource | undefined, b: Resource | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && encodeResource(a) === encodeResource(b);
}
