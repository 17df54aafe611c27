/** Change messages that are handed to the worker at once, and what each of them belongs to. */
import { NLM_F_ACK } from "./message.ts";
import { MessageWriter } from "./message-writer.ts";

/** Messages in one send; flat from 64 up, and the errors of one send must fit the error queue. */
export const SEND = 512;
/** Messages in a chunk: to wake a thread costs as much as fifty messages. */
const CHUNK = 8 * SEND;
/** Room for a chunk whose last operation takes two messages. */
const TAGS = CHUNK + 2;
/** A route message has some fifty bytes; the rest make the buffer grow. */
const BYTES = 256 * 1024;

export class MessageChunk {
  readonly writer: MessageWriter = new MessageWriter(BYTES, true);
  /** Where each send ends, in bytes. */
  readonly sends: number[] = [];
  readonly #tags = new Int32Array(TAGS);
  #firstSequence = 0;
  #size = 0;

  /** Number of messages. */
  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= CHUNK;
  }

  /** Notes that message number `sequence` was written, the next one after the last. */
  added(tag: number, sequence: number): void {
    if (this.#size === 0) this.#firstSequence = sequence;
    this.#tags[this.#size++] = tag;
    if (this.#size % SEND === 0) this.#endSend();
  }

  /** No more messages follow. */
  end(): void {
    if (this.sends.at(-1) !== this.writer.length) this.#endSend();
  }

  /** The tag of a message of this chunk. */
  tagOf(sequence: number): number | undefined {
    const at = sequence - this.#firstSequence;
    return at < this.#size ? this.#tags[at] : undefined;
  }

  /** The tags of all messages, in their order. */
  *tags(): Generator<number> {
    for (let at = 0; at < this.#size; at++) yield this.#tags[at] as number;
  }

  clear(): void {
    this.writer.reset();
    this.sends.length = 0;
    this.#size = 0;
  }

  /** Errors come by themselves; the ack of the last message says that there are no more. */
  #endSend(): void {
    this.writer.addFlags(NLM_F_ACK);
    this.sends.push(this.writer.length);
  }
}
