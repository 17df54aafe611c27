/** The data path of this node, by the best engine that works here. */

import type { ForwardingPlan } from "../../encap/forwarding-plan.ts";
import { NativeDataPath } from "./control/native-data-path.ts";
import { PlainDataPath } from "./control/plain-data-path.ts";
import type { DataPath, DataPathCounters, EndpointReport, Engine, Restarts } from "./data-path.ts";
import { systemCallObstacle } from "./obstacles.ts";

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
    const reason = engine === "plain" ? "asked for" : systemCallObstacle();
    this.#path =
      reason === undefined
        ? new NativeDataPath({ device, netns, offloads: engine === "offload" })
        : new PlainDataPath({ device, netns, reason });
  }

  start(): Promise<void> {
    return this.#path.start();
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
