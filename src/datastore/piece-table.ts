/**
 * Where the pieces of a file are: a piece is one document, or one item of a `List`. Offsets are
 * bytes; the hash tells, after a change, which pieces need no reading again. Flat numbers, because
 * a large file has 100,000 pieces.
 */
import type { RecordType } from "./record.ts";

const STRIDE = 6;

export class PieceTable {
  count = 0;
  #rows = new Int32Array(64 * STRIDE);

  push(start: number, end: number, line: number, hash: PieceHash, list: number): void {
    const at = this.count * STRIDE;
    if (at === this.#rows.length) {
      const grown = new Int32Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    const rows = this.#rows;
    rows[at] = start;
    rows[at + 1] = end;
    rows[at + 2] = line;
    rows[at + 3] = hash.a;
    rows[at + 4] = hash.b;
    rows[at + 5] = list;
    this.count++;
  }

  start(piece: number): number {
    return this.#rows[piece * STRIDE] ?? 0;
  }

  end(piece: number): number {
    return this.#rows[piece * STRIDE + 1] ?? 0;
  }

  /** Line of its first byte, from 1. */
  line(piece: number): number {
    return this.#rows[piece * STRIDE + 2] ?? 0;
  }

  hash(piece: number): PieceHash {
    const at = piece * STRIDE;
    return { a: this.#rows[at + 3] ?? 0, b: this.#rows[at + 4] ?? 0 };
  }

  hasHash(piece: number, a: number, b: number): boolean {
    const at = piece * STRIDE;
    return this.#rows[at + 3] === a && this.#rows[at + 4] === b;
  }

  /** Index of the list that the piece is an item of, or -1 for a document of its own. */
  list(piece: number): number {
    return this.#rows[piece * STRIDE + 5] ?? -1;
  }

  /** Drops all pieces from `count` on. */
  truncate(count: number): void {
    this.count = count;
  }

  /** Makes the hashes of the pieces from `first` on depend on `text` as well. */
  mixIn(first: number, text: string): void {
    const { a, b } = hashBytes(Buffer.from(text), 0, Buffer.byteLength(text));
    for (let at = first * STRIDE; at < this.count * STRIDE; at += STRIDE) {
      this.#rows[at + 3] = (this.#rows[at + 3] ?? 0) ^ a;
      this.#rows[at + 4] = (this.#rows[at + 4] ?? 0) ^ b;
    }
  }
}

/** Two 32-bit lanes, each a signed integer: no allocation beyond the object. */
export interface PieceHash {
  readonly a: number;
  readonly b: number;
}

const HASH_A = 0x811c9dc5 | 0;
const HASH_B = 0x2f0b4a27;
/** Multipliers of the two lanes (FNV-1a's prime, and another odd number with mixed bits). */
const PRIME_A = 0x01000193;
const PRIME_B = 0x5bd1e995;

/** The bytes from `start` to before `end`, four at a time; tells texts apart, no more. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): PieceHash {
  const { buffer, byteOffset, byteLength } = bytes;
  const view = new DataView(buffer, byteOffset, byteLength);
  let a = HASH_A;
  let b = HASH_B ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    // A multiplication carries upwards only: what is high up has to come down again.
    a = Math.imul(a ^ word, PRIME_A);
    a ^= a >>> 15;
    b = Math.imul(b ^ word, PRIME_B);
    b ^= b >>> 13;
  }
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    a = Math.imul(a ^ byte, PRIME_A);
    b = Math.imul(b ^ byte, PRIME_B);
  }
  return { a, b };
}

/** Something at one line of a file that could not be read. */
export interface PlaceFault {
  readonly line: number;
  readonly reason: string;
}

/** One file in pieces. */
export interface SplitFile {
  readonly format: "json" | "yaml";
  readonly bytes: Buffer;
  readonly pieces: PieceTable;
  /** The lists that pieces are items of. */
  readonly lists: readonly (RecordType | undefined)[];
  /** Documents, empty lists included; 0 for a file that is blank or has comments only. */
  readonly documents: number;
  /** Why the text could not be followed to its end; the pieces are then of no use. */
  readonly fault: PlaceFault | undefined;
  /** The fault is that the text ends too early: a file cut short. */
  readonly isCutShort: boolean;
}
