/** Carries out operations through the send queue, one after the other as far as they need it. */
import { CANCELLED, type Chain, type OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp, LinkOp } from "../../tunnels/kernel/kernel-op.ts";
import { type KernelOps, RouteBatch } from "../../tunnels/kernel/route-batch.ts";
import { reasonOf } from "../errors.ts";
import { errnoName } from "../native/errno.ts";
import type { DeviceTable } from "./device-table.ts";
import type { EchoLedger } from "./echo-ledger.ts";
import type { MessageChunk } from "./message-chunk.ts";
import { describeFailure, phraseOf, type RequestFailure } from "./netlink-error.ts";
import { deviceOf, encodeOp, type NetlinkOp, UNKNOWN_DEVICE } from "./op-encoder.ts";
import { PreparedOps } from "./prepared-ops.ts";
import type { Reader } from "./reader.ts";
import { RouteTemplates } from "./route-templates.ts";
import { type Sender, SendQueue } from "./send-queue.ts";
import type { WorkerClient } from "./worker-client.ts";

/** What "gone already" looks like, by operation: deleting what is gone succeeds. */
const GONE: ReadonlySet<string> = new Set(["ESRCH", "ENOENT", "ENODEV", "EADDRNOTAVAIL"]);

/** One call of `apply`. */
class Run implements Sender {
  readonly failures: Map<number, OpFailure> = new Map();
  /** Devices looked up in vain; each is looked up once. */
  readonly absent: Set<string> = new Set();
  readonly ops: KernelOps;
  readonly chain: Chain | undefined;
  readonly #devices: DeviceTable;

  constructor(ops: KernelOps, chain: Chain | undefined, devices: DeviceTable) {
    this.ops = ops;
    this.chain = chain;
    this.#devices = devices;
  }

  refused(at: number, failure: RequestFailure): void {
    const op = this.ops.at(at) as KernelOp;
    const code = errnoName(failure.errno);
    const device = op.kind === "sysctl" ? undefined : deviceOf(op);
    // It was made again under another number: the next operation looks it up.
    if (code === "ENODEV" && device !== undefined) this.#devices.forgetName(device);
    this.failed(at, code, describeFailure(failure));
  }

  /** Notes the first failure of an operation, unless what it wanted is so already. */
  failed(at: number, code: string, message: string): void {
    const op = this.ops.at(at) as KernelOp;
    if (op.verb === "delete" && GONE.has(code)) return;
    if (op.kind === "address" && code === "EEXIST") return;
    if (this.chain !== undefined) this.chain.isBroken = true;
    if (!this.failures.has(at)) this.failures.set(at, { op, at, code, message });
  }

  cancelled(at: number): void {
    if (this.failures.has(at)) return;
    const op = this.ops.at(at) as KernelOp;
    const message = "an operation that it builds on failed";
    this.failures.set(at, { op, at, code: CANCELLED, message });
  }

  /** In the order of the operations. */
  sortedFailures(): OpFailure[] {
    return [...this.failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
  }
}

export class Applier {
  readonly #client: WorkerClient;
  readonly #devices: DeviceTable;
  readonly #reader: Reader;
  readonly #echoes: EchoLedger;
  readonly #queue: SendQueue;
  readonly #templates: RouteTemplates;
  readonly #prepared: PreparedOps;
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
    this.#prepared = new PreparedOps(this.#queue, devices, this.#templates);
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
  async apply(ops: KernelOps, chain?: Chain): Promise<OpFailure[]> {
    const run = new Run(ops, chain, this.#devices);
    const encoded = this.#lastEncoding.then(() => this.#encodeAll(run));
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
    return run.sortedFailures();
  }

  /** Encodes operations ahead, as far as that can be done. */
  prepare(ops: KernelOps): void {
    this.#prepared.encode(ops);
  }

  /** Resolves when everything is on its way, with a promise for the kernel's answers. */
  async #encodeAll(run: Run): Promise<{ answers: Promise<void> }> {
    const { ops } = run;
    try {
      const chunks = this.#prepared.take(ops);
      if (run.chain?.isBroken) for (let at = 0; at < ops.length; at++) run.cancelled(at);
      else if (chunks !== undefined) await this.#sendPrepared(chunks, run);
      else if (ops instanceof RouteBatch) await this.#encodeBatch(ops, run);
      else for (const [at, op] of ops.entries()) await this.#carryOut(op, at, run);
    } finally {
      await this.#queue.flush(run);
    }
    return { answers: this.#queue.settle(run) };
  }

  async #sendPrepared(chunks: readonly MessageChunk[], run: Run): Promise<void> {
    for (const chunk of chunks) {
      const tags = run.ops instanceof RouteBatch ? [] : [...chunk.tags()];
      const sent = this.#queue.sendChunk(chunk, run);
      // Before this thread can hear of any event.
      for (const at of tags) this.#echoes.expect(run.ops.at(at) as NetlinkOp, this.#devices);
      await sent;
    }
  }

