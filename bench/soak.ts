/**
 * Does the data path grow? For an hour, or as long as `--minutes` says, two nodes carry TCP, packets of
 * mixed sizes to 100 remotes and pings in turn, while the table of node 1 changes ten times a second.
 * Resident memory and open descriptors of both are noted every minute; at the end of each quarter they
 * collect garbage and tell what is in use then. V8 makes its young generation larger by steps of 8 and
 * 17 MB, also after most of an hour, so that resident memory alone tells little of what is kept.
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
import { type NodeProcess, ours, type Running, standForAll } from "./tunnel/contenders.ts";
import type { Told } from "./tunnel/forwarder-process.ts";
import { type Link, openLink, PEERS } from "./tunnel/link.ts";
import { idleRoundTrip, mixedRate, tcpThroughput } from "./tunnel/traffic.ts";

const CHANGES = 10;
/** Samples of a run that is shorter than as many minutes. */
const SAMPLES_MIN = 10;
/** MB: of what is in use, in a quarter of the run; and the most that is resident at any time. */
const GROWTH_MAX = 5;
const RESIDENT_MAX = 128;
const QUARTERS = 4;
/** Milliseconds for a process to collect its garbage. */
const COLLECTING = 10_000;

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

/** What each process has in use, in MB, after it has collected garbage for the `times`th time. */
async function memoryInUse({ processes }: Running, times: number): Promise<number[]> {
  for (const { pid } of processes) process.kill(pid, "SIGUSR2");
  const end = performance.now() + COLLECTING;
  for (;;) {
    const told = processes.map((one) => toldBy(one));
    if (told.every((one) => one?.collections === times)) {
      return told.map((one) => (one as Told).inUse / 1e6);
    }
    if (performance.now() > end) throw new Error("a process does not answer SIGUSR2");
    await sleep(50);
  }
}

function toldBy(process: NodeProcess): Told | undefined {
  const line = process.lastLine();
  return line.startsWith("{") ? (JSON.parse(line) as Told) : undefined;
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
  /** At the end of each quarter, of each node. */
  const inUse: number[][] = [];
  try {
    await standForAll(link);
    const start = performance.now();
    const end = start + seconds * 1000;
    const loading = load(link, end);
    while (performance.now() < end) {
      await Promise.race([sleep(interval), loading]);
      samples.push(takeSample(running, start));
      if (performance.now() - start >= ((inUse.length + 1) * seconds * 1000) / QUARTERS) {
        inUse.push(await memoryInUse(running, inUse.length + 1));
      }
      const { seconds: at, memory } = samples.at(-1) as Sample;
      progress(`${at} of ${seconds} s, ${memory.map((one) => one.toFixed(0)).join(" and ")} MB`);
    }
    await loading;
    if (inUse.length < QUARTERS) inUse.push(await memoryInUse(running, inUse.length + 1));
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
  for (const memory of inUse) {
    for (const [at, name] of ["node 1", "node 2"].entries()) {
      report.add("memory in use", name, "MB", memory[at] as number);
    }
  }
  report.keep("samples", samples);
  report.keep("inUse", inUse);
  for (const [at, name] of ["node 1", "node 2"].entries()) {
    const [before, last] = inUse.slice(-2).map((memory) => memory[at] as number);
    report.require({
      id: "2",
      says: `${name}: memory in use, the last quarter over the one before`,
      measured: (last as number) - (before as number),
      limit: GROWTH_MAX,
      unit: "MB",
    });
    report.require({
      id: "2",
      says: `${name}: resident memory, the most`,
      measured: Math.max(...samples.map(({ memory }) => memory[at] as number)),
      limit: RESIDENT_MAX,
      unit: "MB",
    });
    const descriptors = growth(samples.map((sample) => sample.descriptors[at] as number));
    report.require({
      id: "2",
      says: `${name}: open descriptors, the last quarter over the one before`,
      measured: descriptors,
      limit: 0,
      unit: "",
    });
  }
  report.finish();
});
