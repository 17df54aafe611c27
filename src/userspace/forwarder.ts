/** The data path of this node, by the best engine that works here. */

import type { ForwardingPlan } from "../../encap/forwarding-plan.ts";
import { CausewayError } from "../errors.ts";
import { arenaObstacle } from "../native/arena.ts";
import { NativeDataPath } from "./control/native-data-path.ts";
import type { DataPath, DataPathCounters, EndpointReport, Engine, Restarts } from "./data-path.ts";

export interface ForwarderOptions {
  /** Name of the TUN device. */
  readonly device: string;
  /** Path of a network namespace ("/run/netns/NAME") to work in; left out for the process's own. */
  readonly netns?: string | undefined;
  /** Nothing better is tried; left out for the best. */
  readonly engine?: Engine | undefined;
}

export class Forwarder implements DataPath {
  readonly #path: DataPath;

  constructor({ device, netns, engine = "offload" }: ForwarderOptions) {
    this.#path = new NativeDataPath({ device, netns, offloads: engine === "offload" });
  }

  async start(): Promise<void> {
    const obstacle = arenaObstacle();
    if (obstacle !== undefined) throw new CausewayError("kernel", obstacle);
    await this.#path.start();
  }

  replace(plan: ForwardingPlan): Promise<void> {
    return this.#path.replace(plan);
  }

  counters(): DataPathCounters {
    return this.#path.counters();
  }

  get endpoints(): readonly EndpointReport[] {
    return this.#path.endpoints;
  }

  get restarts(): Restarts {
    return this.#path.restarts;
  }

  stop(): Promise<void> {
    return this.#path.stop();
  }
}
