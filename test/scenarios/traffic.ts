// What packets do while something changes: which way they go, and which of them are lost.

import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { PacketStream, type StreamResult } from "../../src/demo/packet-stream.ts";
import type { Cluster } from "../support/cluster.ts";

/** Slow enough for every packet to be sent on time in User Mode Linux. */
const INTERVAL_MS = 5;
/** Nothing that arrives at all arrives later than this, however busy the machine is. */
const PATIENCE_MS = 2_000;

/** Packets lost on each of the paths while `action` ran. */
export async function lossesDuring<Name extends string>(
  paths: Readonly<Record<Name, EchoPath>>,
  action: () => unknown,
): Promise<Record<Name, number>> {
  const options = { intervalMs: INTERVAL_MS, patienceMs: PATIENCE_MS };
  const stream = await PacketStream.start(Object.values(paths), options);
  let results: StreamResult[] = [];
  try {
    await action();
  } finally {
    results = await stream.stop();
  }
  const losses = Object.keys(paths).map((name, at) => [name, results[at]?.lost]);
  return Object.fromEntries(losses) as Record<Name, number>;
}

/** The device that a packet of the node's own leaves by, or undefined where there is no route. */
export async function deviceTo(
  cluster: Cluster,
  node: string,
  target: string,
): Promise<string | undefined> {
  const text = await cluster.ip(node, "route", "get", target).catch(() => "");
  return /\bdev (\S+)/.exec(text)?.[1];
}
