/**
 * Messages for Node's sockets, gathered as an engine gathers them. Each is copied once, because a
 * socket may keep it when we write the next packet to the same place.
 */
import { IpAddress } from "../../../encap/address/ip-address.ts";
import type { Arena } from "../../native/arena.ts";
import type { SendBatchLayout } from "../../native/send-batch.ts";
import type { DatagramSender } from "../worker/packet-io.ts";
import type { PlainSocket } from "./plain-socket.ts";

const EBADF = 9;
const EINVAL = 22;
/** Addresses whose texts are remembered. */
const TEXTS_MAX = 10_000;

export class PlainSender implements DatagramSender {
  count = 0;
  iovecs = 0;
  readonly messageCapacity: number;
  readonly iovecCapacity: number;
  readonly #bytes: Uint8Array;
  readonly #socketOf: (fd: number) => PlainSocket | undefined;
  readonly #texts = new Map<string, string>();
  // Of each message.
  readonly #addresses: string[] = [];
  readonly #firstPieces: Int32Array;
  #port = 0;
  // Of each piece.
  readonly #at: Int32Array;
  readonly #lengths: Int32Array;

  constructor(
    arena: Arena,
    { messages, iovecs }: SendBatchLayout,
    socketOf: (fd: number) => PlainSocket | undefined,
  ) {
    this.messageCapacity = messages;
    this.iovecCapacity = iovecs;
    this.#bytes = new Uint8Array(arena.view.buffer);
    this.#socketOf = socketOf;
    this.#firstPieces = new Int32Array(messages + 1);
    this.#at = new Int32Array(iovecs);
    this.#lengths = new Int32Array(iovecs);
  }

  clear(): void {
    this.count = 0;
    this.iovecs = 0;
  }

  hasRoom(messages: number, iovecs: number): boolean {
    return (
      this.count + messages <= this.messageCapacity && this.iovecs + iovecs <= this.iovecCapacity
    );
  }

  beginIpv4(address: number, port: number): number {
    return this.#begin(new IpAddress(4, address >>> 0), port);
  }

  beginIpv6(w0: number, w1: number, w2: number, w3: number, port: number): number {
    return this.#begin(new IpAddress(6, w0 >>> 0, w1 >>> 0, w2 >>> 0, w3 >>> 0), port);
  }

  #begin({ family, w0, w1, w2, w3 }: IpAddress, port: number): number {
    const key = `${w0} ${w1} ${w2} ${w3}`;
    let text = this.#texts.get(key);
    if (text === undefined) {
      text = new IpAddress(family, w0, w1, w2, w3).toString();
      if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
      this.#texts.set(key, text);
    }
    this.#port = port;
    this.#addresses[this.count] = text;
    this.#firstPieces[this.count] = this.iovecs;
    this.#firstPieces[this.count + 1] = this.iovecs;
    return this.count++;
  }

  addPiece(at: number, length: number): void {
    this.#at[this.iovecs] = at;
    this.#lengths[this.iovecs] = length;
    this.#firstPieces[this.count] = ++this.iovecs;
  }

  /** Node's sockets have nothing to set for a single packet. */
  setControl(): void {}

  send(fd: number, from: number): number {
    const socket = this.#socketOf(fd);
    if (socket === undefined) return -EBADF;
    const result = socket.send(this.#gather(from), this.#addresses[from] as string, this.#port);
    return result < 0 ? result : 1;
  }

  #gather(index: number): Uint8Array {
    const first = this.#firstPieces[index] as number;
    const end = this.#firstPieces[index + 1] as number;
    let length = 0;
    for (let piece = first; piece < end; piece++) length += this.#lengths[piece] as number;
    const packet = Buffer.allocUnsafe(length);
    let to = 0;
    for (let piece = first; piece < end; piece++) {
      const at = this.#at[piece] as number;
      const size = this.#lengths[piece] as number;
      packet.set(this.#bytes.subarray(at, at + size), to);
      to += size;
    }
    return packet;
  }

  /** Waiting would keep the socket from emptying. */
  waitWritable(): boolean {
    return false;
  }

  sendUnrolled(): number {
    return -EINVAL;
  }

  firstPieceAt(index: number): number {
    return this.#at[this.#firstPieces[index] as number] as number;
  }

  firstPieceLength(index: number): number {
    return this.#lengths[this.#firstPieces[index] as number] as number;
  }
}