  async #encodeBatch(batch: RouteBatch, run: Run): Promise<void> {
    const queue = this.#queue;
    for (let at = 0; at < batch.length; at++) {
      if (this.#templates.write(queue.writer, batch, at, queue.sequence)) queue.added(at);
      else await this.#carryOut(batch.at(at), at, run);
      if (queue.isFull) await queue.flush(run);
    }
  }

  async #carryOut(op: KernelOp, at: number, run: Run): Promise<void> {
    const queue = this.#queue;
    if (op.kind === "sysctl") {
      await queue.settle(run);
      await this.#writeSysctl(op, at, run);
      return;
    }
    // What follows may need the new ifindex, so a link change is alone on its way.
    if (op.kind === "link") await queue.settle(run);
    if (isNewTun(op) && !(await this.#makeTun(op, at, run))) return;
    const device = deviceOf(op);
    let isKnown = this.#encode(op, at);
    if (!isKnown && device !== undefined && !run.absent.has(device)) {
      await queue.settle(run);
      await this.#reader.refreshDevice(device);
      isKnown = this.#encode(op, at);
    }
    if (!isKnown) {
      if (device !== undefined) run.absent.add(device);
      run.failed(at, "ENODEV", phraseOf("ENODEV"));
    } else if (op.kind === "link") {
      await queue.settle(run);
      await this.#reader.refreshDevice(op.object.name);
      run.absent.clear();
    } else if (queue.isFull) await queue.flush(run);
  }

  /** Adds the messages of one operation; false if a device of it is not known. */
  #encode(op: NetlinkOp, at: number): boolean {
    const queue = this.#queue;
    const isNew = op.kind === "link" && op.verb === "add";
    const newIndex = isNew ? this.#devices.takeReserved(op.object.name) : undefined;
    const messages = encodeOp(queue.writer, op, this.#devices, queue.sequence, newIndex);
    if (messages === UNKNOWN_DEVICE) return false;
    this.#echoes.expect(op, this.#devices);
    for (let message = 0; message < messages; message++) queue.added(at);
    return true;
  }

  async #writeSysctl(
    op: Extract<KernelOp, { kind: "sysctl" }>,
    at: number,
    run: Run,
  ): Promise<void> {
    this.#otherCount++;
    try {
      await this.#client.writeSysctl(op.object.name, op.object.value);
    } catch (error) {
      run.failed(at, errnoOf(error), reasonOf(error));
    }
  }

  /** What a message cannot do, so that the rest can be; false if it failed. */
  async #makeTun(op: LinkOp, at: number, run: Run): Promise<boolean> {
    const { name } = op.object;
    await this.#reader.refreshDevice(name);
    if (this.#devices.indexOf(name) !== undefined) {
      run.failed(at, "EEXIST", phraseOf("EEXIST"));
      return false;
    }
    this.#otherCount++;
    try {
      await this.#client.makeTun(name);
      return true;
    } catch (error) {
      // Somebody is attached to it, so it was made meanwhile.
      const code = errnoOf(error) === "EBUSY" ? "EEXIST" : errnoOf(error);
      run.failed(at, code, reasonOf(error));
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
