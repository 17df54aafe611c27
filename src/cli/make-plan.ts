/** What an agent started now would do: it is that agent, on a kernel that only remembers. */
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { Agent } from "../agent.ts";
import type { Config } from "../config/settings.ts";
import { openDatastore } from "../datastore/open.ts";
import { CausewayError } from "../errors.ts";
import { NetlinkKernel, type NetlinkOptions } from "../netlink/netlink-kernel.ts";
import { createLogger } from "../observe/log.ts";
import { PlanKernel } from "./plan-kernel.ts";

/** Milliseconds to wait for the datastore's first full list. */
const PATIENCE = 10_000;

export interface Plan {
  /** The agent that made it, with the whole calculation. */
  readonly agent: Agent;
  readonly ops: readonly KernelOp[];
}

/**
 * Reads the kernel and the datastore, and changes neither.
 * @throws CausewayError "datastore" if there is no full list in time
 */
export async function makePlan(config: Config, options: NetlinkOptions = {}): Promise<Plan> {
  const kernel = new PlanKernel(await NetlinkKernel.open(new PathTable(), options));
  const stop = new AbortController();
  const log = createLogger("error", false);
  const datastore = openDatastore(config.datastore, {});
  const agent = new Agent({ config, kernel, datastore, log, onReady: () => stop.abort() });
  const patience = setTimeout(() => stop.abort(), PATIENCE);
  try {
    await agent.run(stop.signal);
  } finally {
    clearTimeout(patience);
    await kernel.close();
  }
  if (!agent.hasList) {
    const condition = agent.datastoreState?.condition;
    const reason = condition && condition.state !== "ok" ? condition.reason : "it did not answer";
    throw new CausewayError("datastore", `nothing to plan from ${datastore.url}: ${reason}`);
  }
  return { agent, ops: kernel.ops };
}
