/**
 * A fingerprint of a dump instead of its rows: as long as nothing changes in the kernel, the bytes of
 * a dump are the same, and to compare 20 bytes costs the main thread nothing. Runs in the worker.
 */
import { createHash } from "node:crypto";
import type { PieceSink } from "./dump-reader.ts";

const PIECE = 64 * 1024;

export class FingerprintSink implements PieceSink {
  readonly #bytes = new Uint8Array(PIECE);
  readonly #view = new DataView(this.#bytes.buffer);
  #hash = createHash("sha1");

  next(): { readonly bytes: Uint8Array; readonly view: DataView } {
    return { bytes: this.#bytes, view: this.#view };
  }

  passOn(length: number): void {
    this.#hash.update(this.#bytes.subarray(0, length));
  }

  /** Of all that was passed on since the last call. */
  take(): string {
    const digest = this.#hash.digest("hex");
    this.#hash = createHash("sha1");
    return digest;
  }
}
