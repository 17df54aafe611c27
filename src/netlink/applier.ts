/**
 * Carries out operations: encodes them here, chunk by chunk, while the worker and the kernel are busy
 * with the chunk before.
 */
import type { OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { reasonOf } from "../errors.ts";
import { errnoName } from "../native/errno.ts";
import type { DeviceTable } from "./device-table.ts";
import type { EchoLedger } from "./echo-ledger.ts";
import { NLM_F_ACK } from "./message.ts";
import { MessageWriter } from "./message-writer.ts";
import { describeFailure, phraseOf } from "./netlink-error.ts";
import { deviceOf, encodeOp, type NetlinkOp, UNKNOWN_DEVICE } from "./op-encoder.ts";
import type { Reader } from "./reader.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Messages in one send; flat from 64 up, and the errors of one send must fit the error queue. */
const SEND = 256;
/** Messages handed to the worker at once. */
const CHUNK = 4 * SEND;
/** Chunks on their way: one in the kernel, one waiting for it. */
const IN_FLIGHT = 2;

/** What "gone already" looks like, by operation: deleting what is gone succeeds. */
const GONE: ReadonlySet<string> = new Set(["ESRCH", "ENOENT", "ENODEV", "EADDRNOTAVAIL"]);

export class Applier {
  /** Change messages and sysctls sent. */
  writeCount = 0;
  /** Milliseconds of performance.now(): start of the first send, end of the last one. */
  firstWriteAt: number | undefined;
  lastAckAt: number | undefined;

  readonly #client: WorkerClient;
  readonly #devices: DeviceTable;
  readonly #reader: Reader;
  readonly #echoes: EchoLedger;
  readonly #writers: MessageWriter[] = [];
  #sequence = 0;

  constructor(client: WorkerClient, devices: DeviceTable, reader: Reader, echoes: EchoLedger) {
    this.#client = client;
    this.#devices = devices;
    this.#reader = reader;
    this.#echoes = echoes;
  }

  /** The failures, in the order of `ops`. Calls must not overlap. */
  async apply(ops: readonly KernelOp[]): Promise<OpFailure[]> {
    const failures = new Map<number, OpFailure>();
    const flying: Promise<void>[] = [];
    /** Devices looked up in vain; each is looked up once. */
    const absent = new Set<string>();
    let chunk = this.#newChunk();

    const flush = async (): Promise<void> => {
      if (chunk.opOfMessage.length === 0) return;
      const sending = this.#send(chunk, ops, failures);
      // It is awaited later; until then a failure has to have somebody who heard of it.
      sending.catch(() => undefined);
      flying.push(sending);
      chunk = this.#newChunk();
      if (flying.length >= IN_FLIGHT) await flying.shift();
    };
    const settle = async (): Promise<void> => {
      await flush();
      await Promise.all(flying.splice(0));
    };

    try {
      for (const [at, op] of ops.entries()) {
        if (op.kind === "sysctl") {
          await settle();
          await this.#writeSysctl(op, at, failures);
          continue;
        }
        // What follows may need the new ifindex, so a link change is alone on its way.
        if (op.kind === "link") await settle();
        let messages = this.#encode(chunk, op, at);
        if (messages === UNKNOWN_DEVICE && !absent.has(deviceOf(op) as string)) {
          await settle();
          await this.#reader.refreshDevice(deviceOf(op) as string);
          messages = this.#encode(chunk, op, at);
        }
        if (messages === UNKNOWN_DEVICE) {
          absent.add(deviceOf(op) as string);
          noteFailure(failures, at, op, "ENODEV", phraseOf("ENODEV"));
        } else if (op.kind === "link") {
          await settle();
          await this.#reader.refreshDevice(op.object.name);
          absent.clear();
        } else if (chunk.opOfMessage.length >= CHUNK) await flush();
      }
    } finally {
      await settle();
      this.#echoes.expectNoMore();
    }
    return [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
  }

  #newChunk(): Chunk {
    const writer = this.#writers.pop() ?? new MessageWriter(128 * 1024);
    return { writer, first: this.#sequence, opOfMessage: [], sends: [] };
  }

  /** Adds the messages of one operation, and the end of a send where one is due. */
  #encode(chunk: Chunk, op: NetlinkOp, at: number): number {
    const { writer, opOfMessage } = chunk;
    const messages = encodeOp(writer, op, this.#devices, chunk.first + opOfMessage.length);
    if (messages === UNKNOWN_DEVICE) return messages;
    this.#echoes.expect(op, this.#devices);
    for (let message = 0; message < messages; message++) opOfMessage.push(at);
    if (opOfMessage.length > 0 && opOfMessage.length % SEND === 0) endSend(chunk);
    return messages;
  }

  async #send(
    chunk: Chunk,
    ops: readonly KernelOp[],
    failures: Map<number, OpFailure>,
  ): Promise<void> {
    const { writer, opOfMessage, sends, first } = chunk;
    if (sends.at(-1) !== writer.length) endSend(chunk);
    this.#sequence = first + opOfMessage.length;
    if (this.#sequence > 0x7fffffff) this.#sequence = 0;
    this.writeCount += opOfMessage.length;
    const reply = await this.#client.write({ kind: "write", buffer: writer.buffer, sends });
    writer.reset(reply.buffer);
    this.#writers.push(writer);
    this.firstWriteAt ??= reply.startedAt - performance.timeOrigin;
    this.lastAckAt = reply.endedAt - performance.timeOrigin;
    for (const failure of reply.failures) {
      const at = opOfMessage[failure.sequence - first];
      const op = at === undefined ? undefined : ops[at];
      if (at === undefined || op === undefined) continue;
      const code = errnoName(failure.errno);
      if (code === "ENODEV") this.#forgetDeviceOf(op);
      noteFailure(failures, at, op, code, describeFailure(failure));
    }
  }

  /** The device was made again under another number: the next operation looks it up. */
  #forgetDeviceOf(op: KernelOp): void {
    const device = op.kind === "sysctl" ? undefined : deviceOf(op);
    if (device !== undefined) this.#devices.forgetName(device);
  }

  async #writeSysctl(
    op: Extract<KernelOp, { kind: "sysctl" }>,
    at: number,
    failures: Map<number, OpFailure>,
  ): Promise<void> {
    this.writeCount++;
    try {
      await this.#client.writeSysctl(op.object.name, op.object.value);
    } catch (error) {
      const errno = (error as { errno?: unknown }).errno;
      const code = typeof errno === "string" ? errno : "EINVAL";
      failures.set(at, { op, code, message: reasonOf(error) });
    }
  }
}

interface Chunk {
  readonly writer: MessageWriter;
  /** Sequence number of the first message. */
  readonly first: number;
  /** Index into the operations, by message. */
  readonly opOfMessage: number[];
  readonly sends: number[];
}

/** Errors come by themselves; the ack of the last message says that there are no more. */
function endSend({ writer, sends }: Chunk): void {
  writer.addFlags(NLM_F_ACK);
  sends.push(writer.length);
}

/** Notes the first failure of an operation, unless what it wanted is so already. */
function noteFailure(
  failures: Map<number, OpFailure>,
  at: number,
  op: KernelOp,
  code: string,
  message: string,
): void {
  if (op.verb === "delete" && GONE.has(code)) return;
  if (op.kind === "address" && code === "EEXIST") return;
  if (!failures.has(at)) failures.set(at, { op, code, message });
}
