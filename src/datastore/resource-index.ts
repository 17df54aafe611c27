/**
 * Which entry is in force for each resource. Several files may name one resource: the first by
 * path wins, within a file the first by position, and a file that has just vanished comes last.
 */
import type { Resource, ResourceChange, ResourceKind } from "../../tunnels/model/snapshot.ts";
import { type Entry, entryDifference } from "./entry.ts";
import { encodeResource } from "./resource-text.ts";

/** One resource that several entries claim. */
interface Contest {
  readonly claims: Entry[];
  /** What is in force of them since the last change. */
  resource: Resource | undefined;
}

/** Two entries of one name. */
export interface Loss {
  readonly loser: Entry;
  readonly winner: Entry;
}

type Claims = Entry | Contest;
type ByKind<Value> = Readonly<Record<ResourceKind, Map<string, Value>>>;

const kinds = ["FelixConfiguration", "IPPool", "Node", "IPAMBlock"] as const;

/** Entries between two `yield`s. */
const STEP = 512;

export class ResourceIndex {
  readonly #claims: ByKind<Claims> = byKind();
  /** The resources that are claimed more than once. */
  readonly #contested = new Set<Contest>();
  /** What was in force before the present change, for each resource that it touches. */
  readonly #before: ByKind<Resource | undefined> = byKind();
  readonly #vanished: ReadonlySet<string>;
  #isChanging = false;
  #changeNumber = 0;
  /** Nothing was ever in force: all that there is will be the change. */
  #isFirst = true;

  /** @param vanished paths of files that are gone, while their resources are still held. */
  constructor(vanished: ReadonlySet<string>) {
    this.#vanished = vanished;
  }

  /**
   * Hands everything in force to `take`, with the file that it is from.
   * @returns false if a change went on meanwhile, so that it was not the whole of one state.
   */
  *visitInForce(take: (resource: Resource, file: string) => void): Generator<void, boolean> {
    const change = this.#changeNumber;
    const isDisturbed = (): boolean => this.#isChanging || this.#changeNumber !== change;
    let count = 0;
    for (const map of Object.values(this.#claims)) {
      for (const claims of map.values()) {
        const winner = this.#winner(claims);
        if (winner?.resource) take(winner.resource, winner.file);
        if (++count % STEP !== 0) continue;
        yield;
        if (isDisturbed()) return false;
      }
    }
    return !isDisturbed();
  }

  /** Replaces the entries of a file; entries in both lists stay as they are. */
  *replace(old: readonly Entry[], next: readonly Entry[]): Generator<void, void> {
    this.#isChanging = true;
    this.#changeNumber++;
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

  /** The places of files in the order have changed: one vanished, or came back. */
  reorder(): void {
    for (const { claims } of this.#contested) {
      const { kind, name } = claims[0] as Entry;
      if (kind !== undefined && name !== undefined) this.#touch(kind, name);
    }
  }

  /** Ends the change: what differs from before it. */
  *takeChanges(): Generator<void, ResourceChange[]> {
    const changes: ResourceChange[] = [];
    let count = 0;
    for (const kind of kinds) {
      const claims = this.#claims[kind];
      if (this.#isFirst) {
        for (const [name, claim] of claims) {
          const resource = this.#settle(claim);
          if (resource !== undefined) changes.push({ kind, name, resource });
          if (++count % STEP === 0) yield;
        }
        continue;
      }
      for (const [name, before] of this.#before[kind]) {
        const resource = this.#settle(claims.get(name));
        if (!isSame(before, resource)) changes.push({ kind, name, resource });
        if (++count % STEP === 0) yield;
      }
      this.#before[kind].clear();
    }
    this.#isFirst &&= changes.length === 0;
    this.#isChanging = false;
    return changes;
  }

  /** What is in force from now on. */
  #settle(claims: Claims | undefined): Resource | undefined {
    const resource = claims && this.#winner(claims)?.resource;
    if (claims !== undefined && "claims" in claims) claims.resource = resource;
    return resource;
  }

  /** Each claim that lost, and the one that is in force instead; by file, then by position. */
  losses(): Loss[] {
    const lost = [...this.#contested].flatMap((contest) => {
      const winner = this.#winner(contest);
      if (winner === undefined) return [];
      return contest.claims
        .filter((one) => one !== winner && !this.#vanished.has(one.file))
        .map((loser) => ({ loser, winner }));
    });
    return lost.sort(({ loser: a }, { loser: b }) =>
      a.file === b.file ? a.at - b.at : a.file < b.file ? -1 : 1,
    );
  }

  #winner(claims: Claims): Entry | undefined {
    if (!("claims" in claims)) return claims.resource === undefined ? undefined : claims;
    let best: Entry | undefined;
    for (const claim of claims.claims) {
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
    if (this.#isFirst || this.#before[kind].has(name)) return;
    this.#before[kind].set(name, this.#claims[kind].get(name)?.resource);
  }

  #add(entry: Entry): void {
    const { kind, name } = entry;
    if (kind === undefined || name === undefined) return;
    this.#touch(kind, name);
    const map = this.#claims[kind];
    const claims = map.get(name);
    if (claims === undefined) {
      map.set(name, entry);
    } else if ("claims" in claims) {
      claims.claims.push(entry);
    } else {
      const both = { claims: [claims, entry], resource: claims.resource };
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
    } else if (claims !== undefined && "claims" in claims) {
      const at = claims.claims.indexOf(entry);
      if (at >= 0) claims.claims.splice(at, 1);
      if (claims.claims.length === 1) {
        map.set(name, claims.claims[0] as Entry);
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
