/**
 * Routes of one family by destination, in columns: a row is the destination's words, its prefix
 * length and the number of its path. 100,000 rows are 2 MB and are compared with a kernel dump in a
 * few milliseconds; as objects with string keys they would be 30 MB and a quarter of a second.
 *
 * Rows keep their number until they are removed. Lookup is open addressing with linear probing; a
 * caller that walks destinations in the order of the rows passes the row it expects and mostly
 * needs no hash at all (kernel dumps of IPv4 come in ascending order, and so do first lists).
 */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";

const FREE = -1;

export class RouteTable {
  readonly family: Family;
  /** 32-bit words of a destination: 1 or 4. */
  readonly #width: 1 | 4;
  #words: Uint32Array;
  #lengths: Uint8Array;
  #paths: Int32Array;
  /** Which read-back saw the row last; see `see` and `unseen`. */
  #seen: Uint32Array;
  /** Hash slot -> row + 1, 0 for empty. Its size is a power of two, at least twice the rows. */
  #slots: Int32Array;
  #rows = 0;
  #size = 0;
  #changeCount = 0;
  readonly #freeRows: number[] = [];

  constructor(family: Family, capacity = 64) {
    this.family = family;
    this.#width = family === 4 ? 1 : 4;
    const rows = 2 ** Math.ceil(Math.log2(Math.max(capacity, 16)));
    this.#words = new Uint32Array(rows * this.#width);
    this.#lengths = new Uint8Array(rows);
    this.#paths = new Int32Array(rows).fill(FREE);
    this.#seen = new Uint32Array(rows);
    this.#slots = new Int32Array(rows * 2);
  }

  /** Counts the routes that came, went, or changed their path. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Number of routes. */
  get size(): number {
    return this.#size;
  }

  /** Rows are numbered from 0 to `rowLimit` - 1; some of them may be unused. */
  get rowLimit(): number {
    return this.#rows;
  }

