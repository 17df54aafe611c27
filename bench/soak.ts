/**
 * Does the data path grow? For an hour, or as long as `--minutes` says, two nodes carry TCP, packets of
 * mixed sizes to 100 remotes and pings in turn, while the table of node 1 changes ten times a second.
 * Resident memory and open descriptors of both are noted every minute.
 *
 * What grows steadily shows in the second half: by then code is compiled and heaps have their size.
 */
import { readdirSync, readFileSync } from "node:fs";
import { compilePrograms } from "./lab/c-programs.ts";
import { sleep } from "./lab/command.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";
import { summarise } from "./report/statistics.ts";
import { ours, type Running, standForAll } from "./tunnel/contenders.ts";
import { type Link, openLink, PEERS } from "./tunnel/link.ts";
import { idleRoundTrip, mixedRate, tcpThroughput } from "./tunnel/traffic.ts";

const CHANGES = 10;
/** Samples of a run that is shorter than as many minutes. */
const SAMPLES_MIN = 10;
const GROWTH_MAX = 5;

interface Sample {
  readonly seconds: number;
  /** Of node 1 and node 2, in MB. */
  readonly memory: readonly number[];
  readonly descriptors: readonly number[];
}

function takeSample({ processes }: Running, start: number): Sample {
  return {
    seconds: Math.round((performance.now() - start) / 1000),
    memory: processes.map(({ pid }) => residentMemory(pid)),
    descriptors: processes.map(({ pid }) => readdirSync(`/proc/${pid}/fd`).length),
  };
}

function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6;
}

async function load(link: Link, end: number): Promise<void> {
  while (performance.now() < end) {
    const left = (): number => Math.max(1, Math.round((end - performance.now()) / 1000));
    await tcpThroughput(link, 4, Math.min(20, left()));
    await mixedRate(link, PEERS, Math.min(5, left()));
    await idleRoundTrip(link, 100);
  }
}

/** How much more the last quarter of the run has than the quarter before. */
function growth(values: readonly number[]): number {
  const quarter = Math.max(1, Math.floor(values.length / 4));
  const third = summarise(values.slice(-2 * quarter, -quarter)).median;
  return summarise(values.slice(-quarter)).median - third;
}

await runBenchmark(async ({ quick, minutes }) => {
  const lab = new Lab();
  const report = new Report("soak", quick);
  const seconds = quick ? 20 : minutes * 60;
  const interval = Math.min(60, seconds / SAMPLES_MIN) * 1000;
  await compilePrograms();
  const link = await openLink(lab, "E2");
  const running = await ours("vxlan", "offload", CHANGES).start(lab, link);
  const samples: Sample[] = [];
  try {
    await standForAll(link);
    const start = performance.now();
    const end = start + seconds * 1000;
    const loading = load(link, end);
    while (performance.now() < end) {
      await Promise.race([sleep(interval), loading]);
      samples.push(takeSample(running, start));
      const { seconds: at, memory } = samples.at(-1) as Sample;
      progress(`${at} of ${seconds} s, ${memory.map((one) => one.toFixed(0)).join(" and ")} MB`);
    }
    await loading;
  } finally {
    await running.stop();
    await link.close();
  }
  progress("");
  for (const { memory, descriptors } of samples) {
    for (const [at, name] of ["node 1", "node 2"].entries()) {
      report.add("resident memory", name, "MB", memory[at] as number);
      report.add("open descriptors", name, "", descriptors[at] as number);
    }
  }
  report.keep("samples", samples);
  for (const [at, name] of ["node 1", "node 2"].entries()) {
    const memory = growth(samples.map((sample) => sample.memory[at] as number));
    const says = `${name}: memory of the last quarter over the quarter before`;
    report.require({ id: "2", says, measured: memory, limit: GROWTH_MAX, unit: "MB" });
    const descriptors = growth(samples.map((sample) => sample.descriptors[at] as number));
    report.require({
      id: "2",
      says: `${name}: open descriptors, the same`,
      measured: descriptors,
      limit: 0,
      unit: "",
    });
  }
  report.finish();
});
