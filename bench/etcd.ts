/**
 * etcd with 5,000 nodes and 100,000 blocks: how long does the first list take, and how fast does one
 * change reach the kernel while 50 others a second go on?
 *
 * The list is compared with `etcdctl get --prefix` of the same keys, output thrown away; the two take
 * turns. A change is a block that is added: the time from just before it is sent to etcd to the event
 * by which the kernel tells of its route. etcd runs in the namespace of the node, without fsync: its
 * disk is not what is asked about.
 */
import { fileURLToPath } from "node:url";
import { EtcdProcess } from "../src/demo/etcd-process.ts";
import { Cluster } from "./cluster/cluster.ts";
import type { FirstList } from "./etcd/first-list.ts";
import { put, seedEtcd } from "./etcd/keys.ts";
import { SteadyChanges } from "./etcd/steady-changes.ts";
import { BenchAgent } from "./lab/agent.ts";
import { compilePrograms } from "./lab/c-programs.ts";
import { run, sleep, until } from "./lab/command.ts";
import { EventWatch } from "./lab/event-watch.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark, type Size, sizeName } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";

const OTHERS_PER_SECOND = 50;
/** Milliseconds between two changes that are measured. */
const PAUSE = 150;
const LIST = "the first list";
const CHANGE = `one change, ${OTHERS_PER_SECOND} others a second`;

async function compareLists(namespace: string, url: string, report: Report): Promise<void> {
  const within = ["netns", "exec", namespace];
  const program = fileURLToPath(new URL("./etcd/first-list.js", import.meta.url));
  const endpoint = url.replace("etcd://", "");
  const etcdctl = `ETCDCTL_API=3 etcdctl --endpoints ${endpoint} get --prefix /calico >/dev/null`;
  const theirs = await run("ip", [...within, "sh", "-c", etcdctl]);
  report.add(LIST, "etcdctl get --prefix", "ms", theirs.milliseconds);
  const ours = await run("ip", [...within, process.execPath, program, url]);
  const { open, list, peakMemory, resources } = JSON.parse(ours.stdout) as FirstList;
  if (resources < 2) throw new Error(`the list has only ${resources} resources`);
  report.add(LIST, "causeway, list read and made resources of", "ms", list);
  report.add(LIST, "causeway, code for etcd loaded", "ms", open);
  report.add(LIST, "causeway, the whole process", "ms", ours.milliseconds);
  report.add(LIST, "causeway to etcdctl", "x", list / theirs.milliseconds);
  report.add(LIST, "causeway, peak memory of the process", "MB", peakMemory / 1e6);
}

/** Adds a block; milliseconds until the kernel has its route. */
async function measureChange(
  cluster: Cluster,
  etcd: EtcdProcess,
  watch: EventWatch,
  number: number,
): Promise<number> {
  const cidr = cluster.blockCidr(cluster.blockCount + number, 4);
  const destination = cidr.address.toString();
  const node = 1 + ((number * 37) % (cluster.options.nodes - 1));
  const record = {
    apiVersion: "projectcalico.org/v3",
    kind: "IPAMBlock",
    metadata: { name: cidr.toString().replace(/[./]/g, "-") },
    spec: { cidr: cidr.toString(), affinity: `host:${cluster.nameOf(node)}` },
  };
  watch.clear();
  const sentAt = (performance.timeOrigin + performance.now()) * 1_000;
  await put(etcd.client, record);
  let at: number | undefined;
  await until(`route ${cidr}`, 10, () => {
    const event = watch.events.find(
      (one) => one.kind === "route" && !one.deleted && one.destination === destination,
    );
    at = event?.at;
    return at !== undefined;
  });
  return ((at ?? Number.NaN) - sentAt) / 1_000;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

await runBenchmark(async ({ quick, sizes }) => {
  const size: Size = sizes[0] ?? { nodes: 5000, blocks: 20 };
  const lab = new Lab();
  const report = new Report("etcd", quick);
  await compilePrograms();
  const cluster = new Cluster({
    seed: 1,
    nodes: size.nodes,
    blocksPerNode: size.blocks,
    families: [4],
    pools: [{ encap: "vxlan", mode: "Always" }],
    localFraction: 0,
    largeBlocks: 0,
  });
  const namespace = await lab.newNodeNamespace(cluster);
  const directory = lab.newPath("etcd");
  const flags = ["--unsafe-no-fsync", "--quota-backend-bytes", String(4 << 30)];
  const address = "127.0.0.1";
  const etcd = await EtcdProcess.start({ namespace, directory, address, flags });
  lab.onExit(() => etcd.kill());
  progress("writing the cluster");
  await seedEtcd(etcd.client, cluster);
  for (let attempt = 0; attempt < (quick ? 1 : 5); attempt++) {
    progress(`lists, round ${attempt + 1}`);
    await compareLists(namespace, etcd.url, report);
  }
  const options = { namespace, node: cluster.nameOf(0), datastore: etcd.url };
  const agent = BenchAgent.start(lab, { ...options, runDir: lab.newPath("run") });
  const started = await agent.whenInSync();
  report.add("the agent", "start to in sync", "ms", started.spawnToInSync);
  const watch = await EventWatch.start(lab, namespace);
  const others = new SteadyChanges(cluster, etcd.client, OTHERS_PER_SECOND);
  const times: number[] = [];
  for (let number = 0; number < (quick ? 20 : 300); number++) {
    progress(`change ${number + 1}`);
    await sleep(PAUSE);
    const time = await measureChange(cluster, etcd, watch, number);
    times.push(time);
    report.add(CHANGE, "sent to etcd to the kernel's event", "ms", time);
  }
  const rate = others.stop();
  const median = percentile(times, 0.5);
  const p99 = percentile(times, 0.99);
  report.add(CHANGE, "99th percentile", "ms", p99);
  report.add(CHANGE, "others", "a second", rate);
  report.add("the agent", "peak memory", "MB", agent.peakMemory() / 1e6);
  await watch.stop();
  await agent.stop();
  await etcd.close();
  progress("");
  console.log(`etcd, ${sizeName(size)}`);
  const ratio = report.summary(LIST, "causeway to etcdctl").median;
  report.require({
    id: "etcd",
    says: "first list, to etcdctl get --prefix",
    measured: ratio,
    limit: 1.5,
    unit: "x",
  });
  const says = "one change reaches the kernel";
  report.require({ id: "etcd", says: `${says}, median`, measured: median, limit: 50, unit: "ms" });
  report.require({ id: "etcd", says: `${says}, p99`, measured: p99, limit: 250, unit: "ms" });
  report.finish();
});
