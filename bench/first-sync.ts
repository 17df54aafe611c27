/**
 * How long does a node take to go from nothing to its whole overlay?
 *
 * The agent reads a file datastore and writes the kernel; three others only write the kernel, from
 * files prepared for them: a C program that sends the same state the best way, one that sends it
 * the naive way, and `ip -batch` with the classic commands. All four take turns, each in a fresh
 * namespace, the first one changing with every repetition, and must leave the same routes behind.
 */
import { Cluster } from "./cluster/cluster.ts";
import { type KernelFeed, writeKernelFeed } from "./cluster/kernel-feed.ts";
import { writeDatastore } from "./cluster/write-datastore.ts";
import { BenchAgent } from "./lab/agent.ts";
import { compilePrograms, dumpRoutes, syncState } from "./lab/c-programs.ts";
import { run } from "./lab/command.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark, type Size, sizeName } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { routeMtuOfAgent } from "./lab/route-mtu.ts";
import { Report } from "./report/report.ts";

const SIZES: readonly Size[] = [
  { nodes: 100, blocks: 20 },
  { nodes: 1000, blocks: 20 },
  { nodes: 1000, blocks: 100 },
  { nodes: 5000, blocks: 20 },
];

interface Site {
  readonly lab: Lab;
  readonly report: Report;
  readonly group: string;
  readonly cluster: Cluster;
  readonly datastore: string;
  readonly feed: KernelFeed;
}

type Contender = (site: Site, namespace: string) => Promise<void>;

const agent: Contender = async ({ lab, report, group, cluster, datastore }, namespace) => {
  const runDir = lab.newPath("run");
  const options = { namespace, node: cluster.nameOf(0), datastore, runDir };
  const started = BenchAgent.start(lab, options);
  const start = await started.whenInSync();
  report.add(group, "agent: reading", "ms", start.reading);
  report.add(group, "agent: calculation", "ms", start.calculation);
  report.add(group, "agent: kernel phase", "ms", start.kernelPhase);
  report.add(group, "agent: start to in sync", "ms", start.spawnToInSync);
  report.add(group, "agent: peak memory", "MB", started.peakMemory() / 1e6);
  report.add(group, "agent: netlink writes", "", start.timings.netlinkWrites);
  await started.stop();
};

const cProgram =
  (way: "best" | "naive"): Contender =>
  async ({ report, group, feed }, namespace) => {
    const { errors, firstError, total } = await syncState(namespace, way, feed.stateFile);
    if (errors > 0) throw new Error(`sync-state ${way}: ${errors} errors, first: ${firstError}`);
    report.add(group, `C, ${way} way`, "ms", total);
  };

const ipBatch: Contender = async ({ report, group, feed }, namespace) => {
  await run("ip", ["-n", namespace, "-batch", feed.deviceBatch]);
  const ip = await run("ip", ["-n", namespace, "-batch", feed.ipBatch]);
  const bridge = await run("bridge", ["-n", namespace, "-batch", feed.bridgeBatch]);
  report.add(group, "ip -batch: neighbours, routes", "ms", ip.milliseconds);
  report.add(group, "bridge -batch: FDB", "ms", bridge.milliseconds);
};

const CONTENDERS = [agent, cProgram("best"), cProgram("naive"), ipBatch];

async function measure(lab: Lab, report: Report, size: Size, repetitions: number, mtu: number) {
  const cluster = new Cluster({
    seed: 1,
    nodes: size.nodes,
    blocksPerNode: size.blocks,
    families: [4],
    pools: [{ encap: "vxlan", mode: "Always" }],
    localFraction: 0.1,
    largeBlocks: 0,
  });
  const datastore = lab.newPath("datastore");
  writeDatastore(cluster, datastore, { layout: "json", detail: "minimal" });
  const feed = writeKernelFeed(cluster, lab.newPath("feed"), mtu);
  const site = { lab, report, group: sizeName(size), cluster, datastore, feed };
  const fingerprints = new Set<string>();
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (let turn = 0; turn < CONTENDERS.length; turn++) {
      progress(`${site.group}, repetition ${repetition + 1}, contender ${turn + 1}`);
      const namespace = await lab.newNodeNamespace(cluster);
      await CONTENDERS[(repetition + turn) % CONTENDERS.length]?.(site, namespace);
      const { owned, fingerprint } = await dumpRoutes(namespace, 1);
      fingerprints.add(`${owned} routes, fingerprint ${fingerprint}`);
      await lab.removeNamespace(namespace);
    }
  }
  if (fingerprints.size > 1) {
    throw new Error(`the contenders leave different routes: ${[...fingerprints].join("; ")}`);
  }
}

function require(report: Report, sizes: readonly Size[]): void {
  const median = (group: string, what: string): number => report.summary(group, what).median;
  for (const size of sizes) {
    const group = sizeName(size);
    if (size.nodes === 1000 && size.blocks === 100) {
      const kernelPhase = median(group, "agent: kernel phase");
      const best = kernelPhase / median(group, "C, best way");
      const naive = kernelPhase / median(group, "C, naive way");
      const says = `kernel phase, ${group}, against C`;
      report.require({
        id: "6a",
        says: `${says}, best way`,
        measured: best,
        limit: 1.3,
        unit: "x",
      });
      report.require({ id: "6a", says: `${says}, naive`, measured: naive, limit: 0.15, unit: "x" });
    }
    if (size.nodes === 5000) {
      const measured =
        median(group, "ip -batch: neighbours, routes") / median(group, "agent: start to in sync");
      const says = `start to in sync, ${group}: times faster than ip -batch`;
      report.require({ id: "6b", says, measured, limit: 3, unit: "x", bound: "at least" });
    }
    const measured = report.summary(group, "agent: peak memory").max;
    report.require({ id: "6f", says: `peak memory, ${group}`, measured, limit: 250, unit: "MB" });
  }
}

await runBenchmark(async ({ quick, sizes }) => {
  const lab = new Lab();
  const report = new Report("first-sync", quick);
  await compilePrograms();
  const chosen = sizes.length > 0 ? sizes : SIZES;
  const mtu = await routeMtuOfAgent(lab);
  for (const size of chosen) await measure(lab, report, size, quick ? 1 : 5, mtu);
  progress("");
  console.log(`First sync. MTU on routes: ${mtu === 0 ? "none" : mtu}`);
  require(report, chosen);
  report.finish();
});
