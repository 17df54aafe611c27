// An agent that does nothing for a while, as on a machine under heavy load: what happens meanwhile it meets at once.

import type { Cluster } from "../support/cluster.ts";

export async function whileHeld(
  cluster: Cluster,
  node: string,
  action: () => Promise<unknown>,
): Promise<void> {
  cluster.agent(node).signal("SIGSTOP");
  try {
    await action();
  } finally {
    cluster.agent(node).signal("SIGCONT");
  }
}
