// What the kernel says of a node's routes while something changes: what is replaced in place is never deleted, not even
// for a moment that no packet would notice.

import { spawn } from "node:child_process";
import { type Cluster, eventually } from "../support/cluster.ts";

/** A route of nobody's, to see that the monitor listens, and that it has said all. */
const MARK = "203.0.113.1";

/** The lines of `ip monitor route` on a node while `action` ran, in the order of the changes. */
export async function routeChangesDuring(
  cluster: Cluster,
  node: string,
  action: () => unknown,
): Promise<string[]> {
  const monitor = spawn("ip", ["-n", cluster.namespace(node), "monitor", "route"]);
  let text = "";
  monitor.stdout.on("data", (part) => {
    text += part;
  });
  const isHeard = async (): Promise<boolean> => {
    await cluster.ip(node, "route", "replace", MARK, "dev", "lo");
    await cluster.ip(node, "route", "delete", MARK, "dev", "lo");
    return text.includes(MARK);
  };
  try {
    await eventually(isHeard);
    text = "";
    await action();
    const before = text.length;
    await eventually(async () => (await isHeard()) && text.slice(before).includes(MARK));
  } finally {
    monitor.kill();
  }
  return text.split("\n").filter((line) => line !== "" && !line.includes(MARK));
}
