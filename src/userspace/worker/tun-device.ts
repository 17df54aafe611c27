/** The TUN device as a worker sees it: packets with their virtio header, if it has one. */
import { VIRTIO_NET_HEADER } from "../../../encap/virtio-net-header.ts";
import { SystemCallError } from "../../native/errno.ts";
import type { PacketFile, PacketIo } from "./packet-io.ts";
import type { TunAbilities } from "./worker-protocol.ts";

const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;

/** Pieces of one packet that is written: more than 64 would not be a super-packet of UDP. */
export const PIECES_MAX = 64;

export const WriteResult = { Written: 0, Full: 1, Refused: 2 } as const;
export type WriteResult = (typeof WriteResult)[keyof typeof WriteResult];

export class TunDevice {
  readonly abilities: TunAbilities;
  /** Bytes of the virtio header: 10 or 0. */
  readonly headerLength: number;
  readonly #file: PacketFile;

  constructor(io: PacketIo, fd: number, abilities: TunAbilities) {
    this.abilities = abilities;
    this.headerLength = abilities.offloads ? VIRTIO_NET_HEADER : 0;
    this.#file = io.newFile(fd, PIECES_MAX);
  }

  /**
   * Reads one packet to `at`, its virtio header before. Returns its length, or -1 if there is none.
   * @throws SystemCallError if the device is gone.
   */
  read(at: number, length: number): number {
    const bytes = this.#file.read(at - this.headerLength, length + this.headerLength);
    if (bytes >= 0) return bytes - this.headerLength;
    if (bytes === -EAGAIN) return -1;
    throw new SystemCallError("reading the TUN device", -bytes);
  }

  addPiece(at: number, length: number): void {
    this.#file.addPiece(at, length);
  }

  /** Writes the pieces as one packet. @throws SystemCallError if the device is gone. */
  write(): WriteResult {
    const bytes = this.#file.writePieces();
    if (bytes >= 0) return WriteResult.Written;
    if (bytes === -EAGAIN) return WriteResult.Full;
    // Down, or not to the kernel's liking.
    if (bytes === -EIO || bytes === -EINVAL) return WriteResult.Refused;
    throw new SystemCallError("writing the TUN device", -bytes);
  }
}
