/**
 * How fast is the userspace data path, against the kernel's vxlan device and plain C loops?
 *
 * Every round takes the contenders in turn, each between two fresh namespaces, under each condition
 * of the link (see tunnel/link.ts). What is required are ratios of figures of one round; the median
 * of the rounds counts. All parties share the machine's cores, so figures say how cheap the whole way
 * is, not what a link would carry.
 */
import { compilePrograms } from "./lab/c-programs.ts";
import { sleep } from "./lab/command.ts";
import { Lab } from "./lab/lab.ts";
import { runBenchmark } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";
import { CONTENDERS, type Contender, standForAll } from "./tunnel/contenders.ts";
import { type Condition, openLink, PEERS } from "./tunnel/link.ts";
import {
  idleRoundTrip,
  loadedRoundTrip,
  mixedRate,
  packetRate,
  tcpThroughput,
} from "./tunnel/traffic.ts";

interface Effort {
  readonly rounds: number;
  /** Of TCP before anything is measured: a node's data path runs for months, so it is compiled by then. */
  readonly warmUp: number;
  readonly seconds: number;
  /** How many connections, one after the other, the throughput of one stream is the mean of. */
  readonly connections: number;
  readonly rates: readonly number[];
  readonly pings: number;
}

const FULL: Effort = {
  rounds: 3,
  warmUp: 2,
  seconds: 2,
  connections: 3,
  rates: [100_000, 200_000, 300_000],
  pings: 100,
};
const QUICK: Effort = {
  rounds: 1,
  warmUp: 2,
  seconds: 1,
  connections: 1,
  rates: [200_000],
  pings: 20,
};

/** Milliseconds between a load and what is measured without one. */
const SETTLING = 500;

/**
 * Bytes of a write, near iperf3's own 128 KiB but no multiple of a page. With those, source and
 * destination of its copies keep their distance modulo the page size for thousands of packets, and
 * where that is some bytes only, AMD's `rep movsb` copies at a tenth of its speed.
 */
const ODD_WRITE = 131_000;

type Figures = Map<string, number>;

/** Contenders of which more than the throughput of one stream is wanted. */
const PRINCIPAL: readonly string[] = ["kernel vxlan", "C loop, vxlan", "offload, vxlan"];

const TCP = "TCP, 1 stream";
const TCP_ODD = `TCP, 1 stream in writes of ${ODD_WRITE.toLocaleString("en-US")} B`;
const TCP_4 = "TCP, 4 streams";
const RATE = "64 B packets, 1 flow";
const MIXED = `mixed sizes to ${PEERS} remotes`;
const IDLE = "round-trip, idle";
const LOADED = "round-trip under TCP";
const MEMORY = "peak memory";

const UNITS: Readonly<Record<string, string>> = {
  [TCP]: "Mbit/s",
  [TCP_ODD]: "Mbit/s",
  [TCP_4]: "Mbit/s",
  [RATE]: "k/s",
  [MIXED]: "k/s",
  [IDLE]: "ms",
  [LOADED]: "ms",
  [MEMORY]: "MB",
};

async function measure(
  lab: Lab,
  contender: Contender,
  condition: Condition,
  { warmUp, seconds, connections, rates, pings }: Effort,
): Promise<Figures> {
  const link = await openLink(lab, condition);
  const running = await contender.start(lab, link);
  const figures: Figures = new Map();
  try {
    await idleRoundTrip(link, 5);
    await tcpThroughput(link, 1, warmUp);
    let sum = 0;
    for (let count = 0; count < connections; count++) sum += await tcpThroughput(link, 1, seconds);
    figures.set(TCP, sum / connections);
    if (condition === "E2" && PRINCIPAL.includes(contender.name)) {
      figures.set(TCP_ODD, await tcpThroughput(link, 1, seconds, ODD_WRITE));
      figures.set(TCP_4, await tcpThroughput(link, 4, seconds));
      figures.set(LOADED, await loadedRoundTrip(link, seconds));
      figures.set(RATE, await packetRate(link, rates, seconds));
      // The kernel's ways know no other remotes here.
      if (running.peakMemory() > 0) {
        await standForAll(link);
        figures.set(MIXED, await mixedRate(link, PEERS, seconds));
      }
      // Last, as on a node that has been up for a while: after nothing but bulk TCP, V8 throws its code
      // away at the first lone packet, and has not compiled it again for thousands of them.
      await sleep(SETTLING);
      figures.set(IDLE, await idleRoundTrip(link, pings));
    }
    const memory = running.peakMemory();
    if (memory > 0) figures.set(MEMORY, memory / 1e6);
  } finally {
    await running.stop();
    await link.close();
  }
  return figures;
}

