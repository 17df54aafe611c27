/**
 * What does an API server see when it restarts under 5,000 agents?
 *
 * The agents are the product's own datastores, in a few processes, all on one test server. It is
 * away for ten seconds, once with its history and once without, so that everything has to be listed
 * again. The server counts connections and requests; the agents say when they were in sync again.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { Child } from "./kubernetes/child.ts";
import type {
  Counted,
  Followed,
  FromAgents,
  FromServer,
  ToAgents,
  ToServer,
} from "./kubernetes/messages.ts";
import { ROOT } from "./lab/c-programs.ts";
import { sleep } from "./lab/command.ts";
import { runBenchmark } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { drawCharts, type Line } from "./report/line-chart.ts";
import { Report } from "./report/report.ts";

/** Milliseconds that the server is away. */
const AWAY = 10_000;
/** Of agents: so many event loops that none is held up by the agents of others. */
const PROCESSES = 8;
/** Records of nodes that the server holds. */
const NODES = 20;

type Server = Child<ToServer, FromServer>;
type Agents = Child<ToAgents, FromAgents>;

interface Restart {
  readonly name: string;
  readonly colour: string;
  /** Since the server went away, in seconds; one for each second. */
  readonly requests: Line["points"];
  readonly connections: Line["points"];
  readonly out: Line["points"];
}

async function everyAgent(processes: readonly Agents[]): Promise<Followed[]> {
  const reports = processes.map((one) => one.next("followed"));
  for (const one of processes) one.send({ what: "report" });
  return (await Promise.all(reports)).flatMap(({ agents }) => agents);
}

/** @throws Error if that takes longer than `seconds` */
async function allInSync(processes: readonly Agents[], count: number, seconds: number) {
  const end = performance.now() + seconds * 1_000;
  for (;;) {
    const counts = processes.map((one) => one.next("count"));
    for (const one of processes) one.send({ what: "count" });
    const inSync = (await Promise.all(counts)).reduce((sum, one) => sum + one.inSync, 0);
    progress(`${inSync} of ${count} agents in sync`);
    if (inSync === count) return await everyAgent(processes);
    if (performance.now() > end) throw new Error(`only ${inSync} of ${count} agents are in sync`);
    await sleep(1_000);
  }
}

async function counted(server: Server): Promise<{ slots: readonly Counted[]; stall: number }> {
  const answer = server.next("counted");
  server.send({ what: "report" });
  const { slots, longestStall } = await answer;
  return { slots, stall: longestStall };
}

async function measureRestart(
  server: Server,
  processes: readonly Agents[],
  report: Report,
  { count, forgets }: { count: number; forgets: boolean },
): Promise<Restart> {
  const name = forgets ? "history lost" : "history kept";
  const group = `restart, ${name}`;
  await counted(server);
  const begun = Date.now();
  server.send({ what: "restart", away: AWAY, forgets });
  await server.next("back");
  // Whoever was not told yet that the connection is gone is still in sync.
  const agents = await allInSync(processes, count, 600);
  await sleep(6_000);
  const { slots, stall } = await counted(server);
  const last = Math.ceil((Date.now() - begun) / 1_000);
  const perSecond = (what: (slot: Counted) => number): [number, number][] =>
    Array.from({ length: last }, (_, second) => {
      const own = slots.filter(({ at }) => Math.floor((at - begun) / 1_000) === second);
      return [second, own.reduce((sum, slot) => sum + what(slot), 0)];
    });
  const requests = perSecond(({ lists, watches }) => lists + watches);
  const connections = perSecond((slot) => slot.connections);
  const sum = (what: (slot: Counted) => number): number =>
    slots.reduce((total, slot) => total + what(slot), 0);
  report.add(group, "requests in the busiest second", "", Math.max(...requests.map(([, y]) => y)));
  report.add(
    group,
    "connections in the busiest second",
    "",
    Math.max(...connections.map(([, y]) => y)),
  );
  report.add(
    group,
    "lists in all",
    "",
    sum(({ lists }) => lists),
  );
  report.add(
    group,
    "watches in all",
    "",
    sum(({ watches }) => watches),
  );
  report.add(group, "longest stall of the server's loop", "ms", stall);
  const back = agents.map(({ backAt }) => (backAt - begun) / 1_000);
  for (const one of back) report.add(group, "an agent is in sync again after", "s", one);
  if (agents.some(({ nodes }) => nodes !== NODES)) throw new Error("an agent lost or gained nodes");
  const out = Array.from({ length: last }, (_, second): [number, number] => [
    second,
    agents.filter(
      ({ lostAt, backAt }) => lostAt - begun <= second * 1_000 && backAt - begun > second * 1_000,
    ).length,
  ]);
  return { name, colour: forgets ? "#c50" : "#06c", requests, connections, out };
}

function draw(restarts: readonly Restart[], count: number, limit: number, directory: string): void {
  const span = { from: 0, to: AWAY / 1_000, says: "server away" };
  const xLabel = "seconds since the server went away";
  const lines = (what: "requests" | "connections" | "out"): Line[] =>
    restarts.map((one) => ({ name: one.name, colour: one.colour, points: one[what] }));
  const agents = `${count.toLocaleString("en-US")} agents`;
  const svg = drawCharts([
    {
      title: `Requests per second at one API server, ${agents}`,
      xLabel,
      yLabel: "requests per second",
      lines: lines("requests"),
      span,
      limit: { y: limit, says: `limit ${limit.toLocaleString("en-US")}` },
    },
    {
      title: "Connections per second",
      xLabel,
      yLabel: "connections per second",
      lines: lines("connections"),
      span,
    },
    { title: "Agents out of sync", xLabel, yLabel: "agents", lines: lines("out"), span },
  ]);
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/kubernetes-restart.svg`, svg);
  console.log(`picture: ${directory}/kubernetes-restart.svg`);
}

await runBenchmark(async ({ quick, sizes }) => {
  const count = sizes[0]?.nodes ?? (quick ? 400 : 5_000);
  const report = new Report("kubernetes-restart", quick);
  const server: Server = new Child("server-process.js");
  const processes: Agents[] = [];
  try {
    const { url, ca } = await server.next("listening");
    for (let at = 0; at < PROCESSES; at++) {
      const one: Agents = new Child("agents-process.js");
      processes.push(one);
      const agents = count / PROCESSES;
      one.send({ what: "start", agents, url, ca });
    }
    await allInSync(processes, count, 600);
    const restarts: Restart[] = [];
    for (const forgets of [false, true]) {
      await sleep(5_000);
      restarts.push(await measureRestart(server, processes, report, { count, forgets }));
    }
    progress("");
    console.log(`Restart of one API server under ${count.toLocaleString("en-US")} agents`);
    const busiest = restarts.flatMap(({ requests }) => requests.map(([, y]) => y));
    const limit = count / 2;
    report.require({
      id: "kubernetes",
      says: "requests per second, at the busiest",
      measured: Math.max(...busiest),
      limit,
      unit: "",
    });
    draw(restarts, count, limit, `${ROOT}${quick ? ".cache/bench" : "bench"}/results`);
    report.finish();
  } finally {
    for (const one of [server, ...processes]) one.stop();
  }
});
