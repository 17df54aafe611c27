/**
 * Change messages on their way to the kernel: they are encoded here, chunk by chunk, while the worker
 * and the kernel are busy with the chunk before.
 */
import { MessageChunk, SEND } from "./message-chunk.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { RequestFailure } from "./netlink-error.ts";
import type { WorkerClient } from "./worker-client.ts";

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
  readonly #spare: MessageChunk[] = [];
  #flying: Promise<void>[] = [];
  #chunk = new MessageChunk();
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
    return this.#chunk.isFull || (this.#flying.length === 0 && this.#chunk.size >= SEND);
  }

  /** Notes that one message was written, and what it belongs to. */
  added(tag: number): void {
    this.#chunk.added(tag, this.#sequence++);
  }

  /** An empty chunk to be filled ahead, with sequence numbers from `takeSequence`, and sent later. */
  newChunk(): MessageChunk {
    return this.#spare.pop() ?? new MessageChunk();
  }

  takeSequence(): number {
    return this.#sequence++;
  }

  /** Sends what was added; waits only while too much is on its way already. */
  async flush(onFailure: OnFailure): Promise<void> {
    if (this.#chunk.size === 0) return;
    const chunk = this.#chunk;
    this.#chunk = this.newChunk();
    await this.sendChunk(chunk, onFailure);
  }

  /** Sends a chunk after everything that was flushed; waits as `flush` does. */
  async sendChunk(chunk: MessageChunk, onFailure: OnFailure): Promise<void> {
    const sending = this.#send(chunk, onFailure);
    // It is awaited later; until then a failure has to have somebody who heard of it.
    sending.catch(() => undefined);
    this.#flying.push(sending);
    if (this.#sequence > 0x7fffffff) this.#sequence = 0;
    const oldest = this.#flying.length - IN_FLIGHT;
    if (oldest >= 0) await this.#flying[oldest];
  }

  /** Sends what was added, and waits until the kernel has answered everything sent so far. */
  async settle(onFailure: OnFailure): Promise<void> {
    await this.flush(onFailure);
    await Promise.all(this.#flying);
  }

  async #send(chunk: MessageChunk, onFailure: OnFailure): Promise<void> {
    chunk.end();
    const { writer, sends } = chunk;
    this.messageCount += chunk.size;
    const { buffer } = writer;
    // The worker answers in the order in which it was asked.
    const reply = await this.#client.write({ kind: "write", buffer, sends }).finally(() => {
      void this.#flying.shift();
    });
    this.firstSendAt ??= reply.startedAt - performance.timeOrigin;
    this.lastAckAt = reply.endedAt - performance.timeOrigin;
    for (const failure of reply.failures) {
      const tag = chunk.tagOf(failure.sequence);
      if (tag !== undefined) onFailure(tag, failure);
    }
    chunk.clear();
    this.#spare.push(chunk);
  }
}
