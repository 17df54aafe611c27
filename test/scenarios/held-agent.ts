// An agent that does nothing for a while, as on a machine under heavy load: what happens meanwhile it meets at once.

import type { Cluster } from "../support/cluster.ts";

export async function whileHeld(
  cluster: Cluster,
  node: string,
  action: () => Promise<unknown>,
): Promise<void> {
  const { pid } = cluster.agent(node);
  if (pid === undefined) throw new RangeError(`no agent runs on ${node}`);
  process.kill(pid, "SIGSTOP");
  try {
    await action();
  } finally {
    process.kill(pid, "SIGCONT");
  }
}
