/**
 * Change messages on their way to the kernel: they are encoded here, chunk by chunk, while the worker
 * and the kernel are busy with the chunk before.
 */
import { NLM_F_ACK } from "./message.ts";
import { MessageWriter } from "./message-writer.ts";
import type { RequestFailure } from "./netlink-error.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Messages in one send; flat from 64 up, and the errors of one send must fit the error queue. */
const SEND = 256;
/** Messages handed to the worker at once: to wake a thread costs as much as fifty messages. */
const CHUNK = 16 * SEND;
/** Room for a chunk whose last operation takes two messages. */
const TAGS = CHUNK + 2;
/** Chunks on their way: one in the kernel, one waiting for it. */
const IN_FLIGHT = 2;

/** Hears of each refused message, with the tag that it was added with. */
export type OnFailure = (tag: number, failure: RequestFailure) => void;

export class SendQueue {
  /** Messages sent so far. */
  messageCount = 0;
  /** Milliseconds of performance.now(): start of the first send, end of the last one. */
  firstSendAt: number | undefined;
  lastAckAt: number | undefined;

  readonly #client: WorkerClient;
  readonly #spare: Chunk[] = [];
  #flying: Promise<void>[] = [];
  #chunk: Chunk = newChunk();
  #sequence = 0;

  constructor(client: WorkerClient) {
    this.#client = client;
  }

  /** Where to write the next message. Valid until `flush` or `settle`. */
  get writer(): MessageWriter {
    return this.#chunk.writer;
  }

  /** Sequence number of the next message; messages that follow before `added` count up from it. */
  get sequence(): number {
    return this.#sequence;
  }

  /** True if the messages added so far shall be flushed now: sooner while the kernel has no work. */
  get isFull(): boolean {
    return this.#chunk.size >= (this.#flying.length === 0 ? SEND : CHUNK);
  }

  /** Notes that one message was written, and what it belongs to. */
  added(tag: number): void {
    const chunk = this.#chunk;
    chunk.tags[chunk.size++] = tag;
    this.#sequence++;
    if (chunk.size % SEND === 0) endSend(chunk);
  }

  /** Sends what was added; waits only while too much is on its way already. */
  async flush(onFailure: OnFailure): Promise<void> {
    if (this.#chunk.size === 0) return;
    const sending = this.#send(this.#chunk, this.#sequence - this.#chunk.size, onFailure);
    // It is awaited later; until then a failure has to have somebody who heard of it.
    sending.catch(() => undefined);
    this.#flying.push(sending);
    this.#chunk = this.#spare.pop() ?? newChunk();
    if (this.#sequence > 0x7fffffff) this.#sequence = 0;
    const oldest = this.#flying.length - IN_FLIGHT;
    if (oldest >= 0) await this.#flying[oldest];
  }

  /** Sends what was added, and waits until the kernel has answered everything sent so far. */
  async settle(onFailure: OnFailure): Promise<void> {
    await this.flush(onFailure);
    await Promise.all(this.#flying);
  }

  async #send(chunk: Chunk, first: number, onFailure: OnFailure): Promise<void> {
    const { writer, tags, sends } = chunk;
    if (sends.at(-1) !== writer.length) endSend(chunk);
    this.messageCount += chunk.size;
    const { buffer } = writer;
    // The worker answers in the order in which it was asked.
    const reply = await this.#client.write({ kind: "write", buffer, sends }).finally(() => {
      void this.#flying.shift();
    });
    this.firstSendAt ??= reply.startedAt - performance.timeOrigin;
    this.lastAckAt = reply.endedAt - performance.timeOrigin;
    for (const failure of reply.failures) {
      const tag = tags[failure.sequence - first];
      if (tag !== undefined) onFailure(tag, failure);
    }
    writer.reset();
    chunk.size = 0;
    sends.length = 0;
    this.#spare.push(chunk);
  }
}

interface Chunk {
  readonly writer: MessageWriter;
  /** By message. */
  readonly tags: Int32Array;
  /** Where each send ends, in bytes. */
  readonly sends: number[];
  size: number;
}

function newChunk(): Chunk {
  const writer = new MessageWriter(256 * 1024, true);
  return { writer, tags: new Int32Array(TAGS), sends: [], size: 0 };
}

/** Errors come by themselves; the ack of the last message says that there are no more. */
function endSend({ writer, sends }: Chunk): void {
  writer.addFlags(NLM_F_ACK);
  sends.push(writer.length);
}
