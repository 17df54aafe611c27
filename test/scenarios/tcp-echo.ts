// A stream of data to another pod and back: packets as large as the kernel makes them, offloads and all.

import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { namespacePath } from "../../src/demo/network-namespace.ts";
import type { Cluster } from "../support/cluster.ts";

/** What one end does; each has a thread of its own, in a network namespace of its own. */
export type TcpRole =
  | { readonly netns: string; readonly port: number; readonly listens: true }
  | { readonly netns: string; readonly port: number; readonly to: string; readonly bytes: number };

const PORT = 7007;
const BYTES = 1 << 20;

/** Sends bytes from pod to pod, a megabyte of them if nothing is said, and expects them back as they were. */
export async function assertTcpEcho(
  cluster: Cluster,
  from: string,
  to: string,
  pool: string,
  bytes = BYTES,
): Promise<void> {
  const server = start({ netns: netnsOf(cluster, to), port: PORT, listens: true });
  try {
    assert.equal(await server.said, "listening");
    const address = cluster.address(to, pool);
    const client = start({ netns: netnsOf(cluster, from), port: PORT, to: address, bytes });
    assert.equal(await client.said, "the same came back");
    await client.end();
  } finally {
    await server.end();
  }
}

function netnsOf(cluster: Cluster, pod: string): string {
  return namespacePath(cluster.namespace(pod));
}

function start(role: TcpRole): { said: Promise<string>; end(): Promise<unknown> } {
  const worker = new Worker(new URL("./tcp-echo-worker.js", import.meta.url), { workerData: role });
  const said = new Promise<string>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { said, end: () => worker.terminate() };
}
