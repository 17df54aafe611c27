// Megabytes from one namespace to another and back on one TCP connection, with a hash at each end.

import { Worker } from "node:worker_threads";

export interface StreamEnd {
  /** Path of the namespace. */
  readonly netns: string;
  readonly port: number;
  /** Address to connect to; undefined for the end that listens. */
  readonly to: string | undefined;
  /** To send. */
  readonly bytes: number;
  readonly seed: number;
}

export interface StreamHashes {
  readonly sent: string;
  readonly received: string;
}

/** The compiled one: Node cannot run a thread from TypeScript. */
const WORKER = new URL(
  "../../../.cache/js/test/support/userspace/stream-worker.js",
  import.meta.url,
);

let nextPort = 7100;

export interface StreamOptions {
  readonly from: string;
  readonly to: string;
  /** Address that the second namespace listens on. */
  readonly address: string;
  readonly bytes: number;
}

/** Sends `bytes` each way at once. @throws if the connection breaks, or something else arrives. */
export async function streamBothWays({ from, to, address, bytes }: StreamOptions): Promise<void> {
  const port = nextPort++;
  const server = open({ netns: to, port, to: undefined, bytes, seed: 1 });
  let client: ReturnType<typeof open> | undefined;
  try {
    await server.listening;
    client = open({ netns: from, port, to: address, bytes, seed: 2 });
    const [there, here] = await Promise.all([server.hashes, client.hashes]);
    if (there.received !== here.sent) throw new Error("something else arrived than was sent");
    if (here.received !== there.sent) throw new Error("something else came back than was sent");
  } finally {
    await Promise.all([server.close(), client?.close()]);
  }
}

function open(end: StreamEnd): {
  listening: Promise<void>;
  hashes: Promise<StreamHashes>;
  close(): Promise<unknown>;
} {
  const worker = new Worker(WORKER, { workerData: end });
  const failed = new Promise<never>((_, reject) => worker.once("error", reject));
  failed.catch(() => {});
  const next = <T>(isIt: (message: unknown) => boolean): Promise<T> =>
    new Promise((resolve) => {
      worker.on("message", (message) => {
        if (isIt(message)) resolve(message as T);
      });
    });
  return {
    listening: Promise.race([failed, next<void>((message) => message === "listening")]),
    hashes: Promise.race([failed, next<StreamHashes>((message) => typeof message === "object")]),
    close: () => worker.terminate(),
  };
}