  /** Row of the destination, or -1. `expected` is tried first. */
  find(
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    length: number,
    expected: number = FREE,
  ): number {
    if (expected >= 0 && expected < this.#rows && this.#isAt(expected, w0, w1, w2, w3, length)) {
      return expected;
    }
    const mask = this.#slots.length - 1;
    for (let slot = hash(w0, w1, w2, w3, length) & mask; ; slot = (slot + 1) & mask) {
      const row = (this.#slots[slot] as number) - 1;
      if (row < 0 || this.#isAt(row, w0, w1, w2, w3, length)) return row;
    }
  }

  findCidr(destination: Cidr): number {
    const { w0, w1, w2, w3 } = destination.address;
    return this.find(w0, w1, w2, w3, destination.length);
  }

  /** Number of the path to exactly this destination, or -1. */
  get(destination: Cidr): number {
    return this.pathOf(this.findCidr(destination));
  }

  /** Number of the row's path, or -1 for an unused row or a row of -1. */
  pathOf(row: number): number {
    return row < 0 ? FREE : (this.#paths[row] ?? FREE);
  }

  lengthOf(row: number): number {
    return this.#lengths[row] as number;
  }

  /** Word `at` (0 to 3) of the row's destination. */
  wordOf(row: number, at: number): number {
    return at < this.#width ? (this.#words[row * this.#width + at] as number) : 0;
  }

  destinationOf(row: number): Cidr {
    const address = new IpAddress(
      this.family,
      this.wordOf(row, 0),
      this.wordOf(row, 1),
      this.wordOf(row, 2),
      this.wordOf(row, 3),
    );
    return new Cidr(address, this.lengthOf(row));
  }

  /** Adds or changes a route; returns its row. `expected` as in `find`. */
  set(
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    length: number,
    path: number,
    expected: number = FREE,
  ): number {
    let row = this.find(w0, w1, w2, w3, length, expected);
    if (row < 0) {
      row = this.#newRow();
      const at = row * this.#width;
      this.#words[at] = w0;
      if (this.#width === 4) {
        this.#words[at + 1] = w1;
        this.#words[at + 2] = w2;
        this.#words[at + 3] = w3;
      }
      this.#lengths[row] = length;
      this.#link(row);
      this.#size++;
    }
    if (this.#paths[row] !== path) this.#changeCount++;
    this.#paths[row] = path;
    return row;
  }

  setCidr(destination: Cidr, path: number): number {
    const { w0, w1, w2, w3 } = destination.address;
    return this.set(w0, w1, w2, w3, destination.length, path);
  }

  /** Removes a row; does nothing if it is unused. */
  removeRow(row: number): void {
    if (this.pathOf(row) === FREE) return;
    this.#unlink(row);
    this.#paths[row] = FREE;
    this.#seen[row] = 0;
    this.#freeRows.push(row);
    this.#size--;
    this.#changeCount++;
  }

  /** Removes a route; true if it was there. */
  delete(destination: Cidr): boolean {
    const row = this.findCidr(destination);
    if (row < 0) return false;
    this.removeRow(row);
    return true;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#paths.fill(FREE);
    this.#seen.fill(0);
    this.#freeRows.length = 0;
    this.#rows = 0;
    this.#size = 0;
    this.#changeCount++;
  }

  /** Notes that read-back number `round` (1 and up) saw the row. */
  see(row: number, round: number): void {
    this.#seen[row] = round;
  }

  wasSeen(row: number, round: number): boolean {
    return this.#seen[row] === round;
  }

  /** The used rows that read-back number `round` did not see, ascending. */
  unseen(round: number): number[] {
    const rows: number[] = [];
    for (let row = 0; row < this.#rows; row++) {
      if (this.#seen[row] !== round && this.#paths[row] !== FREE) rows.push(row);
    }
    return rows;
  }

  /** The used rows, ascending. Rows may be removed or changed while walking. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.#rows; row++) if (this.#paths[row] !== FREE) yield row;
  }

  #isAt(row: number, w0: number, w1: number, w2: number, w3: number, length: number): boolean {
    if (this.#lengths[row] !== length || this.#paths[row] === FREE) return false;
    if (this.#width === 1) return this.#words[row] === w0;
    const at = row * 4;
    return (
      this.#words[at] === w0 &&
      this.#words[at + 1] === w1 &&
      this.#words[at + 2] === w2 &&
      this.#words[at + 3] === w3
    );
  }

  #newRow(): number {
    const free = this.#freeRows.pop();
    if (free !== undefined) return free;
    if (this.#rows === this.#lengths.length) this.#grow();
    return this.#rows++;
  }

  #grow(): void {
    const rows = this.#lengths.length * 2;
    const words = new Uint32Array(rows * this.#width);
    words.set(this.#words);
    this.#words = words;
    const lengths = new Uint8Array(rows);
    lengths.set(this.#lengths);
    this.#lengths = lengths;
    const paths = new Int32Array(rows).fill(FREE);
    paths.set(this.#paths);
    this.#paths = paths;
    const seen = new Uint32Array(rows);
    seen.set(this.#seen);
    this.#seen = seen;
    this.#slots = new Int32Array(rows * 2);
    for (let row = 0; row < this.#rows; row++) if (this.#paths[row] !== FREE) this.#link(row);
  }

  #hashOf(row: number): number {
    const at = row * this.#width;
    const word = (index: number): number => this.#words[at + index] as number;
    return this.#width === 1
      ? hash(word(0), 0, 0, 0, this.lengthOf(row))
      : hash(word(0), word(1), word(2), word(3), this.lengthOf(row));
  }

  #link(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashOf(row) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  /** Closes the gap by moving back later rows of the same run, so that no tombstones are needed. */
  #unlink(row: number): void {
    const mask = this.#slots.length - 1;
    let gap = this.#hashOf(row) & mask;
    while (this.#slots[gap] !== row + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashOf((this.#slots[slot] as number) - 1) & mask;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        this.#slots[gap] = this.#slots[slot] as number;
        gap = slot;
      }
    }
    this.#slots[gap] = 0;
  }
}

/** Multiply-xor mix of the words; the constants are odd and have no pattern. */
function hash(w0: number, w1: number, w2: number, w3: number, length: number): number {
  let mix = Math.imul(w0 ^ 0x9e3779b9, 0x85ebca6b) ^ length;
  mix = Math.imul(mix ^ (mix >>> 15) ^ w1, 0xc2b2ae35);
  mix = Math.imul(mix ^ (mix >>> 13) ^ w2, 0x27d4eb2f);
  mix = Math.imul(mix ^ (mix >>> 16) ^ w3, 0x165667b1);
  return (mix ^ (mix >>> 15)) >>> 0;
}
