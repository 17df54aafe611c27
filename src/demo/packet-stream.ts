/**
 * Steady pings over several paths at once, from a thread of their own, so that they go on while
 * this one is busy; tells exactly which were lost and when. How "no packet lost" is shown.
 */
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { EchoPath } from "./echo-socket.ts";

export interface StreamOrder {
  readonly paths: readonly EchoPath[];
  /** Time between two packets of one path. */
  readonly intervalMs: number;
  /** How long an answer may take before its packet counts as lost. */
  readonly patienceMs: number;
}

/** Packets lost in a row. */
export interface StreamGap {
  /** When the first of them was sent: milliseconds since the epoch. */
  readonly at: number;
  /** From the last packet that passed before to the first that passed after. */
  readonly milliseconds: number;
  readonly packets: number;
}

export interface StreamResult {
  readonly path: EchoPath;
  readonly sent: number;
  readonly lost: number;
  readonly gaps: readonly StreamGap[];
}

/** Words of the memory that the two threads share. */
export const STREAM_STOP = 0;
export const STREAM_SENT = 1;

export class PacketStream {
  readonly #worker: Worker;
  readonly #shared: Int32Array;
  readonly #results: Promise<StreamResult[]>;

  private constructor(worker: Worker, shared: Int32Array) {
    this.#worker = worker;
    this.#shared = shared;
    this.#results = new Promise((resolve, reject) => {
      worker.once("error", reject);
      worker.on("message", (message: StreamResult[] | "running") => {
        if (message !== "running") resolve(message);
      });
      worker.once("exit", () => reject(new Error("the packet stream ended before its time")));
    });
    this.#results.catch(() => {});
  }

  /** Resolves once the first packet of every path has been answered. */
  static async start(
    paths: readonly EchoPath[],
    options: { intervalMs?: number; patienceMs?: number } = {},
  ): Promise<PacketStream> {
    const { intervalMs = 2, patienceMs = 500 } = options;
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const order: StreamOrder = { paths, intervalMs, patienceMs };
    const worker = new Worker(workerFile(), { name: "stream", workerData: { order, shared } });
    const stream = new PacketStream(worker, shared);
    await Promise.race([
      new Promise((resolve) => worker.once("message", resolve)),
      stream.#results,
    ]);
    return stream;
  }

  /** Packets sent so far, over all paths. */
  get sent(): number {
    return Atomics.load(this.#shared, STREAM_SENT);
  }

  /** Sends no more, waits for the last answers, and tells what was lost. */
  async stop(): Promise<StreamResult[]> {
    Atomics.store(this.#shared, STREAM_STOP, 1);
    Atomics.notify(this.#shared, STREAM_STOP);
    const results = await this.#results;
    await this.#worker.terminate();
    return results;
  }
}

/** Sums of several paths. */
export function streamTotals(results: readonly StreamResult[]): { sent: number; lost: number } {
  return {
    sent: results.reduce((sum, { sent }) => sum + sent, 0),
    lost: results.reduce((sum, { lost }) => sum + lost, 0),
  };
}

/** A thread needs JavaScript: where the sources run as they are, the built file is taken. */
function workerFile(): URL {
  const isSource = extname(fileURLToPath(import.meta.url)) === ".ts";
  const directory = isSource ? "../../dist/src/demo" : ".";
  return new URL(`${directory}/packet-stream-worker.js`, import.meta.url);
}
