/**
 * Does traffic notice that the table changes a thousand times a second?
 *
 * One TCP stream fills the way from node 1 to node 2, while node 1 has 100 remotes that get other
 * numbers with every change, and a block that moves from one to the next. Node 2 takes the packets for
 * all of them; one that comes for another node's address has strayed.
 */

import { compilePrograms } from "./lab/c-programs.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";
import { ours, standForAll } from "./tunnel/contenders.ts";
import type { Told } from "./tunnel/forwarder-process.ts";
import { inside, type Link, openLink } from "./tunnel/link.ts";
import { idleRoundTrip, tcpThroughput } from "./tunnel/traffic.ts";

const CHANGES = 1000;

async function measure(
  lab: Lab,
  report: Report,
  encap: "vxlan" | "ipip",
  seconds: number,
): Promise<void> {
  const link = await openLink(lab, "E2");
  const running = await ours(encap, "offload", CHANGES).start(lab, link);
  const told = (): Told => JSON.parse(running.processes[0]?.lastLine() ?? "") as Told;
  try {
    await standForAll(link);
    await idleRoundTrip(link, 5);
    await tcpThroughput(link, 1, 2);
    const strayedBefore = await strayed(link);
    const before = told();
    const start = performance.now();
    let broken = 0;
    const goodput = await tcpThroughput(link, 1, seconds).catch(() => {
      broken = 1;
      return 0;
    });
    const { changes, restarts } = told();
    const rate = ((changes - before.changes) * 1000) / (performance.now() - start);
    report.add(encap, "changes of the table", "per second", rate);
    report.add(encap, "TCP, 1 stream", "Mbit/s", goodput);
    report.add(encap, "broken connections", "", broken);
    report.add(encap, "packets at another node", "", (await strayed(link)) - strayedBefore);
    report.add(encap, "restarts of the worker", "", restarts);
  } finally {
    await running.stop();
    await link.close();
  }
}

/** Packets that node 2 got for addresses that are not its own. */
async function strayed({ nodes: [, two] }: Link): Promise<number> {
  const text = await inside(two, "cat", ["/proc/net/snmp"]);
  const [names = "", values = ""] = text.split("\n").filter((line) => line.startsWith("Ip:"));
  return Number(values.split(" ")[names.split(" ").indexOf("InAddrErrors")]);
}

await runBenchmark(async ({ quick }) => {
  const lab = new Lab();
  const report = new Report("table-changes", quick);
  const seconds = quick ? 5 : 30;
  await compilePrograms();
  for (const encap of ["vxlan", "ipip"] as const) {
    progress(`${encap}, ${seconds} s`);
    await measure(lab, report, encap, seconds);
  }
  progress("");
  for (const encap of ["vxlan", "ipip"]) {
    const measured = (what: string): number => report.summary(encap, what).median;
    const says = `changes of the table under TCP over ${encap}`;
    const changes = measured("changes of the table");
    report.require({
      id: "2",
      says,
      measured: changes,
      limit: CHANGES * 0.95,
      unit: "/s",
      bound: "at least",
    });
    const harm =
      measured("broken connections") +
      measured("packets at another node") +
      measured("restarts of the worker");
    report.require({
      id: "2",
      says: `${says}: lost connections, strayed packets, restarts`,
      measured: harm,
      limit: 0,
      unit: "",
    });
  }
  report.finish();
});