/** Which contenders a condition is for. */
function takesPart(condition: Condition, { name }: Contender): boolean {
  if (condition === "E1") return !/^(batch|plain)/.test(name);
  return condition === "E2" || name === "offload, ipip";
}

/** Ratios of one round, each under the name of what it is required for. */
function addRatios(report: Report, round: ReadonlyMap<string, Figures>): void {
  for (const { name, figure, to, what } of RATIOS) {
    const measured = round.get(what)?.get(figure);
    const yardstick = round.get(to)?.get(figure);
    if (measured !== undefined && yardstick !== undefined) {
      report.add("ratios of one round", name, "x", measured / yardstick);
    }
  }
}

interface Ratio {
  readonly name: string;
  readonly figure: string;
  /** Condition and contender. */
  readonly what: string;
  readonly to: string;
  readonly bound: "at least" | "at most";
  /** Without, the ratio is told and nothing is required. */
  readonly limit: number | undefined;
}

const VXLAN = "E2: offload, vxlan";
const C_VXLAN = "E2: C loop, vxlan";
const IPIP = "E2: offload, ipip";
const C_IPIP = "E2: C loop, ipip";

const RATIOS: readonly Ratio[] = [
  ratio("VXLAN TCP to the C loop", TCP, VXLAN, C_VXLAN, "at least", 4.5),
  ratio("VXLAN TCP to kernel vxlan", TCP, VXLAN, "E2: kernel vxlan", "at least", 0.75),
  ratio("VXLAN TCP in odd writes to kernel vxlan", TCP_ODD, VXLAN, "E2: kernel vxlan", "at least"),
  ratio("VXLAN 64 B packets, one flow, to the C loop", RATE, VXLAN, C_VXLAN, "at least", 2),
  ratio("VXLAN mixed sizes to 100 remotes, to the C loop", MIXED, VXLAN, C_VXLAN, "at least", 1),
  ratio("IP-in-IP TCP to its C loop", TCP, IPIP, C_IPIP, "at least", 1.8),
  ratio(
    "plain engine, VXLAN TCP to the C loop",
    TCP,
    "E2: plain, vxlan",
    C_VXLAN,
    "at least",
    0.35,
  ),
  ratio("VXLAN round-trip under TCP to the C loop", LOADED, VXLAN, C_VXLAN, "at most", 0.5),
  ratio("VXLAN idle round-trip to the C loop", IDLE, VXLAN, C_VXLAN, "at most", 2),
  ratio(
    "IP-in-IP TCP with GRO hold-off to without",
    TCP,
    "E2 with GRO hold-off: offload, ipip",
    IPIP,
    "at least",
    0.5,
  ),
];

function ratio(
  name: string,
  figure: string,
  what: string,
  to: string,
  bound: "at least" | "at most",
  limit?: number,
): Ratio {
  return { name, figure, what, to, bound, limit };
}

function require(report: Report): void {
  for (const { name: says, bound, limit } of RATIOS) {
    if (limit === undefined) continue;
    const measured = report.summary("ratios of one round", says).median;
    report.require({ id: "2", says, measured, limit, unit: "x", bound });
  }
  const memory = Math.max(
    ...["vxlan", "ipip"].map((encap) => report.summary(`E2: ${MEMORY}`, `offload, ${encap}`).max),
  );
  const says = "peak memory of a process with one worker";
  report.require({ id: "2", says, measured: memory, limit: 100, unit: "MB" });
}

await runBenchmark(async ({ quick, pause }) => {
  const lab = new Lab();
  const report = new Report("userspace", quick);
  const effort = quick ? QUICK : FULL;
  await compilePrograms();
  for (let number = 0; number < effort.rounds; number++) {
    const round = new Map<string, Figures>();
    for (const condition of ["E1", "E2", "E2 with GRO hold-off"] as const) {
      for (const contender of CONTENDERS.filter((one) => takesPart(condition, one))) {
        progress(`round ${number + 1}, ${condition}, ${contender.name}`);
        await sleep(pause * 1000);
        const figures = await measure(lab, contender, condition, effort);
        round.set(`${condition}: ${contender.name}`, figures);
        for (const [figure, value] of figures) {
          report.add(`${condition}: ${figure}`, contender.name, UNITS[figure] ?? "", value);
        }
      }
    }
    addRatios(report, round);
  }
  require(report);
  report.finish();
});
