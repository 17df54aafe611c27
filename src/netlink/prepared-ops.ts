/**
 * Messages that are written before the kernel is asked for anything, so that it is on the way from one
 * state to the other for no longer than it takes itself. Devices that are still to be made are named
 * by the numbers that they will ask for.
 */
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { type KernelOps, RouteBatch } from "../../tunnels/kernel/route-batch.ts";
import type { DeviceTable } from "./device-table.ts";
import type { MessageChunk } from "./message-chunk.ts";
import { deviceOf, encodeOp, type NetlinkOp } from "./op-encoder.ts";
import type { RouteTemplates } from "./route-templates.ts";
import type { SendQueue } from "./send-queue.ts";

interface Prepared {
  readonly chunks: readonly MessageChunk[];
  /** The device numbers in the messages. */
  readonly indexes: ReadonlyMap<string, number>;
}

export class PreparedOps {
  readonly #queue: SendQueue;
  readonly #devices: DeviceTable;
  readonly #templates: RouteTemplates;
  readonly #byOps = new WeakMap<KernelOps, Prepared>();

  constructor(queue: SendQueue, devices: DeviceTable, templates: RouteTemplates) {
    this.#queue = queue;
    this.#devices = devices;
    this.#templates = templates;
  }

  /** Encodes `ops`, if all of them are of a kind that can be. Of new devices it takes note only. */
  encode(ops: KernelOps): void {
    const prepared = ops instanceof RouteBatch ? this.#routes(ops) : this.#objects(ops);
    if (prepared !== undefined) this.#byOps.set(ops, prepared);
  }

  /** The messages of `ops`, once; undefined if there are none, or if a device has another number. */
  take(ops: KernelOps): readonly MessageChunk[] | undefined {
    const prepared = this.#byOps.get(ops);
    if (prepared === undefined) return undefined;
    this.#byOps.delete(ops);
    for (const [name, ifindex] of prepared.indexes) {
      if (this.#devices.indexOf(name) !== ifindex) return undefined;
    }
    return prepared.chunks;
  }

  /** A route that names a device itself is left for later: devices may be made anew until then. */
  #routes(batch: RouteBatch): Prepared | undefined {
    const chunks = new Chunks(this.#queue);
    for (let at = 0; at < batch.length; at++) {
      const { writer } = chunks.last;
      const sequence = this.#queue.takeSequence();
      const isWritten =
        !this.#templates.namesDevice(batch, at) &&
        this.#templates.write(writer, batch, at, sequence);
      if (!isWritten) return undefined;
      chunks.last.added(at, sequence);
    }
    return { chunks: chunks.all, indexes: new Map() };
  }

  #objects(ops: readonly KernelOp[]): Prepared | undefined {
    const chunks = new Chunks(this.#queue);
    const indexes = new Map<string, number>();
    for (const [at, op] of ops.entries()) {
      if (isNewDevice(op)) this.#devices.reserve(op.object.name);
      if (op.kind === "sysctl" || op.kind === "link" || op.kind === "route") return undefined;
      if (!this.#noteIndex(op, indexes)) return undefined;
      const sequence = this.#queue.takeSequence();
      encodeOp(chunks.last.writer, op, this.#devices.withReserved, sequence);
      chunks.last.added(at, sequence);
    }
    return { chunks: chunks.all, indexes };
  }

  /** False if a device of the operation is neither known nor about to be made. */
  #noteIndex(op: NetlinkOp, indexes: Map<string, number>): boolean {
    const device = deviceOf(op);
    if (device === undefined || indexes.has(device)) return true;
    const ifindex = this.#devices.withReserved.indexOf(device);
    if (ifindex !== undefined) indexes.set(device, ifindex);
    return ifindex !== undefined;
  }
}

class Chunks {
  readonly all: MessageChunk[] = [];
  readonly #queue: SendQueue;

  constructor(queue: SendQueue) {
    this.#queue = queue;
  }

  /** The one that has room. */
  get last(): MessageChunk {
    const last = this.all.at(-1);
    if (last !== undefined && !last.isFull) return last;
    const next = this.#queue.newChunk();
    this.all.push(next);
    return next;
  }
}

/** A TUN device is made by a call that takes no number. */
function isNewDevice(op: KernelOp): op is Extract<KernelOp, { kind: "link" }> {
  return op.kind === "link" && op.verb === "add" && op.object.tunnel?.kind !== "tun";
}
