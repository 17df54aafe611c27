/** Breaks things while packets flow, and sees what the agent makes of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { duration, plural } from "../cli/text.ts";
import type { DemoCheck } from "./demo-report.ts";
import type { EchoPath } from "./echo-socket.ts";
import { ip } from "./ip-command.ts";
import { PacketStream, type StreamResult, streamTotals } from "./packet-stream.ts";
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

/** An agent is killed and started again: nobody may notice. */
export async function checkRestart(site: Site): Promise<DemoCheck> {
  const [node, ...others] = site.topology.nodes;
  if (node === undefined) throw new RangeError("a demo needs a node");
  const from = node.pods[0];
  const targets = others.flatMap(({ pods }) => pods.slice(0, 1));
  const paths = site.topology.pools.flatMap((pool) =>
    from === undefined ? [] : targets.map((to) => echoPathOf(site, from, to, pool)),
  );
  const agent = site.agent(node.name);
  const stream = await PacketStream.start(paths, { intervalMs: 5 });
  await sleep(MARGIN_MS);
  await agent.end("SIGKILL");
  await sleep(MARGIN_MS);
  agent.start();
  const { timings } = await agent.inSync();
  await sleep(MARGIN_MS);
  const results = await stream.stop();
  const { netlinkWrites } = timings;
  return {
    ok: netlinkWrites === 0 && streamTotals(results).lost === 0,
    text:
      `agent of ${node.name} killed and started again: ${plural(netlinkWrites, "kernel write")}, ` +
      lossText(results),
    details: lossDetails(results),
  };
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
