/**
 * How long does damage last that somebody else does to the overlay?
 *
 * Each of ten disturbances is done behind the agent's back. A C program in the same namespace
 * stamps the kernel's events; the time runs from the event that tells of the damage to the last
 * event of its repair. Afterwards the overlay must look exactly as before.
 */
import { Cluster } from "./cluster/cluster.ts";
import { writeDatastore } from "./cluster/write-datastore.ts";
import { type AgentOptions, BenchAgent } from "./lab/agent.ts";
import { compilePrograms } from "./lab/c-programs.ts";
import { sleep, until } from "./lab/command.ts";
import { type Disturbance, disturbances, overlayState } from "./lab/disturbance.ts";
import { EventWatch } from "./lab/event-watch.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark, type Size, sizeName } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";

/** The agent damps repairs of one object from the fifth in ten seconds on: a new agent before that. */
const TRIES_PER_AGENT = 4;
const QUIET = 250;
const LIMIT = 50;

interface Trial {
  readonly watch: EventWatch;
  readonly namespace: string;
  readonly wanted: string;
}

/** Milliseconds from damage to repair. @throws Error if there is none, or it is not complete. */
async function measure(trial: Trial, disturbance: Disturbance): Promise<number> {
  const { watch, namespace, wanted } = trial;
  const { name, isStart, isRepair } = disturbance;
  watch.clear();
  await disturbance.disturb();
  let start = -1;
  let repair = -1;
  await until(`${name}: repair`, 10, async () => {
    const seen = watch.events.length;
    await sleep(QUIET);
    start = watch.events.findIndex(isStart);
    repair = watch.events.findLastIndex((event, at) => at > start && isRepair(event));
    return start >= 0 && repair > start && watch.events.length === seen;
  });
  let now = "";
  const isWhole = async (): Promise<boolean> => {
    now = await overlayState(namespace);
    return now === wanted;
  };
  await until("as before", 5, isWhole).catch(() => {
    throw new Error(`${name}: the overlay is not as before:\n${lineDifference(wanted, now)}`);
  });
  const [first, last] = [watch.events[start], watch.events[repair]];
  return ((last?.at ?? Number.NaN) - (first?.at ?? 0)) / 1000;
}

/** The lines that only one of the two has, at most ten of each. */
function lineDifference(before: string, after: string): string {
  const [old, now] = [new Set(before.split("\n")), new Set(after.split("\n"))];
  const gone = [...old].filter((line) => !now.has(line)).slice(0, 10);
  const extra = [...now].filter((line) => !old.has(line)).slice(0, 10);
  return [...gone.map((line) => `- ${line}`), ...extra.map((line) => `+ ${line}`)].join("\n");
}

async function measureCluster(lab: Lab, report: Report, size: Size, tries: number): Promise<void> {
  const cluster = new Cluster({
    seed: 1,
    nodes: size.nodes,
    blocksPerNode: size.blocks,
    families: [4],
    pools: [{ encap: "vxlan", mode: "Always" }],
    localFraction: 0.5,
    largeBlocks: 0,
  });
  const datastore = lab.newPath("datastore");
  writeDatastore(cluster, datastore, { layout: "json", detail: "minimal" });
  const namespace = await lab.newNodeNamespace(cluster);
  const runDir = lab.newPath("run");
  const options: AgentOptions = { namespace, node: cluster.nameOf(0), datastore, runDir };
  let agent = BenchAgent.start(lab, options);
  await agent.whenInSync();
  const watch = await EventWatch.start(lab, namespace);
  const trial = { watch, namespace, wanted: await overlayState(namespace) };
  let done = 0;
  for (let attempt = 0; attempt < tries; attempt++) {
    const victim = 1 + (attempt % (size.nodes - 1));
    for (const disturbance of disturbances(cluster, namespace, victim)) {
      progress(`${sizeName(size)}: ${disturbance.name}, try ${attempt + 1}`);
      if (done++ % TRIES_PER_AGENT === 0 && done > 1) {
        await agent.stop();
        agent = BenchAgent.start(lab, options);
        await agent.whenInSync();
      }
      report.add(sizeName(size), disturbance.name, "ms", await measure(trial, disturbance));
    }
  }
  await agent.stop();
  await watch.stop();
  await lab.removeNamespace(namespace);
}

await runBenchmark(async ({ quick, sizes }) => {
  const lab = new Lab();
  const report = new Report("repair", quick);
  await compilePrograms();
  const small = sizes[0] ?? { nodes: 4, blocks: 20 };
  await measureCluster(lab, report, small, quick ? 2 : 11);
  if (sizes.length === 0) {
    await measureCluster(lab, report, { nodes: 1000, blocks: 20 }, quick ? 1 : 3);
  }
  progress("");
  console.log("Repair, from the kernel's event of the damage to its last event of the repair");
  for (const name of report.rowsOf(sizeName(small))) {
    const measured = report.summary(sizeName(small), name).median;
    report.require({ id: "4", says: name, measured, limit: LIMIT, unit: "ms" });
  }
  report.finish();
});
