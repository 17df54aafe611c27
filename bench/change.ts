/**
 * How fast does one change among 100,000 blocks reach the kernel?
 *
 * An agent in sync with 5,000 nodes, pool mode CrossSubnet, so that both kinds of path are there:
 * behind the tunnel a node's address is its FDB row, in our subnet it is the gateway of its
 * nexthop. Two nodes have 2,000 blocks each. Times are the agent's own, from the last byte of the
 * changed file being read to the kernel's last ack; each change is looked up in the kernel.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { IpAddress } from "../encap/address/ip-address.ts";
import { ChangingDatastore } from "./cluster/change-datastore.ts";
import { Cluster } from "./cluster/cluster.ts";
import { TUNNEL_DEVICE } from "./cluster/kernel-feed.ts";
import { writeDatastore } from "./cluster/write-datastore.ts";
import { BenchAgent, nextReading } from "./lab/agent.ts";
import { compilePrograms } from "./lab/c-programs.ts";
import { run, sleep } from "./lab/command.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark, type Size, sizeName } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";

const LARGE_BLOCKS = 2000;

interface Change {
  readonly name: string;
  readonly limit: number;
  /** Makes the change; returns the command that shows it in the kernel, and what it must show. */
  readonly make: (attempt: number) => { readonly command: string[]; readonly shows: string };
}

/** Addresses that no node of the cluster has. */
function newAddress(cluster: Cluster, node: number, attempt: number): IpAddress {
  const base = cluster.isLocal(node) ? 0xac10_8000 : 0xac1f_0000;
  return new IpAddress(4, base + node * 4 + 10 + (attempt % 2));
}

function changesOf(cluster: Cluster, datastore: ChangingDatastore): Change[] {
  const { nodes, blocksPerNode } = cluster.options;
  const moves = (node: number, path: "tunnel" | "direct"): Change => ({
    name: `new node address, ${cluster.blocksOf(node).toLocaleString("en-US")} blocks, ${path}`,
    limit: 20,
    make: (attempt) => {
      const address = newAddress(cluster, node, attempt);
      datastore.moveNode(node, address);
      return path === "tunnel"
        ? {
            command: ["bridge", "fdb", "show", "dev", TUNNEL_DEVICE],
            shows: `${cluster.vtepMac(node, 4)} dst ${address} `,
          }
        : { command: ["ip", "nexthop", "show"], shows: ` via ${address} ` };
    },
  });
  const adds: Change = {
    name: `one block added, node with ${blocksPerNode}`,
    limit: 10,
    make: () => {
      const cidr = datastore.addBlock(nodes - 3);
      return { command: ["ip", "route", "show", cidr], shows: cidr };
    },
  };
  return [
    moves(nodes - 2, "tunnel"),
    moves(nodes - 1, "tunnel"),
    moves(2, "direct"),
    moves(1, "direct"),
    adds,
  ];
}

async function measureChange(
  agent: BenchAgent,
  report: Report,
  namespace: string,
  change: Change,
  attempt: number,
): Promise<void> {
  const before = (await agent.status()).timings.lastChange;
  const { command, shows } = change.make(attempt);
  await agent.atRest();
  const after = await nextReading(agent, change.name, before, (timings) => timings.lastChange);
  const [program = "ip", ...args] = command;
  const { stdout } = await run(program, ["-n", namespace, ...args]);
  if (!stdout.includes(shows))
    throw new Error(`${change.name}: the kernel lacks "${shows.trim()}"`);
  report.add(change.name, "read to calculated", "ms", after.readToCalculated);
  report.add(change.name, "read to kernel's ack", "ms", after.readToAck);
}

/** A record in the datastore makes the running agent read everything back soon. */
async function forceReadBack(agent: BenchAgent, report: Report, datastore: string): Promise<void> {
  const before = (await agent.status()).timings.lastReadBack;
  const record = {
    apiVersion: "projectcalico.org/v3",
    kind: "FelixConfiguration",
    metadata: { name: "default" },
    spec: { routeRefreshInterval: "1s" },
  };
  writeFileSync(join(datastore, "felix.json"), JSON.stringify(record));
  await sleep(2000);
  const after = await nextReading(agent, "read-back", before, (timings) => timings.lastReadBack);
  report.add("the whole run", "read-back and diff of routes", "ms", after.milliseconds);
}

await runBenchmark(async ({ quick, sizes }) => {
  const size: Size = sizes[0] ?? { nodes: 5000, blocks: 20 };
  const lab = new Lab();
  const report = new Report("change", quick);
  await compilePrograms();
  const cluster = new Cluster({
    seed: 1,
    nodes: size.nodes,
    blocksPerNode: size.blocks,
    families: [4],
    pools: [{ encap: "vxlan", mode: "CrossSubnet" }],
    localFraction: 10 / size.nodes,
    largeBlocks: LARGE_BLOCKS,
  });
  const datastore = lab.newPath("datastore");
  writeDatastore(cluster, datastore, { layout: "json", detail: "minimal" });
  const namespace = await lab.newNodeNamespace(cluster);
  const options = { namespace, node: cluster.nameOf(0), datastore, runDir: lab.newPath("run") };
  const agent = BenchAgent.start(lab, { ...options, measureLoop: true });
  await agent.whenInSync();
  const changes = changesOf(
    cluster,
    new ChangingDatastore(cluster, datastore, (n) => lab.newPath(n)),
  );
  for (let attempt = 0; attempt < (quick ? 3 : 11); attempt++) {
    for (const change of changes) {
      progress(`${change.name}, try ${attempt + 1}`);
      await measureChange(agent, report, namespace, change, attempt);
    }
  }
  await forceReadBack(agent, report, datastore);
  const { maxLoopStall } = (await agent.status()).timings;
  const stall = maxLoopStall ?? Number.NaN;
  report.add("the whole run", "longest stall of the main loop", "ms", stall);
  report.add("the whole run", "peak memory", "MB", agent.peakMemory() / 1e6);
  await agent.stop();
  progress("");
  console.log(`One change, ${sizeName(size)}, two nodes with ${LARGE_BLOCKS} blocks`);
  for (const { name, limit } of changes) {
    const measured = report.summary(name, "read to kernel's ack").median;
    report.require({ id: "6d", says: name, measured, limit, unit: "ms" });
  }
  const says = "longest stall of the main loop, changes and read-back";
  report.require({ id: "6e", says, measured: stall, limit: 20, unit: "ms" });
  report.finish();
});
