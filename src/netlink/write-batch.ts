/** Sends packed change messages and collects what the kernel says to them. Runs in the worker. */
import { HOST_ORDER } from "./byte-order.ts";
import { align4, messageEnd, messagesIn, NLMSG_ERROR } from "./message.ts";
import { type RequestFailure, readError } from "./netlink-error.ts";
import { MSG_DONTWAIT, type NetlinkSocket } from "./netlink-socket.ts";

const EAGAIN = 11;
const ENOBUFS = 105;

/** An error is under 1 KB; several come in one datagram never, so this is plenty. */
const ANSWER_BYTES = 32 * 1024;

export class WriteBatch {
  readonly #socket: NetlinkSocket;
  readonly #answer = new Uint8Array(ANSWER_BYTES);
  readonly #answerView = new DataView(this.#answer.buffer);

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /**
   * Sends `messages` in pieces that end at the offsets `sends` and returns the failures. A send is
   * synchronous: on return the kernel has carried out all messages and queued every error, and an
   * ack for the last one. Without that ack answers were lost, and the whole piece counts as failed.
   */
  run(messages: ArrayBufferLike, sends: readonly number[]): RequestFailure[] {
    const failures: RequestFailure[] = [];
    const view = new DataView(messages);
    let start = 0;
    for (const end of sends) {
      const error = this.#socket.send(new Uint8Array(messages, start, end - start));
      const found = error < 0 ? undefined : this.#collect(lastSequenceIn(view, start, end));
      if (found === undefined) {
        const errno = error < 0 ? -error : ENOBUFS;
        for (const sequence of sequencesIn(view, start, end)) {
          failures.push({ sequence, errno, text: "" });
        }
      } else {
        for (const failure of found) failures.push(failure);
      }
      start = end;
    }
    return failures;
  }

  /** Empties the queue. The failures, or undefined if answers were lost. */
  #collect(lastSequence: number): RequestFailure[] | undefined {
    const failures: RequestFailure[] = [];
    let lost = false;
    let acknowledged = false;
    for (;;) {
      const length = this.#socket.receive(this.#answer, MSG_DONTWAIT);
      if (length === -EAGAIN) return lost || !acknowledged ? undefined : failures;
      if (length < 0 || length > this.#answer.length) {
        lost = true;
        if (length !== -ENOBUFS && length < 0) return undefined;
        continue;
      }
      for (const message of messagesIn(this.#answerView, length)) {
        if (message.type !== NLMSG_ERROR || message.portId !== this.#socket.portId) continue;
        const failure = readError(message);
        if (failure !== undefined) failures.push(failure);
        if (message.sequence === lastSequence) acknowledged = true;
      }
      // The common case, one datagram for one send, needs no second system call.
      if (acknowledged && !lost) return failures;
    }
  }
}

function lastSequenceIn(view: DataView, start: number, end: number): number {
  let last = start;
  for (let at = start; at < end; at = align4(messageEnd(view, at, end))) last = at;
  return view.getUint32(last + 8, HOST_ORDER);
}

function sequencesIn(view: DataView, start: number, end: number): number[] {
  const sequences: number[] = [];
  for (let at = start; at < end; at = align4(messageEnd(view, at, end))) {
    sequences.push(view.getUint32(at + 8, HOST_ORDER));
  }
  return sequences;
}
