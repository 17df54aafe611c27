/** Breaks things while packets flow, and sees what the agent makes of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { duration, plural } from "../cli/text.ts";
import type { StatusReport } from "../observe/status.ts";
import type { DemoCheck } from "./demo-report.ts";
import type { EchoPath } from "./echo-socket.ts";
import { ip } from "./ip-command.ts";
import { PacketStream, type StreamResult, streamTotals } from "./packet-stream.ts";
import { allPairs, echoPath, type PodPair } from "./pairs.ts";
import { probePaths } from "./probe.ts";
import type { Site } from "./site.ts";
import type { TopologyPod, TopologyPool } from "./topology.ts";

const REPAIR_TIMEOUT_MS = 5_000;
/** Packets flow for so long before and after. */
const MARGIN_MS = 150;

/** A route to another node's block is deleted: how soon is it back? */
export async function checkDeletedRoute(site: Site): Promise<DemoCheck> {
  const [first, last] = [site.topology.nodes[0], site.topology.nodes.at(-1)];
  const block = last?.blocks[0];
  const [from, to] = [first?.pods[0], last?.pods[0]];
  if (!first || !block || !from || !to) throw new RangeError("a demo needs two nodes with pods");
  const agent = site.agent(first.name);
  const stream = await PacketStream.start([echoPathOf(site, from, to, block.pool)], {
    intervalMs: 1,
  });
  await sleep(MARGIN_MS);
  const { count } = (await agent.status()).repairs;
  await ip("-n", site.namespaces.of(first.name), "route", "delete", block.cidr);
  const end = Date.now() + REPAIR_TIMEOUT_MS;
  let repairs = (await agent.status()).repairs;
  while (repairs.count === count && Date.now() < end) {
    await sleep(5);
    repairs = (await agent.status()).repairs;
  }
  await sleep(MARGIN_MS);
  const results = await stream.stop();
  const repair = repairs.recent.find(({ what }) => what.includes(block.cidr));
  const what = `route ${block.cidr} of ${first.name} deleted by hand`;
  return {
    ok: repair !== undefined,
    text:
      repair === undefined
        ? `${what}: not repaired within ${duration(REPAIR_TIMEOUT_MS)}`
        : `${what}: back after ${duration(repair.milliseconds)}, ${lossText(results)}`,
    details: repair === undefined ? lossDetails(results) : [],
  };
}

/**
 * An agent is killed and started again: nobody may notice whose packets the kernel carries, and the
 * others only until the data path is back.
 */
export async function checkRestart(site: Site): Promise<DemoCheck> {
  const [node, ...others] = site.topology.nodes;
  if (node === undefined) throw new RangeError("a demo needs a node");
  const from = node.pods[0];
  const targets = others.flatMap(({ pods }) => pods.slice(0, 1));
  const pairs = allPairs(site.topology).filter(
    (pair) => pair.from === from && targets.includes(pair.to),
  );
  const paths = pairs.map((pair) => echoPath(pair, site.namespaces));
  const agent = site.agent(node.name);
  const stream = await PacketStream.start(paths, { intervalMs: 5 });
  await sleep(MARGIN_MS);
  await agent.end("SIGKILL");
  await sleep(MARGIN_MS);
  agent.start();
  const { timings, dataplane } = await agent.inSync();
  await sleep(MARGIN_MS);
  const results = await stream.stop();
  const { netlinkWrites } = timings;
  const isOurs = (_: unknown, at: number): boolean => isInUserspace(pairs[at], dataplane);
  const byKernel = results.filter((result, at) => !isOurs(result, at));
  const ours = results.filter(isOurs);
  const probes = await probePaths(paths.filter(isOurs), site.topology.podMtu);
  const isBack = probes.every(({ milliseconds }) => milliseconds !== undefined);
  const { lost } = streamTotals(byKernel);
  const parts = [
    plural(netlinkWrites, "kernel write"),
    ...(ours.length === 0 || lost > 0 ? [lossText(byKernel)] : []),
    ...(ours.length > 0 ? [awayText(ours, isBack)] : []),
  ];
  return {
    ok: netlinkWrites === 0 && lost === 0 && isBack,
    text: `agent of ${node.name} killed and started again: ${parts.join(", ")}`,
    details: lossDetails(results),
  };
}

function isInUserspace(pair: PodPair | undefined, { tunnels }: StatusReport["dataplane"]): boolean {
  const { wanted, pool } = pair ?? {};
  if (pool === undefined || (wanted !== "vxlan" && wanted !== "ipip")) return false;
  const name = wanted === "ipip" ? "IP-in-IP" : pool.family === 4 ? "VXLAN" : "IPv6 VXLAN";
  return tunnels.some(({ tunnel, carriedBy }) => tunnel === name && carriedBy === "userspace");
}

function awayText(results: readonly StreamResult[], isBack: boolean): string {
  const gaps = results.flatMap((result) => result.gaps.map(({ milliseconds }) => milliseconds));
  return isBack
    ? `its data path away for ${duration(Math.max(0, ...gaps))}`
    : "its data path does not come back";
}

function echoPathOf(site: Site, from: TopologyPod, to: TopologyPod, pool: TopologyPool): EchoPath {
  const address = (pod: TopologyPod): string => pod.addresses.get(pool.name) ?? "";
  return {
    namespace: site.namespaces.of(from.name),
    source: address(from),
    target: address(to),
  };
}

function lossText(results: readonly StreamResult[]): string {
  const { sent, lost } = streamTotals(results);
  return `${lost.toLocaleString("en-US")} of ${plural(sent, "packet")} lost`;
}

function lossDetails(results: readonly StreamResult[]): string[] {
  return results
    .filter(({ lost }) => lost > 0)
    .map(({ path, sent, lost, gaps }) => {
      const longest = Math.max(...gaps.map(({ milliseconds }) => milliseconds));
      return `${path.source} → ${path.target}: ${lost} of ${sent} lost, at most ${duration(longest)}`;
    });
}
