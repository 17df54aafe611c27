/** What of an agent registers its node and connects pods; loaded only where it has something to do. */
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import type { PodNetwork } from "../cni/pod-network.ts";
import type { Config } from "../config/settings.ts";
import { isShared } from "../datastore/open-records.ts";
import { CausewayError } from "../errors.ts";
import type { Logger } from "../observe/log.ts";
import type { Registrar } from "../register/registrar.ts";

export interface Joining {
  readonly registrar: Registrar;
  readonly podNetwork: PodNetwork;
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
}

/**
 * Undefined where nodes are registered by others for sure. Of a directory of files each node may have
 * its own copy: there it takes `--register`.
 * @throws CausewayError `bad-config`
 */
export async function openJoining(
  config: Config,
  kernel: Pick<Kernel, "readUnderlayRoutes">,
  log: Logger,
): Promise<Joining | undefined> {
  const { datastore, register, blocks, runDir, cniDir } = config;
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
