/** The demo's course: agents start, every pair is probed, two things are broken. */
import { release } from "node:os";
import type { DemoCheck, DemoReport, SyncReport } from "./demo-report.ts";
import { checkText, drawMatrix, syncText } from "./demo-text.ts";
import { checkDeletedRoute, checkRestart } from "./fault-checks.ts";
import type { KernelAbilities } from "./kernel-abilities.ts";
import { pairChecks, probePairs } from "./pair-checks.ts";
import type { Site } from "./site.ts";

export interface DemoOutput {
  /** Something to keep on the screen. */
  print(text: string): void;
  /** What is being done now. */
  progress(text: string): void;
}

/** @throws CausewayError if an agent does not get in sync. */
export async function runDemo(
  site: Site,
  { ipip, ipv6 }: KernelAbilities,
  { print, progress }: DemoOutput,
): Promise<DemoReport> {
  const checks: DemoCheck[] = [];
  const check = (result: DemoCheck): void => {
    checks.push(result);
    print(checkText(result));
  };
  progress("starting the agents");
  const sync = await startAgents(site);
  print(syncText(sync));
  progress("probing every pair");
  const pairs = await probePairs(site);
  print(`\n${drawMatrix(site.topology, pairs)}\n`);
  for (const result of pairChecks(pairs)) check(result);
  progress("deleting a route");
  check(await checkDeletedRoute(site));
  progress("killing an agent");
  check(await checkRestart(site));
  const kernel = { release: release(), ipip, ipv6 };
  return { kernel, sync, pairs, checks, ok: checks.every(({ ok }) => ok) };
}

async function startAgents(site: Site): Promise<SyncReport> {
  const start = performance.now();
  site.startAgents();
  const nodes = await Promise.all(
    [...site.agents].map(async ([name, agent]) => {
      const { routes, neighbours, fdb } = (await agent.inSync()).counts;
      return {
        name,
        routes: routes.inKernel,
        neighbours: neighbours.inKernel,
        fdb: fdb.inKernel,
      };
    }),
  );
  return { milliseconds: performance.now() - start, agents: nodes.length, nodes };
}
