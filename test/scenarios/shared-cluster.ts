// Scenarios that run one after the other on one cluster, because starting one costs more than most of them: the first
// that runs starts it, the last one removes it. Each leaves the cluster as it found it; after one that fails, the next
// gets a new cluster.

import { type Cluster, type ClusterOptions, startCluster } from "../support/cluster.ts";
import type { Scenario } from "../support/uml-scenario.ts";

export interface ClusterScenario {
  readonly name: string;
  run(cluster: Cluster): Promise<void>;
}

/** What the scenarios need beyond what a cluster comes with. */
export interface SharedOptions extends ClusterOptions {
  readonly setUp?: (cluster: Cluster) => Promise<void>;
}

export function onOneCluster(
  { setUp, ...options }: SharedOptions,
  scenarios: readonly ClusterScenario[],
): readonly Scenario[] {
  let cluster: Cluster | undefined;
  const remove = async (): Promise<void> => {
    const old = cluster;
    cluster = undefined;
    await old?.dispose();
  };
  return scenarios.map(({ name, run }, index) => ({
    name,
    run: async () => {
      try {
        if (cluster === undefined) {
          cluster = await startCluster(options);
          await setUp?.(cluster);
        }
        await run(cluster);
      } catch (error) {
        await remove();
        throw error;
      }
      if (index === scenarios.length - 1) await remove();
    },
  }));
}
