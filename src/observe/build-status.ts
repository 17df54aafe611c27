/** The status of an agent, put together when somebody asks. */
import { describeRoute } from "../../tunnels/kernel/describe-op.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import { isOurNexthop } from "../../tunnels/kernel/ownership.ts";
import type { Agent } from "../agent.ts";
import { VERSION } from "../version.ts";
import { dataplaneReport } from "./dataplane-report.ts";
import type { AgentState, KindCount, RegistrationReport, StatusReport } from "./status.ts";

/** Lists are cut to this length; the counts are not. */
const LISTED = 100;

/** `performance.now()` of the first change and of the last ack. */
interface TimedKernel {
  readonly firstWriteAt?: number | undefined;
  readonly lastAckAt?: number | undefined;
}

export interface StatusContext {
  readonly agent: Agent;
  readonly kernel: Kernel & TimedKernel;
  readonly node: string;
  readonly datastoreUrl: string;
}

export function buildStatus({ agent, kernel, node, datastoreUrl }: StatusContext): StatusReport {
  const { reconciler, overlay, stopwatch, datastoreState } = agent;
  const problems = agent.problems();
  const held = reconciler.held();
  const leftAlone = foreignRoutes(agent, kernel);
  return {
    state: agentState(agent, held.length + leftAlone.length),
    node,
    version: VERSION,
    pid: process.pid,
    datastore: {
      url: datastoreUrl,
      condition: datastoreState?.condition ?? { state: "starting", reason: "not read yet" },
      revision: datastoreState?.revision,
      age: datastoreState && performance.now() - datastoreState.readAt,
      complete: datastoreState?.complete ?? false,
      faults: (datastoreState?.faults ?? []).slice(0, LISTED),
    },
    registration: registrationReport(agent),
    kernel: kernel.features,
    dataplane: dataplaneReport(agent),
    counts: {
      ...overlay.counts,
      ...kernelCounts(agent),
      faults: datastoreState?.faults.length ?? 0,
      failing: held.length,
    },
    repairs: { count: reconciler.repairs.count, recent: reconciler.repairs.list() },
    failing: held.slice(0, LISTED),
    waiting: reconciler.waitingCount,
    withheld: agent.hasList ? reconciler.countWithheld() : 0,
    problems,
    conflicts: overlay.conflicts(),
    takenOver: agent.log.takenOver,
    leftAlone,
    timings: {
      processStart: performance.timeOrigin,
      datastoreRead: stopwatch.datastoreRead,
      calculated: stopwatch.calculated,
      firstWrite: kernel.firstWriteAt,
      lastAck: kernel.lastAckAt,
      inSync: stopwatch.inSync,
      lastReadBack: reconciler.lastReadBack,
      lastChange: stopwatch.lastChange,
      maxLoopStall: stopwatch.maxLoopStall,
      peakRss: stopwatch.peakRss,
      netlinkWrites: kernel.writeCount,
    },
  };
}

function registrationReport({ registrar }: Agent): RegistrationReport | undefined {
  if (registrar === undefined) return undefined;
  const { decision, registered } = registrar;
  const addresses = Object.values(registered?.addresses ?? {});
  return {
    on: decision?.on,
    why: decision?.why,
    addresses: addresses.map(({ address, length, how }) => {
      return { address: `${address}/${length}`, how };
    }),
    blocks: (registered?.blocks ?? []).map(({ cidr }) => cidr),
  };
}

function agentState(agent: Agent, troubles: number): AgentState {
  if (!agent.hasList) return "waiting";
  if (!agent.isIdle && troubles === 0) return "syncing";
  const isImpossible = agent.problems().some(({ severity }) => severity === "error");
  const isBad = troubles > 0 || agent.reconciler.waitingCount > 0 || isImpossible;
  return isBad ? "degraded" : "in sync";
}

function kernelCounts({
  overlay,
  reconciler,
  devices,
}: Agent): Record<"devices" | "routes" | "neighbours" | "fdb" | "nexthops", KindCount> {
  const { desired } = overlay;
  const { actual } = reconciler;
  const isOnOurs = (row: { device: string }): boolean => devices.isOurs(row.device);
  return {
    devices: {
      wanted: desired.links.size,
      inKernel: count(actual.links.values(), ({ name }) => devices.isOurs(name)),
    },
    routes: {
      wanted: desired.routes[4].size + desired.routes[6].size,
      inKernel: actual.routes[4].size + actual.routes[6].size,
    },
    neighbours: {
      wanted: desired.neighbours.size,
      inKernel: count(actual.neighbours.values(), isOnOurs),
    },
    fdb: { wanted: desired.fdb.size, inKernel: count(actual.fdb.values(), isOnOurs) },
    nexthops: {
      wanted: desired.nexthops.size,
      inKernel: count(actual.nexthops.values(), isOurNexthop),
    },
  };
}

function count<T>(values: Iterable<T>, counts: (value: T) => boolean): number {
  let total = 0;
  for (const value of values) if (counts(value)) total++;
  return total;
}

function foreignRoutes({ reconciler }: Agent, kernel: Kernel): string[] {
  const found: string[] = [];
  for (const table of [reconciler.foreign[4], reconciler.foreign[6]]) {
    for (const row of table.rows()) {
      if (found.length === LISTED) return found;
      const path = kernel.paths.get(table.pathOf(row));
      found.push(describeRoute({ destination: table.destinationOf(row), path }));
    }
  }
  return found;
}
