/**
 * What does a restart with nothing to do cost, and a full read-back of the kernel?
 *
 * One namespace holds the overlay of 5,000 nodes x 20 blocks. The agent is stopped and started
 * again, by turns with SIGTERM and SIGKILL, and after each start our C program dumps the same
 * routes. Then one agent keeps running with a short read-back interval, and the C program dumps
 * between its read-backs.
 */
import { Cluster } from "./cluster/cluster.ts";
import { writeDatastore } from "./cluster/write-datastore.ts";
import { type AgentOptions, BenchAgent, nextReading } from "./lab/agent.ts";
import { compilePrograms, dumpRoutes } from "./lab/c-programs.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark, sizeName } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";

const RESTART = "restart with nothing to do";
const RUNNING = "full read-back while running";
/** Dumps per run of the C program; the first of a fresh process is slower, as the agent's is. */
const DUMPS = 5;

async function restarts(lab: Lab, report: Report, options: AgentOptions, repetitions: number) {
  for (let repetition = 0; repetition < repetitions; repetition++) {
    progress(`restart ${repetition + 1}`);
    const agent = BenchAgent.start(lab, options);
    const start = await agent.whenInSync();
    const readBack = start.timings.lastReadBack;
    report.add(RESTART, "start to in sync", "ms", start.spawnToInSync);
    report.add(RESTART, "reading", "ms", start.reading);
    report.add(RESTART, "calculation", "ms", start.calculation);
    report.add(RESTART, "netlink writes", "", start.timings.netlinkWrites);
    report.add(RESTART, "peak memory", "MB", agent.peakMemory() / 1e6);
    report.add(RESTART, "read-back and diff of routes", "ms", readBack?.milliseconds ?? Number.NaN);
    await agent.stop(repetition % 2 === 0 ? "SIGTERM" : "SIGKILL");
    const { milliseconds } = await dumpRoutes(options.namespace, 1);
    report.add(RESTART, "C dump, first of a process", "ms", milliseconds[0] ?? Number.NaN);
  }
}

async function readBacks(lab: Lab, report: Report, options: AgentOptions, repetitions: number) {
  const flags = ["--route-refresh-interval", "1s"];
  const agent = BenchAgent.start(lab, { ...options, flags });
  let last = (await agent.whenInSync()).timings.lastReadBack;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    progress(`read-back ${repetition + 1}`);
    last = await nextReading(agent, "read-back", last, (timings) => timings.lastReadBack);
    const { milliseconds } = await dumpRoutes(options.namespace, DUMPS);
    report.add(RUNNING, "read-back and diff of routes", "ms", last.milliseconds);
    for (const dump of milliseconds.slice(1)) report.add(RUNNING, "C dump", "ms", dump);
  }
  report.add(RUNNING, "netlink writes", "", (await agent.status()).timings.netlinkWrites);
  await agent.stop();
}

function require(report: Report): void {
  const median = (group: string, what: string): number => report.summary(group, what).median;
  const toSync = { measured: median(RESTART, "start to in sync"), limit: 2000, unit: "ms" };
  report.require({ id: "6c", says: "restart with nothing to do", ...toSync });
  const writes = { measured: report.summary(RESTART, "netlink writes").max, limit: 0, unit: "" };
  report.require({ id: "3", says: "netlink writes of a restart with nothing to do", ...writes });
  const limits = { limit: 1.5, unit: "x" };
  const running = median(RUNNING, "read-back and diff of routes") / median(RUNNING, "C dump");
  report.require({ id: "6c", says: "read-back later, to a C dump", measured: running, ...limits });
}

await runBenchmark(async ({ quick, sizes }) => {
  const size = sizes[0] ?? { nodes: 5000, blocks: 20 };
  const lab = new Lab();
  const report = new Report("restart", quick);
  await compilePrograms();
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
  const namespace = await lab.newNodeNamespace(cluster);
  const runDir = lab.newPath("run");
  const options = { namespace, node: cluster.nameOf(0), datastore, runDir };
  const first = BenchAgent.start(lab, options);
  await first.whenInSync();
  await first.stop();
  await restarts(lab, report, options, quick ? 2 : 5);
  await readBacks(lab, report, options, quick ? 2 : 5);
  progress("");
  console.log(`Restart and read-back, ${sizeName(size)}`);
  require(report);
  report.finish();
});
