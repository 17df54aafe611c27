/**
 * Memory that the worker receives into and the main thread decodes from. It is used again and again:
 * fresh buffers would cost more in page faults than the main thread's decoding takes.
 *
 * Pieces are filled and given back in the same order, so that two counters are all there is to
 * agree on: how many the worker filled (it knows) and how many the main thread gave back (shared).
 */
import type { PieceSink } from "./dump-reader.ts";

/** A power of two, and together small enough to stay in the processor's cache. */
const PIECES = 8;
/** Room for two datagrams of a dump; decoding them takes well under a millisecond. */
const PIECE = 64 * 1024;
/** The shared counter, alone on its cache line. */
const HEAD = 64;

export class PieceRing {
  readonly buffer: SharedArrayBuffer;
  readonly #givenBack: Int32Array;
  #filled = 0;

  /** A new ring, or the other thread's end of one. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(HEAD + PIECES * PIECE)) {
    this.buffer = buffer;
    this.#givenBack = new Int32Array(buffer, 0, 1);
  }

  /** Worker: fills pieces one after the other; `tell` says to the main thread which one is full. */
  sink(tell: (index: number, length: number) => void): PieceSink {
    let filling = 0;
    return {
      next: () => {
        const { index, ...memory } = this.#next();
        filling = index;
        return memory;
      },
      passOn: (length) => {
        this.#filled = (this.#filled + 1) | 0;
        tell(filling, length);
      },
    };
  }

  /** The next piece to fill. Waits until the main thread has given one back. */
  #next(): { readonly index: number; readonly bytes: Uint8Array; readonly view: DataView } {
    for (;;) {
      const givenBack = Atomics.load(this.#givenBack, 0);
      if (((this.#filled - givenBack) | 0) < PIECES) break;
      Atomics.wait(this.#givenBack, 0, givenBack);
    }
    const index = this.#filled & (PIECES - 1);
    const at = HEAD + index * PIECE;
    return {
      index,
      bytes: new Uint8Array(this.buffer, at, PIECE),
      view: new DataView(this.buffer, at, PIECE),
    };
  }

  /** Main thread: the piece that was passed on; valid until `giveBack`. */
  view(index: number): DataView {
    return new DataView(this.buffer, HEAD + index * PIECE, PIECE);
  }

  /** Main thread: the oldest piece not given back is done with. */
  giveBack(): void {
    Atomics.add(this.#givenBack, 0, 1);
    Atomics.notify(this.#givenBack, 0);
  }
}
