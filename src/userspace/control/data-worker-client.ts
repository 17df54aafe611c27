/** The control plane's end of one data worker. */
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { reasonOf } from "../../errors.ts";
import { WakeDescriptor } from "../../native/wake-descriptor.ts";
import type { SharedPlan } from "../worker/shared-plan.ts";
import type {
  TunAbilities,
  WorkerReply,
  WorkerRequest,
  WorkerStart,
} from "../worker/worker-protocol.ts";

export interface DataWorkerOptions {
  readonly netns: string | undefined;
  readonly tunFd: number;
  readonly abilities: TunAbilities;
  readonly counters: Float64Array;
  readonly onReply: (reply: WorkerReply) => void;
  /** The thread ended by itself. */
  readonly onDeath: (reason: string) => void;
}

export class DataWorkerClient {
  readonly #worker: Worker;
  readonly #wake: WakeDescriptor;
  readonly #mailbox = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #port: MessagePort;
  readonly #ended: Promise<void>;
  #isStopping = false;

  constructor({ netns, tunFd, abilities, counters, onReply, onDeath }: DataWorkerOptions) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#wake = WakeDescriptor.open();
    const start: WorkerStart = {
      netns,
      tunFd,
      wakeFd: this.#wake.fd,
      abilities,
      counters: counters.buffer as SharedArrayBuffer,
      mailbox: this.#mailbox.buffer as SharedArrayBuffer,
      port: port2,
    };
    // The worker's file is compiled if this one is.
    const extension = extname(fileURLToPath(import.meta.url));
    const file = new URL(`../worker/data-worker${extension}`, import.meta.url);
    this.#worker = new Worker(file, { name: "data", workerData: start, transferList: [port2] });
    let reason = "the thread ended";
    this.#worker.on("error", (error) => {
      reason = reasonOf(error);
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#port.close();
        this.#wake.close();
        if (!this.#isStopping) onDeath(reason);
        resolve();
      });
    });
    port1.on("message", onReply);
    port1.unref();
  }

  send(request: WorkerRequest): void {
    this.#port.postMessage(request);
    Atomics.add(this.#mailbox, 0, 1);
    this.#wake.wake();
  }

  adopt(plan: SharedPlan): void {
    this.send({ kind: "plan", plan });
  }

  /** Resolves when the thread has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.send({ kind: "stop" });
    await this.#ended;
  }
}
