/** Carries out operations through the send queue, one after the other as far as they need it. */
import type { OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp, LinkOp } from "../../tunnels/kernel/kernel-op.ts";
import { type KernelOps, RouteBatch } from "../../tunnels/kernel/route-batch.ts";
import { reasonOf } from "../errors.ts";
import { errnoName } from "../native/errno.ts";
import type { DeviceTable } from "./device-table.ts";
import type { EchoLedger } from "./echo-ledger.ts";
import type { MessageChunk } from "./message-chunk.ts";
import { describeFailure, phraseOf } from "./netlink-error.ts";
import { deviceOf, encodeOp, type NetlinkOp, UNKNOWN_DEVICE } from "./op-encoder.ts";
import type { Reader } from "./reader.ts";
import { RouteTemplates } from "./route-templates.ts";
import { type OnFailure, SendQueue } from "./send-queue.ts";
import type { WorkerClient } from "./worker-client.ts";

/** What "gone already" looks like, by operation: deleting what is gone succeeds. */
const GONE: ReadonlySet<string> = new Set(["ESRCH", "ENOENT", "ENODEV", "EADDRNOTAVAIL"]);

/** One call of `apply`. */
interface Run {
  readonly failures: Map<number, OpFailure>;
  /** Devices looked up in vain; each is looked up once. */
  readonly absent: Set<string>;
  readonly onFailure: OnFailure;
}

export class Applier {
  readonly #client: WorkerClient;
  readonly #devices: DeviceTable;
  readonly #reader: Reader;
  readonly #echoes: EchoLedger;
  readonly #queue: SendQueue;
  readonly #templates: RouteTemplates;
  readonly #prepared = new WeakMap<RouteBatch, readonly MessageChunk[]>();
  /** Changes that were not made by a message. */
  #otherCount = 0;
  /** Calls whose operations are not all answered yet. */
  #running = 0;
  #lastEncoding: Promise<void> = Promise.resolve();

  constructor(client: WorkerClient, devices: DeviceTable, reader: Reader, echoes: EchoLedger) {
    this.#client = client;
    this.#devices = devices;
    this.#reader = reader;
    this.#echoes = echoes;
    this.#queue = new SendQueue(client);
    this.#templates = new RouteTemplates(devices);
  }

  /** Change messages, sysctls and TUN devices. */
  get writeCount(): number {
    return this.#queue.messageCount + this.#otherCount;
  }

  /** Milliseconds of performance.now(): start of the first send, end of the last one. */
  get firstWriteAt(): number | undefined {
    return this.#queue.firstSendAt;
  }

  get lastAckAt(): number | undefined {
    return this.#queue.lastAckAt;
  }

