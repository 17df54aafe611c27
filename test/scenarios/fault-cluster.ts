// Where faults happen: alder is struck, birch is in its subnet, and cedar, that most faults are about, is not.

import { type Cluster, eventually } from "../support/cluster.ts";
import { dumpDifference, dumpKernel, type KernelDump } from "../support/kernel-dump.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type Encap, poolsOf } from "./encap.ts";
import { MORE_BLOCKS } from "./faults.ts";
import { addressBlock } from "./resources.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";

export function onFaultCluster(
  encap: Encap,
  scenarios: readonly ClusterScenario[],
): readonly Scenario[] {
  const nodes = [["alder", "birch"], ["cedar"]];
  const setUp = async (cluster: Cluster): Promise<void> => {
    cluster.write(...MORE_BLOCKS.map((cidr) => addressBlock(cidr, "cedar")));
    await assertExact(cluster);
  };
  return onOneCluster({ pools: poolsOf(encap), nodes, podsPerNode: 1, setUp }, scenarios);
}

/** Gives alder an agent that remembers no repairs. Returns what its kernel holds. */
export async function withFreshAgent(cluster: Cluster): Promise<KernelDump> {
  await cluster.agent("alder").end("SIGTERM");
  cluster.agent("alder").start();
  await cluster.agent("alder").inSync();
  return dumpKernel(cluster.namespace("alder"));
}

/** Waits until alder's kernel holds again what it held before. */
export async function assertBack(
  cluster: Cluster,
  before: KernelDump,
  when: string,
  timeoutMs = 10_000,
): Promise<void> {
  await eventually(async () => {
    const difference = dumpDifference(before, await dumpKernel(cluster.namespace("alder")));
    if (difference.length > 0) throw new Error(`${when}:\n${difference.join("\n")}`);
  }, timeoutMs);
}
