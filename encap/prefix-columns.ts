/**
 * Prefixes of one family with their remotes, in columns: ascending by address, then shorter first,
 * each prefix once. 100,000 of them are 1 MB, are never copied as objects, and take changes by a
 * merge that costs a copy.
 */
import type { Cidr } from "./address/cidr.ts";
import type { Family } from "./address/ip-address.ts";

/** Stands for "nowhere" in place of a remote. */
export const NO_REMOTE = -1;

export interface RemotePrefix {
  readonly cidr: Cidr;
  /** Index of the remote node in a list of the caller's: 0 to 2^31 - 1, or `NO_REMOTE`. */
  readonly remote: number;
}

export interface PrefixColumns {
  readonly family: Family;
  readonly count: number;
  /** First addresses: `wordsOf` the family each. */
  readonly words: Uint32Array;
  readonly lengths: Uint8Array;
  readonly remotes: Int32Array;
}

/** So many rows are merged between two yields. */
const SLICE = 10_000;

/** So many rows are copied one by one: views on them would cost more. */
const FEW = 32;

/** Words of an address. */
export function wordsOf(family: Family): 1 | 4 {
  return family === 4 ? 1 : 4;
}

/** `sorted`: as `compareCidr` has it, all of `family`. Of several entries for one prefix the last counts. */
export function prefixColumns(family: Family, sorted: readonly RemotePrefix[]): PrefixColumns {
  const columns = new ColumnWriter(family, sorted.length);
  for (const [at, { cidr, remote }] of sorted.entries()) {
    if (sorted[at + 1]?.cidr.equals(cidr)) continue;
    columns.add(cidr, remote);
  }
  return columns;
}

/**
 * All prefixes of both; of one that is in both the row of `newer` counts. Where `newer` says
 * `NO_REMOTE` and `keepsNone` is false, the prefix is left out.
 */
export function* mergeColumns(
  older: PrefixColumns,
  newer: PrefixColumns,
  keepsNone: boolean,
): Generator<void, PrefixColumns> {
  const merged = new ColumnWriter(older.family, older.count + newer.count);
  let from = 0;
  for (let at = 0; at < newer.count; at++) {
    const until = lowerBound(older, from, newer, at);
    merged.copy(older, from, until);
    const isInBoth = until < older.count && compareRows(older, until, newer, at) === 0;
    from = isInBoth ? until + 1 : until;
    if (keepsNone || newer.remotes[at] !== NO_REMOTE) merged.copy(newer, at, at + 1);
    if (at % SLICE === SLICE - 1) yield;
  }
  merged.copy(older, from, older.count);
  return merged;
}

class ColumnWriter implements PrefixColumns {
  readonly family: Family;
  readonly words: Uint32Array;
  readonly lengths: Uint8Array;
  readonly remotes: Int32Array;
  count = 0;

  constructor(family: Family, capacity: number) {
    this.family = family;
    this.words = new Uint32Array(capacity * wordsOf(family));
    this.lengths = new Uint8Array(capacity);
    this.remotes = new Int32Array(capacity);
  }

  add({ address, length }: Cidr, remote: number): void {
    const at = this.count * wordsOf(this.family);
    this.words[at] = address.w0;
    if (this.family === 6) {
      this.words[at + 1] = address.w1;
      this.words[at + 2] = address.w2;
      this.words[at + 3] = address.w3;
    }
    this.lengths[this.count] = length;
    this.remotes[this.count++] = remote;
  }

  /** Appends rows `from` to `until` - 1. */
  copy(rows: PrefixColumns, from: number, until: number): void {
    const width = wordsOf(this.family);
    if (until - from > FEW) {
      this.words.set(rows.words.subarray(from * width, until * width), this.count * width);
      this.lengths.set(rows.lengths.subarray(from, until), this.count);
      this.remotes.set(rows.remotes.subarray(from, until), this.count);
      this.count += until - from;
      return;
    }
    for (let row = from; row < until; row++) {
      for (let word = 0; word < width; word++) {
        this.words[this.count * width + word] = rows.words[row * width + word] as number;
      }
      this.lengths[this.count] = rows.lengths[row] as number;
      this.remotes[this.count++] = rows.remotes[row] as number;
    }
  }
}

/** The first row of `rows`, from `low` on, that is not before row `at` of `other`. */
function lowerBound(rows: PrefixColumns, low: number, other: PrefixColumns, at: number): number {
  // Rows that come in order are next to each other: the distance is doubled before it is halved.
  let step = 1;
  let from = low;
  while (from + step <= rows.count && compareRows(rows, from + step - 1, other, at) < 0) {
    from += step;
    step *= 2;
  }
  let until = Math.min(from + step - 1, rows.count);
  while (from < until) {
    const middle = (from + until) >> 1;
    if (compareRows(rows, middle, other, at) < 0) from = middle + 1;
    else until = middle;
  }
  return from;
}

function compareRows(a: PrefixColumns, rowA: number, b: PrefixColumns, rowB: number): number {
  const width = wordsOf(a.family);
  for (let word = 0; word < width; word++) {
    const order =
      (a.words[rowA * width + word] as number) - (b.words[rowB * width + word] as number);
    if (order !== 0) return order;
  }
  return (a.lengths[rowA] as number) - (b.lengths[rowB] as number);
}
