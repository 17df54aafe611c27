/**
 * What does each step of the packet path cost, and does it allocate?
 *
 * Packets lie in an arena of 8 MB, as they do in a worker, and each step runs over a million of
 * them. Nanoseconds are of processor time, per packet, or per segment where that is said, and
 * include the loop. A byte of heap for each packet would show as a megabyte, in every repetition:
 * the median leaves out the ones in which V8 went back to slower code for a while.
 */
import { buildRemoteTable } from "../encap/build-remote-table.ts";
import { ADDRESS_PLAN, PREFIXES, tablePrefixes } from "./codec/arena.ts";
import { type CodecStep, codecSteps } from "./codec/steps.ts";
import { runBenchmark } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";

const PACKETS = 1_000_000;
const GROWTH = "heap growth";

function measure(step: CodecStep, report: Report): void {
  const before = process.memoryUsage().heapUsed;
  const start = process.cpuUsage();
  const units = step.run(PACKETS);
  const { user, system } = process.cpuUsage(start);
  const bytes = process.memoryUsage().heapUsed - before;
  report.add(step.group, step.what, `ns per ${step.unit}`, ((user + system) * 1000) / units);
  report.add(GROWTH, step.what, "bytes per packet", Math.max(0, bytes) / PACKETS);
}

await runBenchmark(async ({ quick }) => {
  const report = new Report("codec", quick);
  const steps = codecSteps();
  // Everything is compiled with the types that it meets before the first step is measured.
  for (const step of steps) step.run(PACKETS);
  for (let repetition = 0; repetition < (quick ? 5 : 11); repetition++) {
    for (const step of steps) {
      progress(`${step.what} ${repetition + 1}`);
      measure(step, report);
    }
    for (const family of [4, 6] as const) {
      const prefixes = tablePrefixes(family);
      const start = performance.now();
      buildRemoteTable(prefixes);
      const what = `build a table of ${PREFIXES.toLocaleString("en-US")} prefixes, IPv${family}`;
      report.add("table", what, "ms", performance.now() - start);
    }
  }
  progress("");
  console.log(`Codec, ${PACKETS.toLocaleString("en-US")} packets a step, ${ADDRESS_PLAN}`);
  const growth = report.rowsOf(GROWTH).map((what) => report.summary(GROWTH, what).median);
  report.require({
    id: "codec",
    says: "heap growth of any step",
    measured: Math.max(...growth),
    limit: 0.1,
    unit: "bytes per packet",
  });
  report.finish();
});
