/**
 * One socket's packets on their way out: gathered, sent with one system call, and accounted for. What
 * the socket does not take for a moment is waited for; there is no queue but the kernel's.
 */
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import type { LivePlan } from "./live-plan.ts";
import { countSent } from "./packet-counters.ts";
import type { DatagramSender, PacketIo } from "./packet-io.ts";
import { REMOTE_ADDRESS, REMOTE_WORDS } from "./shared-plan.ts";

const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;
const EMSGSIZE = 90;
const ENOBUFS = 105;

/** Messages and pieces of one system call. */
const MESSAGES = 128;
const PIECES = 512;

/** Milliseconds that a full socket is waited for; meanwhile the TUN device's own queue fills. */
const PATIENCE = 20;

/** What a lane does not decide by itself. */
export interface LaneOwner {
  /**
   * The path to `remote` does not carry a packet, of which `length` bytes are at `at`, with what we
   * put before it.
   */
  tooLong(remote: number, at: number, length: number): void;
  /** The kernel cannot cut messages of this endpoint into segments (UDP_SEGMENT). */
  cannotSegment(endpoint: number): void;
}

export class SendLane {
  readonly batch: DatagramSender;
  readonly #counters: Float64Array;
  readonly #owner: LaneOwner;
  // Of each message.
  readonly #remotes = new Int32Array(MESSAGES);
  readonly #packets = new Int32Array(MESSAGES);
  readonly #bytes = new Int32Array(MESSAGES);
  readonly #segmentSizes = new Int32Array(MESSAGES);
  readonly #family: 4 | 6;
  #fd = -1;
  #port = 0;
  #endpoint = 0;

  constructor(io: PacketIo, family: 4 | 6, counters: Float64Array, owner: LaneOwner) {
    this.batch = io.newSender({ family, messages: MESSAGES, iovecs: PIECES });
    this.#family = family;
    this.#counters = counters;
    this.#owner = owner;
  }

  /** Sends on `fd` from now on, for `endpoint` of the plan; `port` is 0 for raw sockets. */
  use(fd: number, port: number, endpoint: number): void {
    this.#fd = fd;
    this.#port = port;
    this.#endpoint = endpoint;
  }

  /** Begins a message to `remote`, for which there is room. Returns its index. */
  begin(plan: LivePlan, remote: number): number {
    const { remotes } = plan;
    const at = remote * REMOTE_WORDS + REMOTE_ADDRESS;
    const index =
      this.#family === 4
        ? this.batch.beginIpv4(remotes[at] as number, this.#port)
        : this.batch.beginIpv6(
            remotes[at] as number,
            remotes[at + 1] as number,
            remotes[at + 2] as number,
            remotes[at + 3] as number,
            this.#port,
          );
    this.#remotes[index] = remote;
    this.#packets[index] = 0;
    this.#bytes[index] = 0;
    this.#segmentSizes[index] = 0;
    return index;
  }

  /** Notes that inner packets, of so many bytes together, are in message `index`. */
  account(index: number, packets: number, bytes: number): void {
    this.#packets[index] = (this.#packets[index] as number) + packets;
    this.#bytes[index] = (this.#bytes[index] as number) + bytes;
  }

  /** Has the kernel cut message `index` into segments; see `SendBatch.setControl`. */
  setSegmentSize(index: number, size: number): void {
    this.#segmentSizes[index] = size;
  }

  /** Sends all messages. Each has then been sent or counted as dropped. */
  flush(): void {
    const { batch } = this;
    let isSecondTry = false;
    for (let next = 0; next < batch.count; ) {
      const sent = batch.send(this.#fd, next);
      if (sent > 0) {
        for (const end = next + sent; next < end; next++) this.#countSent(next);
        isSecondTry = false;
      } else if (sent === -EAGAIN && batch.waitWritable(this.#fd, PATIENCE)) {
        // Room again.
      } else if (sent === -EAGAIN) {
        for (; next < batch.count; next++) this.#drop(next, DropReason.SendBufferFull);
      } else if (isSecondTry) {
        this.#giveUp(next++, -sent);
        isSecondTry = false;
      } else {
        // It may be an error that was pending on the socket, from some packet before.
        isSecondTry = true;
      }
    }
    batch.clear();
  }

  #giveUp(index: number, errno: number): void {
    const segmentSize = this.#segmentSizes[index] as number;
    if (segmentSize > 0 && (errno === EIO || errno === EINVAL || errno === EMSGSIZE)) {
      if (errno === EIO) this.#owner.cannotSegment(this.#endpoint);
      this.#sendUnrolled(index, segmentSize);
    } else {
      if (errno === EMSGSIZE) {
        const at = this.batch.firstPieceAt(index);
        const length = this.batch.firstPieceLength(index);
        this.#owner.tooLong(this.#remotes[index] as number, at, length);
      }
      this.#drop(index, dropReasonOf(errno));
    }
  }

  /** Without DF, what does not fit the path is fragmented by the kernel, but only if it is no segment. */
  #sendUnrolled(index: number, segmentSize: number): void {
    const at = this.batch.firstPieceAt(index);
    const length = this.batch.firstPieceLength(index);
    const sent = this.batch.sendUnrolled(this.#fd, index, segmentSize);
    if (sent >= 0) {
      this.#countSent(index);
      return;
    }
    if (sent === -EMSGSIZE) this.#owner.tooLong(this.#remotes[index] as number, at, length);
    this.#drop(index, dropReasonOf(-sent));
  }

  #countSent(index: number): void {
    countSent(this.#counters, this.#packets[index] as number, this.#bytes[index] as number);
  }

  #drop(index: number, reason: DropReason): void {
    countDrop(this.#counters, reason, this.#packets[index] as number);
  }
}

function dropReasonOf(errno: number): DropReason {
  switch (errno) {
    case EMSGSIZE:
      return DropReason.TooBig;
    case EAGAIN:
    case ENOBUFS:
      return DropReason.SendBufferFull;
    default:
      return DropReason.SendFailed;
  }
}
