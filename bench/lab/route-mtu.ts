/**
 * Asks a real agent, in a cluster of three nodes, whether it puts an MTU on its routes. The other
 * contenders then do as it does: the metric alone makes writing and dumping routes dearer by half.
 */
import { Cluster } from "../cluster/cluster.ts";
import { writeDatastore } from "../cluster/write-datastore.ts";
import { BenchAgent } from "./agent.ts";
import { run } from "./command.ts";
import type { Lab } from "./lab.ts";

/** The MTU of the agent's tunnel routes, 0 for none. */
export async function routeMtuOfAgent(lab: Lab): Promise<number> {
  const cluster = new Cluster({
    seed: 1,
    nodes: 3,
    blocksPerNode: 1,
    families: [4],
    pools: [{ encap: "vxlan", mode: "Always" }],
    localFraction: 0,
    largeBlocks: 0,
  });
  const datastore = lab.newPath("datastore");
  writeDatastore(cluster, datastore, { layout: "json", detail: "minimal" });
  const namespace = await lab.newNodeNamespace(cluster);
  const options = { namespace, node: cluster.nameOf(0), datastore, runDir: lab.newPath("run") };
  const agent = BenchAgent.start(lab, options);
  await agent.whenInSync();
  const remote = cluster.blockCidr(cluster.firstBlockOf(1), 4).toString();
  const { stdout } = await run("ip", ["-n", namespace, "route", "show", remote]);
  await agent.stop();
  await lab.removeNamespace(namespace);
  return Number(/ mtu (\d+)/.exec(stdout)?.[1] ?? 0);
}
