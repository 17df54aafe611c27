/** What an agent started now would do: it is that agent, on a kernel that only remembers. */
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { Agent } from "../agent.ts";
import type { Config } from "../config/settings.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { openDatastore } from "../datastore/open.ts";
import { CausewayError } from "../errors.ts";
import { NetlinkKernel, type NetlinkOptions } from "../netlink/netlink-kernel.ts";
import { createLogger } from "../observe/log.ts";
import { userspaceObstacles } from "../userspace/obstacles.ts";
import { PlanKernel } from "./plan-kernel.ts";

export interface Plan {
  /** The agent that made it, with the whole calculation. */
  readonly agent: Agent;
  readonly ops: readonly KernelOp[];
  /** What the kernel has in the place of an operation's object, where that is another. */
  readonly found: ReadonlyMap<KernelOp, string>;
}

/**
 * Reads the kernel and the datastore, and changes neither.
 * @throws CausewayError "datastore" if the datastore has no full list to give
 */
export async function makePlan(config: Config, options: NetlinkOptions = {}): Promise<Plan> {
  const kernel = new PlanKernel(await NetlinkKernel.open(new PathTable(), options));
  const stop = new AbortController();
  const log = createLogger("error", false);
  const datastore = await openDatastore(config);
  let trouble: string | undefined;
  const onTrouble = (reason: string): void => {
    trouble = reason;
    stop.abort();
  };
  const source = untilTrouble(datastore, onTrouble);
  const onReady = (): void => stop.abort();
  const userspace = userspaceObstacles();
  const agent = new Agent({ config, kernel, userspace, datastore: source, log, onReady });
  try {
    await agent.run(stop.signal);
  } finally {
    await kernel.close();
  }
  if (trouble !== undefined) {
    throw new CausewayError("datastore", `nothing to plan from ${datastore.url}: ${trouble}`);
  }
  return { agent, ops: kernel.ops, found: kernel.found };
}

/** The datastore, as long as it has or may yet get a full list. An agent waits; who asks once does not. */
function untilTrouble(datastore: Datastore, onTrouble: (reason: string) => void): Datastore {
  return {
    url: datastore.url,
    resync: (options) => datastore.resync(options),
    async *watch(signal) {
      for await (const batch of datastore.watch(signal)) {
        const { inSync, condition } = batch;
        if (inSync || condition.state === "ok" || condition.state === "starting") yield batch;
        else onTrouble(condition.reason);
      }
    },
  };
}
