/** The main thread's end of the netlink worker: requests with promises, answers in short slices. */
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { CausewayError } from "../errors.ts";
import { PieceRing } from "./piece-ring.ts";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-protocol.ts";

/** Longest time, in milliseconds, that answers may keep the main loop from its other work. */
const SLICE = 2;

type Reply<K extends WorkerReply["kind"]> = Extract<WorkerReply, { kind: K }>;
type Body<R> = R extends WorkerRequest ? Omit<R, "id"> : never;

interface Pending {
  readonly onPiece: ((view: DataView, length: number) => void) | undefined;
  readonly resolve: (reply: WorkerReply) => void;
  readonly reject: (error: unknown) => void;
}

export class WorkerClient {
  readonly #worker: Worker;
  readonly #ring: PieceRing;
  readonly #pending = new Map<number, Pending>();
  readonly #replies: WorkerReply[] = [];
  /** `performance.now()` when the answers have to wait; undefined until one comes in this turn. */
  #turnEnd: number | undefined;
  #lastId = 0;
  #failure: CausewayError | undefined;

  private constructor(worker: Worker, ring: PieceRing) {
    this.#ring = ring;
    this.#worker = worker;
    worker.on("message", (reply: WorkerReply) => this.#queue(reply));
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => this.#ended());
    worker.unref();
  }

  /** Starts the thread. @throws CausewayError if it cannot open its sockets. */
  static async start(
    netns: string | undefined,
  ): Promise<{ client: WorkerClient; writePortId: number }> {
    const ring = new PieceRing();
    const start: WorkerStart = { netns, ring: ring.buffer };
    // The worker's file is compiled if this one is.
    const extension = extname(fileURLToPath(import.meta.url));
    const file = new URL(`./netlink-worker${extension}`, import.meta.url);
    const worker = new Worker(file, { name: "netlink", workerData: start });
    const client = new WorkerClient(worker, ring);
    const ready = (await client.#wait(0)) as Reply<"ready">;
    return { client, writePortId: ready.writePortId };
  }

  write(request: Body<Extract<WorkerRequest, { kind: "write" }>>): Promise<Reply<"written">> {
    return this.#ask(request) as Promise<Reply<"written">>;
  }

  /**
   * `onPiece` gets whole messages, in order, before the promise resolves. What it wants to keep it
   * has to copy: the memory is used again.
   */
  read(
    request: Uint8Array,
    onPiece: (view: DataView, length: number) => void,
  ): Promise<Reply<"read">> {
    return this.#ask({ kind: "read", request }, onPiece) as Promise<Reply<"read">>;
  }

  fingerprint(request: Uint8Array): Promise<Reply<"fingerprint">> {
    return this.#ask({ kind: "fingerprint", request }) as Promise<Reply<"fingerprint">>;
  }

  async readSysctls(names: readonly string[]): Promise<Map<string, string>> {
    const reply = (await this.#ask({ kind: "read-sysctls", names })) as Reply<"sysctls">;
    return new Map(reply.values);
  }

  /** @throws an error with the errno in `errno`. */
  async writeSysctl(name: string, value: string): Promise<void> {
    await this.#ask({ kind: "write-sysctl", name, value });
  }

  /** @throws an error with the errno in `errno`. */
  async makeTun(name: string): Promise<void> {
    await this.#ask({ kind: "make-tun", name });
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#ask({ kind: "close" });
    this.#failure = new CausewayError("internal", "the netlink sockets are closed");
    await this.#worker.terminate();
  }

  #ask(body: Body<WorkerRequest>, onPiece?: Pending["onPiece"]): Promise<WorkerReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    const answer = this.#wait(id, onPiece);
    this.#worker.postMessage({ ...body, id } as WorkerRequest);
    return answer;
  }

  #wait(id: number, onPiece?: Pending["onPiece"]): Promise<WorkerReply> {
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { onPiece, resolve, reject });
    });
  }

  #queue(reply: WorkerReply): void {
    this.#replies.push(reply);
    this.#drain();
  }

  /**
   * Node delivers up to 1,000 thread messages in one turn of the loop, each by a call of its own: all
   * of them share the turn's time, and what is left waits for the next turn.
   */
  #drain(): void {
    if (this.#turnEnd === undefined) {
      this.#turnEnd = performance.now() + SLICE;
      setImmediate(() => {
        this.#turnEnd = undefined;
        if (this.#replies.length > 0) this.#drain();
      });
    }
    while (performance.now() < this.#turnEnd) {
      const reply = this.#replies.shift();
      if (reply === undefined) return;
      this.#deliver(reply);
    }
  }

  #deliver(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    if (reply.kind === "piece") {
      this.#deliverPiece(reply, pending);
      return;
    }
    if (pending === undefined) return;
    this.#settle(reply.id);
    if (reply.kind === "failed") {
      const error = new CausewayError("kernel", reply.message);
      pending.reject(Object.assign(error, { errno: reply.code }));
    } else pending.resolve(reply);
  }

  /** A piece is given back also if nobody wants it any more. */
  #deliverPiece({ id, index, length }: Reply<"piece">, pending: Pending | undefined): void {
    try {
      pending?.onPiece?.(this.#ring.view(index), length);
    } catch (error) {
      this.#settle(id);
      pending?.reject(error);
    } finally {
      this.#ring.giveBack();
    }
  }

  #settle(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
  }

  /** What it said before its end counts, and that it has closed is the last of it. */
  #ended(): void {
    for (const reply of this.#replies.splice(0)) this.#deliver(reply);
    this.#fail(new Error("the thread ended"));
  }

  #fail(error: unknown): void {
    this.#failure ??= CausewayError.from(error, "kernel", "the netlink thread failed");
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    this.#pending.clear();
  }
}
