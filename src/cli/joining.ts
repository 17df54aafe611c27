/** What of an agent registers its node and connects pods; loaded only where it has something to do. */
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import type { AgentParts } from "../agent.ts";
import type { Config } from "../config/settings.ts";
import type { OwnLease } from "../datastore/flannel/own-lease.ts";
import { isShared } from "../datastore/open-records.ts";
import { CausewayError } from "../errors.ts";
import type { Logger } from "../observe/log.ts";

export interface Joining extends Pick<AgentParts, "registrar" | "podNetwork"> {
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
}

/**
 * Undefined where nodes are registered by others for sure. Of a directory of files each node may have
 * its own copy: there it takes `--register`.
 * @param own in a flannel network: which lease is this node's
 * @throws CausewayError `bad-config`
 */
export async function openJoining(
  config: Config,
  kernel: Pick<Kernel, "readUnderlayRoutes">,
  log: Logger,
  own?: OwnLease,
): Promise<Joining | undefined> {
  const { datastore, register, blocks, runDir, cniDir } = config;
  if (own !== undefined) {
    // What the nodes of a flannel network have in common is that each has a lease.
    if (register === false) return undefined;
    const { openJoiner } = await import("../register/flannel/open-joiner.ts");
    const { joiner, subnetFile, close } = openJoiner(config, own, kernel, log);
    return { registrar: joiner, podNetwork: subnetFile, close };
  }
  if (!(register ?? isShared(datastore))) return undefined;
  if (blocks === "podCIDR") {
    if (register === undefined) return undefined;
    const what = "--register claims blocks of pools, and --blocks podCIDR has no use for them";
    throw new CausewayError("bad-config", what, { hint: "leave one of the two out" });
  }
  const { openRegistrar } = await import("../register/open-registrar.ts");
  const { PodNetwork } = await import("../cni/pod-network.ts");
  const { registrar, store } = await openRegistrar(config, kernel, log);
  const podNetwork = new PodNetwork({ runDir, cniDir, log });
  return { registrar, podNetwork, close: () => store.close() };
}