  /**
   * The failures, in the order of `ops`. Calls are carried out in their order; the operations of the
   * next one are encoded while the kernel is still busy with those of the one before.
   */
  async apply(ops: KernelOps): Promise<OpFailure[]> {
    const failures = new Map<number, OpFailure>();
    const onFailure: OnFailure = (at, failure) => {
      const op = ops.at(at) as KernelOp;
      const code = errnoName(failure.errno);
      if (code === "ENODEV") this.#forgetDeviceOf(op);
      noteFailure(failures, at, op, code, describeFailure(failure));
    };
    const run: Run = { failures, absent: new Set(), onFailure };
    const encoded = this.#lastEncoding.then(() => this.#encodeAll(ops, run));
    this.#lastEncoding = encoded.then(
      () => undefined,
      () => undefined,
    );
    this.#running++;
    try {
      // Not a promise for the answers, or nothing of the next call would be encoded before them.
      const { answers } = await encoded;
      await answers;
    } finally {
      this.#running--;
      if (this.#running === 0) this.#echoes.expectNoMore();
    }
    return [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
  }

  /** Resolves when everything is on its way, with a promise for the kernel's answers. */
  async #encodeAll(ops: KernelOps, run: Run): Promise<{ answers: Promise<void> }> {
    try {
      if (ops instanceof RouteBatch) await this.#encodeBatch(ops, run);
      else for (const [at, op] of ops.entries()) await this.#carryOut(op, at, run);
    } finally {
      await this.#queue.flush(run.onFailure);
    }
    return { answers: this.#queue.settle(run.onFailure) };
  }

  /** Encodes a batch ahead, if its messages name no device: one may be made anew until they are sent. */
  prepare(batch: RouteBatch): void {
    const queue = this.#queue;
    const chunks: MessageChunk[] = [];
    let chunk: MessageChunk | undefined;
    for (let at = 0; at < batch.length; at++) {
      if (chunk === undefined || chunk.isFull) {
        chunk = queue.newChunk();
        chunks.push(chunk);
      }
      const sequence = queue.takeSequence();
      const isWritten =
        !this.#templates.namesDevice(batch, at) &&
        this.#templates.write(chunk.writer, batch, at, sequence);
      if (!isWritten) return;
      chunk.added(at, sequence);
    }
    this.#prepared.set(batch, chunks);
  }

  async #encodeBatch(batch: RouteBatch, run: Run): Promise<void> {
    const queue = this.#queue;
    const prepared = this.#prepared.get(batch);
    if (prepared !== undefined) {
      this.#prepared.delete(batch);
      for (const chunk of prepared) await queue.sendChunk(chunk, run.onFailure);
      return;
    }
    for (let at = 0; at < batch.length; at++) {
      if (this.#templates.write(queue.writer, batch, at, queue.sequence)) queue.added(at);
      else await this.#carryOut(batch.at(at), at, run);
      if (queue.isFull) await queue.flush(run.onFailure);
    }
  }

  async #carryOut(op: KernelOp, at: number, run: Run): Promise<void> {
    const queue = this.#queue;
    if (op.kind === "sysctl") {
      await queue.settle(run.onFailure);
      await this.#writeSysctl(op, at, run);
      return;
    }
    // What follows may need the new ifindex, so a link change is alone on its way.
    if (op.kind === "link") await queue.settle(run.onFailure);
    if (isNewTun(op) && !(await this.#makeTun(op, at, run))) return;
    const device = deviceOf(op);
    let isKnown = this.#encode(op, at);
    if (!isKnown && device !== undefined && !run.absent.has(device)) {
      await queue.settle(run.onFailure);
      await this.#reader.refreshDevice(device);
      isKnown = this.#encode(op, at);
    }
    if (!isKnown) {
      if (device !== undefined) run.absent.add(device);
      noteFailure(run.failures, at, op, "ENODEV", phraseOf("ENODEV"));
    } else if (op.kind === "link") {
      await queue.settle(run.onFailure);
      await this.#reader.refreshDevice(op.object.name);
      run.absent.clear();
    } else if (queue.isFull) await queue.flush(run.onFailure);
  }

  /** Adds the messages of one operation; false if a device of it is not known. */
  #encode(op: NetlinkOp, at: number): boolean {
    const queue = this.#queue;
    const messages = encodeOp(queue.writer, op, this.#devices, queue.sequence);
    if (messages === UNKNOWN_DEVICE) return false;
    this.#echoes.expect(op, this.#devices);
    for (let message = 0; message < messages; message++) queue.added(at);
    return true;
  }

  /** The device was made again under another number: the next operation looks it up. */
  #forgetDeviceOf(op: KernelOp): void {
    const device = op.kind === "sysctl" ? undefined : deviceOf(op);
    if (device !== undefined) this.#devices.forgetName(device);
  }

  async #writeSysctl(
    op: Extract<KernelOp, { kind: "sysctl" }>,
    at: number,
    { failures }: Run,
  ): Promise<void> {
    this.#otherCount++;
    try {
      await this.#client.writeSysctl(op.object.name, op.object.value);
    } catch (error) {
      failures.set(at, { op, at, code: errnoOf(error), message: reasonOf(error) });
    }
  }

  /** What a message cannot do, so that the rest can be; false if it failed. */
  async #makeTun(op: LinkOp, at: number, { failures }: Run): Promise<boolean> {
    const { name } = op.object;
    await this.#reader.refreshDevice(name);
    if (this.#devices.indexOf(name) !== undefined) {
      noteFailure(failures, at, op, "EEXIST", phraseOf("EEXIST"));
      return false;
    }
    this.#otherCount++;
    try {
      await this.#client.makeTun(name);
      return true;
    } catch (error) {
      // Somebody is attached to it, so it was made meanwhile.
      const code = errnoOf(error) === "EBUSY" ? "EEXIST" : errnoOf(error);
      failures.set(at, { op, at, code, message: reasonOf(error) });
      return false;
    }
  }
}

function isNewTun(op: KernelOp): op is LinkOp {
  return op.kind === "link" && op.verb === "add" && op.object.tunnel?.kind === "tun";
}

function errnoOf(error: unknown): string {
  const { errno } = error as { errno?: unknown };
  return typeof errno === "string" ? errno : "EINVAL";
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
  if (!failures.has(at)) failures.set(at, { op, at, code, message });
}
