/**
 * The TUN device through `node:fs`. A read waits in one of Node's threads until there is a packet, so
 * that one is at hand for each turn of the engine; writes are done at once.
 */
import { read, writevSync } from "node:fs";
import type { Arena } from "../../native/arena.ts";
import { SystemCallError } from "../../native/errno.ts";
import type { PacketFile } from "../worker/packet-io.ts";

const EAGAIN = 11;
/** The longest packet and its virtio header. */
const PACKET_MAX = 0x10010;

export class PlainFile implements PacketFile {
  readonly #fd: number;
  readonly #bytes: Uint8Array;
  /** Where a packet arrives; the thread that reads has it for itself meanwhile. */
  readonly #stage: Uint8Array;
  readonly #pieces: Uint8Array[] = [];
  /** Bytes at `#stage` that nobody has taken; negative if there are none. */
  #arrived = -1;

  constructor(arena: Arena, fd: number) {
    this.#fd = fd;
    this.#bytes = new Uint8Array(arena.view.buffer);
    const at = arena.reserve(PACKET_MAX);
    this.#stage = this.#bytes.subarray(at, at + PACKET_MAX);
  }

  /** Calls back once, when `read` has a packet to give. @throws in the callback's place if it fails */
  awaitPacket(onPacket: () => void): void {
    read(this.#fd, this.#stage, 0, PACKET_MAX, null, (error, length) => {
      if (error !== null) throw error;
      this.#arrived = length;
      onPacket();
    });
  }

  read(at: number, length: number): number {
    const arrived = Math.min(this.#arrived, length);
    if (arrived < 0) return -EAGAIN;
    this.#arrived = -1;
    this.#bytes.set(this.#stage.subarray(0, arrived), at);
    return arrived;
  }

  addPiece(at: number, length: number): void {
    this.#pieces.push(this.#bytes.subarray(at, at + length));
  }

  writePieces(): number {
    try {
      return writevSync(this.#fd, this.#pieces);
    } catch (error) {
      return -SystemCallError.errnoOf(error);
    } finally {
      this.#pieces.length = 0;
    }
  }
}
