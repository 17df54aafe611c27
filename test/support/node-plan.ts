// Whether the kernel of a node holds exactly what is calculated for it: an agent started afresh in its namespace would
// have nothing to do.

import assert from "node:assert/strict";
import { makePlan } from "../../src/cli/make-plan.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { namespacePath } from "../../src/demo/network-namespace.ts";
import { describeOp } from "../../tunnels/kernel/describe-op.ts";
import { type Cluster, eventually } from "./cluster.ts";

/** The commands that `causeway plan` would print for a node. */
export async function planOf(cluster: Cluster, node: string): Promise<string[]> {
  const flags = { node, ...cluster.planFlags };
  const { config } = loadConfig({ flags, env: {}, configFile: undefined }, []);
  const { ops } = await makePlan(config, { netns: namespacePath(cluster.namespace(node)) });
  return ops.flatMap(describeOp);
}

/** Waits until every node that has an agent is as calculated, whatever the calculation lacks. */
export async function assertCalculated(cluster: Cluster, timeoutMs = 20_000): Promise<void> {
  for (const { name } of cluster.topology.nodes) {
    if (!cluster.agent(name).isRunning) continue;
    await eventually(async () => assert.deepEqual(await planOf(cluster, name), []), timeoutMs);
  }
}

/** Waits until every node that has an agent is as calculated, and its agent finds nothing wrong. */
export async function assertExact(cluster: Cluster, timeoutMs = 20_000): Promise<void> {
  await assertCalculated(cluster, timeoutMs);
  for (const { name } of cluster.topology.nodes) {
    if (cluster.agent(name).isRunning) await cluster.agent(name).inSync();
  }
}
