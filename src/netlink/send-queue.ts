/**
 * Change messages on their way to the kernel: they are encoded here, chunk by chunk, while the worker
 * and the kernel are busy with the chunk before.
 */
import type { Chain } from "../../tunnels/kernel/kernel.ts";
import { MessageChunk, SEND } from "./message-chunk.ts";
import type { MessageWriter } from "./message-writer.ts";
import type { RequestFailure } from "./netlink-error.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Chunks on their way: one in the kernel, the others waiting for it. */
const IN_FLIGHT = 4;

/** Whose messages they are. */
export interface Sender {
  /** Undefined: they are sent whatever became of others. */
  readonly chain: Chain | undefined;
  /** Hears of each refused message, with the tag that it was added with. */
  refused(tag: number, failure: RequestFailure): void;
  /** Hears of each message that was not sent because its chain was broken. */
  cancelled(tag: number): void;
}

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
  readonly #chainNumbers = new WeakMap<Chain, number>();
  #lastChain = 0;

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
  async flush(sender: Sender): Promise<void> {
    if (this.#chunk.size === 0) return;
    const chunk = this.#chunk;
    this.#chunk = this.newChunk();
    await this.sendChunk(chunk, sender);
  }

  /** Sends a chunk after everything that was flushed; waits as `flush` does. */
  async sendChunk(chunk: MessageChunk, sender: Sender): Promise<void> {
    const sending = this.#send(chunk, sender);
    // It is awaited later; until then a failure has to have somebody who heard of it.
    sending.catch(() => undefined);
    this.#flying.push(sending);
    if (this.#sequence > 0x7fffffff) this.#sequence = 0;
    const oldest = this.#flying.length - IN_FLIGHT;
    if (oldest >= 0) await this.#flying[oldest];
  }

  /** Sends what was added, and waits until the kernel has answered everything sent so far. */
  async settle(sender: Sender): Promise<void> {
    await this.flush(sender);
    await Promise.all(this.#flying);
  }

  async #send(chunk: MessageChunk, sender: Sender): Promise<void> {
    chunk.end();
    const { writer, sends } = chunk;
    const { buffer } = writer;
    const chain = this.#numberOf(sender.chain);
    // The worker answers in the order in which it was asked.
    const reply = await this.#client.write({ kind: "write", buffer, sends, chain }).finally(() => {
      void this.#flying.shift();
    });
    if (reply.isCancelled) {
      for (const tag of chunk.tags()) sender.cancelled(tag);
    } else {
      this.messageCount += chunk.size;
      this.firstSendAt ??= reply.startedAt - performance.timeOrigin;
      this.lastAckAt = reply.endedAt - performance.timeOrigin;
    }
    if (reply.failures.length > 0 && sender.chain !== undefined) sender.chain.isBroken = true;
    for (const failure of reply.failures) {
      const tag = chunk.tagOf(failure.sequence);
      if (tag !== undefined) sender.refused(tag, failure);
    }
    chunk.clear();
    this.#spare.push(chunk);
  }

  #numberOf(chain: Chain | undefined): number | undefined {
    if (chain === undefined) return undefined;
    const number = this.#chainNumbers.get(chain) ?? ++this.#lastChain;
    this.#chainNumbers.set(chain, number);
    return number;
  }
}
