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
const EMSGSIZE = 90;
const ETIMEDOUT = 110;

/** The kernel fills at most this much at a time, and only if the reader offers it. */
const DATAGRAM = 32 * 1024;
/** Silence of the kernel after which a read is given up, in milliseconds. */
const DEADLINE = 10_000;

export interface ReadResult {
  readonly interrupted: boolean;
  readonly failure: RequestFailure | undefined;
}

/** Memory to receive into, and where it goes when it is full. */
export interface PieceSink {
  next(): { readonly bytes: Uint8Array; readonly view: DataView };
  /** The first `length` bytes of what `next` gave hold whole messages. */
  passOn(length: number): void;
}

export class DumpReader {
  #socket: NetlinkSocket | undefined;

  /** Sends `request`, one message, and passes on the answer. */
  read(request: Uint8Array, sink: PieceSink): ReadResult {
    this.#socket ??= this.#open();
    const view = new DataView(request.buffer, request.byteOffset);
    const sequence = view.getUint32(8, HOST_ORDER);
    const sent = this.#socket.send(request);
    if (sent < 0) return this.#giveUp(sequence, -sent);
    return this.#receive(this.#socket, sequence, sink);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #receive(socket: NetlinkSocket, sequence: number, sink: PieceSink): ReadResult {
    let { bytes, view } = sink.next();
    let filled = 0;
    let interrupted = false;
    for (;;) {
      if (filled + DATAGRAM > bytes.length) {
        sink.passOn(filled);
        ({ bytes, view } = sink.next());
        filled = 0;
      }
      const room = bytes.subarray(filled);
      const length = socket.receive(room, 0);
      if (length < 0) return this.#giveUp(sequence, length === -EAGAIN ? ETIMEDOUT : -length);
      if (length > room.length) return this.#giveUp(sequence, EMSGSIZE);
      const end = filled + length;
      // All messages of a datagram answer one request, if need be an earlier one that was given up.
      const first = messageAt(view, filled, end);
      if (first.sequence !== sequence || first.portId !== socket.portId) continue;
      for (let start = filled; start < end; start = align4(messageEnd(view, start, end))) {
        const type = view.getUint16(start + 4, HOST_ORDER);
        if ((view.getUint16(start + 6, HOST_ORDER) & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (type !== NLMSG_DONE && type !== NLMSG_ERROR) continue;
        const message = messageAt(view, start, end);
        const failure = type === NLMSG_DONE ? readDone(message) : readError(message);
        if (start > 0) sink.passOn(start);
        return { interrupted, failure };
      }
      filled = align4(end);
    }
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
