/** write(2) and writev(2) from an arena, and read(2) into it, on one descriptor that does not block. */
import type { Arena } from "./arena.ts";
import { type Libc, native } from "./libc.ts";

// Words of struct iovec.
const IOVEC = 4;
const IOVEC_LENGTH = 2;
const EINTR = 4;

export class ArenaFile {
  readonly fd: number;
  readonly pieceCapacity: number;
  readonly #base: number;
  readonly #lowBase: number;
  readonly #words: Int32Array;
  /** Index of a word. */
  readonly #vector: number;
  readonly #libc: Libc;
  #pieces = 0;

  constructor(arena: Arena, fd: number, pieceCapacity: number) {
    this.fd = fd;
    this.pieceCapacity = pieceCapacity;
    this.#libc = native().libc;
    this.#base = arena.base;
    this.#lowBase = arena.lowBase;
    this.#words = arena.words;
    this.#vector = arena.reserve(pieceCapacity * IOVEC * 4) / 4;
    for (let piece = 0; piece < pieceCapacity; piece++) {
      arena.setPointer((this.#vector + piece * IOVEC) * 4, 0);
    }
  }

  /** Reads at most `length` bytes to `at`. Returns how many, or the negative errno. */
  read(at: number, length: number): number {
    for (;;) {
      const bytes = this.#libc.read(this.fd, this.#base + at, length);
      if (bytes >= 0) return bytes;
      const errno = native().koffi.errno();
      if (errno !== EINTR) return -errno;
    }
  }

  /** Writes `length` bytes from `at`. Returns how many, or the negative errno. */
  write(at: number, length: number): number {
    for (;;) {
      const bytes = this.#libc.write(this.fd, this.#base + at, length);
      if (bytes >= 0) return bytes;
      const errno = native().koffi.errno();
      if (errno !== EINTR) return -errno;
    }
  }

  /** Adds a piece to what `writePieces` will write; at most `pieceCapacity`. */
  addPiece(at: number, length: number): void {
    const vector = this.#vector + this.#pieces++ * IOVEC;
    this.#words[vector] = this.#lowBase + at;
    this.#words[vector + IOVEC_LENGTH] = length;
  }

  /** Writes the pieces as one packet and forgets them. Returns the bytes, or the negative errno. */
  writePieces(): number {
    const count = this.#pieces;
    this.#pieces = 0;
    for (;;) {
      const bytes = this.#libc.writev(this.fd, this.#base + this.#vector * 4, count);
      if (bytes >= 0) return bytes;
      const errno = native().koffi.errno();
      if (errno !== EINTR) return -errno;
    }
  }
}
