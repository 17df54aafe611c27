/** What one piece of a file says: a resource, or why not. */
import type { Resource, ResourceKind } from "../../tunnels/model/snapshot.ts";
import type { PieceHash } from "./piece-table.ts";

export interface EntryProblem {
  readonly severity: "error" | "warning";
  /** Counted from the piece's first line, which may move. */
  readonly lineOffset: number;
  readonly field?: string;
  readonly value?: string;
  readonly reason: string;
}

export interface Entry {
  /** Absent where the record is of no use here, or where kind or name cannot be told. */
  readonly kind: ResourceKind | undefined;
  readonly name: string | undefined;
  /** What is in force of this entry; with an error, the last good version, if there was one. */
  resource: Resource | undefined;
  readonly problems: readonly EntryProblem[];
  /** Path of the file below the datastore's directory; or the key in a store that has keys. */
  readonly file: string;
  readonly hashA: number;
  readonly hashB: number;
  /** Line of the piece's first byte, from 1; 0 where there are no lines. */
  line: number;
  /** Position among the file's entries: of two with one name the first is in force. */
  at: number;
  /** Further resources of the same piece: a list that could not be divided by its text. */
  readonly also: readonly Entry[];
}

export const noEntries: readonly Entry[] = [];
export const noEntryProblems: readonly EntryProblem[] = [];

/** An entry known only by its resource: from the snapshot on disk, or carried over. */
export function entryOf(resource: Resource, file: string, hash: PieceHash, at: number): Entry {
  return {
    kind: resource.kind,
    name: resource.name,
    resource,
    problems: noEntryProblems,
    file,
    hashA: hash.a,
    hashB: hash.b,
    line: 0,
    at,
    also: noEntries,
  };
}

/** All entries, those of undivided lists included. */
export function* flatEntries(entries: readonly Entry[]): Generator<Entry> {
  for (const entry of entries) {
    yield entry;
    if (entry.also !== noEntries) yield* flatEntries(entry.also);
  }
}

/** The entries of only one of two lists; cheap where the lists begin and end alike. */
export function entryDifference(
  old: readonly Entry[],
  next: readonly Entry[],
): { gone: Iterable<Entry>; fresh: Iterable<Entry> } {
  let head = 0;
  while (head < old.length && head < next.length && old[head] === next[head]) head++;
  let tail = 0;
  const most = Math.min(old.length, next.length) - head;
  while (tail < most && old[old.length - 1 - tail] === next[next.length - 1 - tail]) tail++;
  const before = old.slice(head, old.length - tail);
  const after = next.slice(head, next.length - tail);
  if (before.length === 0 || after.length === 0) {
    return { gone: flatEntries(before), fresh: flatEntries(after) };
  }
  const inBefore = new Set(before);
  const inAfter = new Set(after);
  return {
    gone: flatEntries(before.filter((entry) => !inAfter.has(entry))),
    fresh: flatEntries(after.filter((entry) => !inBefore.has(entry))),
  };
}

/** True where the record was refused. */
export function isRefused(entry: Entry): boolean {
  return entry.problems.some(({ severity }) => severity === "error");
}

/** "IPPool/green", or undefined where that cannot be told. */
export function keyOf(entry: Entry): string | undefined {
  if (entry.kind === undefined || entry.name === undefined) return undefined;
  return `${entry.kind}/${entry.name}`;
}

/** `IPPool "green"`, as faults name it. */
export function titleOf(entry: Entry): string | undefined {
  if (entry.kind === undefined) return undefined;
  return entry.name === undefined ? entry.kind : `${entry.kind} "${entry.name}"`;
}
