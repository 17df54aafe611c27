/**
 * Receives the answer to one read request, piece by piece. Runs in the worker, which may block: the
 * kernel makes each part of a dump while the part before it is being received.
 */
import { HOST_ORDER } from "./byte-order.ts";
import {
  align4,
  messageAt,
  messageEnd,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "./message.ts";
import { type RequestFailure, readDone, readError } from "./netlink-error.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

const EAGAIN = 11;
const ETIMEDOUT = 110;

/** The kernel fills at most this much at a time, and only if the reader offers it. */
const DATAGRAM = 32 * 1024;
/** Four datagrams: decoding one piece takes the main loop well under a millisecond. */
const PIECE = 4 * DATAGRAM;
/** Silence of the kernel after which a read is given up, in milliseconds. */
const DEADLINE = 10_000;

export interface ReadResult {
  readonly interrupted: boolean;
  readonly failure: RequestFailure | undefined;
}

export class DumpReader {
  #socket: NetlinkSocket | undefined;
  #datagram = DATAGRAM;

  /** Sends `request` and passes on the answer in pieces of whole messages. */
  read(request: Uint8Array, onPiece: (buffer: ArrayBuffer, length: number) => void): ReadResult {
    this.#socket ??= this.#open();
    const view = new DataView(request.buffer, request.byteOffset);
    const sequence = view.getUint32(8, HOST_ORDER);
    const sent = this.#socket.send(request);
    if (sent < 0) return this.#giveUp(sequence, -sent);
    return this.#receive(this.#socket, sequence, onPiece);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #receive(
    socket: NetlinkSocket,
    sequence: number,
    onPiece: (buffer: ArrayBuffer, length: number) => void,
  ): ReadResult {
    let piece = new Uint8Array(Math.max(PIECE, this.#datagram));
    let view = new DataView(piece.buffer);
    let filled = 0;
    let interrupted = false;
    for (;;) {
      if (filled + this.#datagram > piece.length) {
        onPiece(piece.buffer, filled);
        piece = new Uint8Array(Math.max(PIECE, this.#datagram));
        view = new DataView(piece.buffer);
        filled = 0;
      }
      const room = piece.subarray(filled);
      const length = socket.receive(room, 0);
      if (length < 0) return this.#giveUp(sequence, length === -EAGAIN ? ETIMEDOUT : -length);
      if (length > room.length) {
        // One object larger than the buffer: make room for it and ask for the whole again.
        this.#datagram = length * 2;
        this.close();
        return { interrupted: true, failure: undefined };
      }
      const end = filled + length;
      if (!this.#isAnswer(view, filled, end, sequence, socket.portId)) continue;
      for (let start = filled; start < end; start = align4(messageEnd(view, start, end))) {
        const type = view.getUint16(start + 4, HOST_ORDER);
        if ((view.getUint16(start + 6, HOST_ORDER) & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (type !== NLMSG_DONE && type !== NLMSG_ERROR) continue;
        const message = messageAt(view, start, end);
        const failure = type === NLMSG_DONE ? readDone(message) : readError(message);
        if (start > 0) onPiece(piece.buffer, start);
        return { interrupted, failure };
      }
      filled = align4(end);
    }
  }

  /** All messages of a datagram answer one request; a late answer to an earlier one is left out. */
  #isAnswer(view: DataView, start: number, end: number, sequence: number, portId: number): boolean {
    const message = messageAt(view, start, end);
    return message.sequence === sequence && message.portId === portId;
  }

  /** A socket with an unfinished dump refuses the next one, so it is replaced. */
  #giveUp(sequence: number, errno: number): ReadResult {
    this.close();
    const text = errno === ETIMEDOUT ? `the kernel did not answer within ${DEADLINE / 1000} s` : "";
    return { interrupted: false, failure: { sequence, errno, text } };
  }

  #open(): NetlinkSocket {
    const socket = new NetlinkSocket();
    socket.setDeadline(DEADLINE);
    return socket;
  }
}
