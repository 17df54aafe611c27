/** Parses the YAML pieces of a file: small ones here, in slices; much text in a worker thread. */
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { inTurns } from "../turns.ts";
import { parseYamlPiece, type YamlReading } from "./yaml-piece.ts";
import type { YamlReply, YamlRequest } from "./yaml-worker.ts";

export interface YamlPiece {
  readonly text: string;
  /** An item `- …` of a block list, not a document. */
  readonly isItem: boolean;
}

/** More text than this goes to the worker: the parser takes about a millisecond for 1 KB. */
const INLINE_TOTAL = 32_768;
const INLINE_PIECE = 8_192;
/** The thread is stopped after this idle time, in milliseconds. */
const IDLE = 5_000;

export type YamlPlace = "here" | "worker";

export class YamlReader {
  #worker: Worker | undefined;
  #hasNoWorker = false;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  /** True while the worker thread is there. */
  get hasWorker(): boolean {
    return this.#worker !== undefined;
  }

  /** Where pieces of these lengths are best parsed, all of them. */
  placeFor(lengths: readonly number[]): YamlPlace {
    const total = lengths.reduce((sum, length) => sum + length, 0);
    return total > INLINE_TOTAL || lengths.some((length) => length > INLINE_PIECE)
      ? "worker"
      : "here";
  }

  /** One reading for each piece, in order. */
  async parse(pieces: readonly YamlPiece[], place: YamlPlace): Promise<readonly YamlReading[]> {
    if (place === "worker" && !this.#hasNoWorker) {
      try {
        return await this.#parseInWorker(pieces);
      } catch {
        // A thread that cannot be started, or died: slower is better than not at all.
        this.#hasNoWorker = true;
        this.close();
      }
    }
    return inTurns(parseHere(pieces));
  }

  close(): void {
    clearTimeout(this.#idle);
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #parseInWorker(pieces: readonly YamlPiece[]): Promise<readonly YamlReading[]> {
    clearTimeout(this.#idle);
    this.#worker ??= startWorker();
    try {
      return await this.#ask(this.#worker, pieces);
    } finally {
      this.#idle = setTimeout(() => this.close(), IDLE).unref();
    }
  }

  #ask(worker: Worker, batch: readonly YamlPiece[]): Promise<readonly YamlReading[]> {
    const id = ++this.#lastId;
    const request: YamlRequest = {
      id,
      texts: batch.map(({ text }) => text),
      areItems: batch.map(({ isItem }) => isItem),
    };
    return new Promise((resolve, reject) => {
      const onExit = (): void => fail(new Error("the YAML thread ended"));
      const onMessage = (reply: YamlReply): void => {
        if (reply.id !== id) return;
        detach();
        resolve(reply.readings);
      };
      const fail = (error: Error): void => {
        detach();
        reject(error);
      };
      const detach = (): void => {
        worker.off("message", onMessage).off("error", fail).off("exit", onExit);
        worker.unref();
      };
      worker.ref();
      worker.on("message", onMessage).on("error", fail).on("exit", onExit);
      worker.postMessage(request);
    });
  }
}

function startWorker(): Worker {
  // This file and the worker's are both TypeScript (in tests) or both compiled.
  const extension = extname(fileURLToPath(import.meta.url));
  const worker = new Worker(new URL(`./yaml-worker${extension}`, import.meta.url), {
    name: "yaml",
  });
  worker.on("error", () => {});
  return worker;
}

function* parseHere(pieces: readonly YamlPiece[]): Generator<void, YamlReading[]> {
  const readings: YamlReading[] = [];
  for (const { text, isItem } of pieces) {
    readings.push(parseYamlPiece(text, isItem));
    yield;
  }
  return readings;
}
