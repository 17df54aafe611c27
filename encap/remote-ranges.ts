/**
 * Prefixes, nested or not, as the sorted ranges that they cut the address space into. Longest-prefix
 * match becomes "the last range that starts at or before the address":
 *
 *   10.244.0.0/16 -> 1      |-----------------------------------|
 *   10.244.64.0/26 -> 2                 |-----|
 *
 *   starts  10.244.0.0      10.244.64.0     10.244.64.64        10.245.0.0
 *   remotes 1               2               1                   NO_REMOTE
 */
import { NO_REMOTE, type PrefixColumns, wordsOf } from "./prefix-columns.ts";

export interface RemoteRanges {
  readonly count: number;
  /** First addresses in ascending order: one word each for IPv4, four for IPv6. */
  readonly starts: Uint32Array;
  /** The remote of each range, or `NO_REMOTE`. */
  readonly remotes: Int32Array;
}

/** So many prefixes are looked at between two yields. */
const SLICE = 10_000;

/** The ranges of `prefixes`. */
export function* remoteRanges(prefixes: PrefixColumns): Generator<void, RemoteRanges> {
  const ranges = new RangeCollector(prefixes);
  for (let row = 0; row < prefixes.count; row++) {
    ranges.enter(row);
    if (row % SLICE === SLICE - 1) yield;
  }
  ranges.leaveAll();
  return ranges;
}

class RangeCollector implements RemoteRanges {
  readonly starts: Uint32Array;
  readonly remotes: Int32Array;
  count = 0;
  readonly #prefixes: PrefixColumns;
  readonly #width: 1 | 4;
  /** Rows of the prefixes around the place we are at, widest first. */
  readonly #around: number[] = [];
  /** The first address behind a prefix. */
  readonly #after: Uint32Array;

  constructor(prefixes: PrefixColumns) {
    this.#prefixes = prefixes;
    this.#width = wordsOf(prefixes.family);
    this.#after = new Uint32Array(this.#width);
    this.starts = new Uint32Array(prefixes.count * 2 * this.#width);
    this.remotes = new Int32Array(prefixes.count * 2);
  }

  enter(row: number): void {
    const { words, remotes } = this.#prefixes;
    for (let last = this.#around.at(-1); last !== undefined; last = this.#around.at(-1)) {
      if (this.#covers(last, row)) break;
      this.#leave();
    }
    this.#add(words, row * this.#width, remotes[row] as number);
    this.#around.push(row);
  }

  leaveAll(): void {
    while (this.#around.length > 0) this.#leave();
  }

  #leave(): void {
    const row = this.#around.pop() as number;
    if (!this.#findAfter(row)) return;
    const outer = this.#around.at(-1);
    const remote = outer === undefined ? NO_REMOTE : (this.#prefixes.remotes[outer] as number);
    this.#add(this.#after, 0, remote);
  }

  /** Whether prefix `outer` covers prefix `inner`, which is not before it. */
  #covers(outer: number, inner: number): boolean {
    const { words, lengths } = this.#prefixes;
    let bits = lengths[outer] as number;
    for (let word = 0; bits > 0; word++, bits -= 32) {
      const differing =
        (words[outer * this.#width + word] as number) ^
        (words[inner * this.#width + word] as number);
      if (differing >>> Math.max(0, 32 - bits) !== 0) return false;
    }
    return true;
  }

  /** From the address at `at` of `words` on it is `remote`. A start that was there before is taken over. */
  #add(words: Uint32Array, at: number, remote: number): void {
    if (this.count > 0 && this.#isLastStart(words, at)) this.count--;
    if (this.count > 0 && this.remotes[this.count - 1] === remote) return;
    const start = this.count * this.#width;
    for (let word = 0; word < this.#width; word++) {
      this.starts[start + word] = words[at + word] as number;
    }
    this.remotes[this.count++] = remote;
  }

  #isLastStart(words: Uint32Array, at: number): boolean {
    const last = (this.count - 1) * this.#width;
    for (let word = 0; word < this.#width; word++) {
      if (this.starts[last + word] !== words[at + word]) return false;
    }
    return true;
  }

  /** Puts the first address behind a prefix into `#after`; false behind the last address of all. */
  #findAfter(row: number): boolean {
    const { words, lengths } = this.#prefixes;
    const length = lengths[row] as number;
    const at = row * this.#width;
    this.#after.set(words.subarray(at, at + this.#width));
    if (length === 0) return false;
    let carry = 2 ** (31 - ((length - 1) & 31));
    for (let word = (length - 1) >> 5; word >= 0 && carry > 0; word--) {
      const sum = (this.#after[word] as number) + carry;
      this.#after[word] = sum;
      carry = sum >= 0x100000000 ? 1 : 0;
    }
    return carry === 0;
  }
}
