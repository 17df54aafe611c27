/** The data path where system calls cannot be made: a process of its own that has nothing but Node. */
import type { ForwardingPlan } from "../../../encap/forwarding-plan.ts";
import type { DataPath, DataPathCounters, EndpointReport, Restarts } from "../data-path.ts";
import type { EndpointSockets } from "../underlay/endpoint-sockets.ts";
import { makeCounters, readCounters } from "../worker/packet-counters.ts";
import { PlainWorkerClient } from "./plain-worker-client.ts";
import { NO_TUNNELS, PlanSharer } from "./plan-sharer.ts";
import { type WorkerEvents, WorkerKeeper } from "./worker-keeper.ts";

export interface PlainDataPathOptions {
  /** Name of the TUN device. */
  readonly device: string;
  /** Path of a network namespace ("/run/netns/NAME") to work in; undefined for the process's own. */
  readonly netns: string | undefined;
  /** Why no better engine. */
  readonly reason: string;
}

/** The process opens them by itself. */
const LATER: EndpointSockets = { receive: [], errors: -1, send: [], canSegment: false };

export class PlainDataPath implements DataPath {
  readonly #options: PlainDataPathOptions;
  readonly #sharer = new PlanSharer();
  readonly #keeper = new WorkerKeeper((events) => this.#startWorker(events));
  /** Of the processes before this one. */
  readonly #earlier = makeCounters();
  #current = makeCounters();
  #reports: EndpointReport[] = [];

  constructor(options: PlainDataPathOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#keeper.start(() => this.replace(NO_TUNNELS));
  }

  async replace(plan: ForwardingPlan): Promise<void> {
    if (this.#keeper.isStopped) return;
    const shared = this.#sharer.share(
      plan,
      plan.endpoints.map(() => LATER),
    );
    this.#reports = plan.endpoints.map(({ encap, localAddress }) => {
      const base = { encap, family: localAddress.family, localAddress };
      return { ...base, engine: "plain", reason: this.#options.reason };
    });
    await this.#keeper.adopt(shared);
  }

  counters(): DataPathCounters {
    return readCounters(this.#earlier.map((count, slot) => count + (this.#current[slot] ?? 0)));
  }

  get endpoints(): readonly EndpointReport[] {
    return this.#reports;
  }

  get restarts(): Restarts {
    return this.#keeper.restarts;
  }

  stop(): Promise<void> {
    return this.#keeper.stop();
  }

  #startWorker({ onAdopted, onDeath }: WorkerEvents): PlainWorkerClient {
    for (const [slot, count] of this.#current.entries()) {
      this.#earlier[slot] = (this.#earlier[slot] ?? 0) + count;
    }
    this.#current = makeCounters();
    return new PlainWorkerClient({
      ...this.#options,
      onReply: (reply) => {
        if (reply.kind === "counters") {
          this.#current.set(reply.counters);
          return;
        }
        if (reply.revision === this.#sharer.revision) this.#noteFailures(reply.failures);
        onAdopted(reply.revision);
      },
      onDeath,
    });
  }

  #noteFailures(failures: readonly (string | undefined)[]): void {
    this.#reports = this.#reports.map((report, at) => {
      const reason = failures[at];
      return reason === undefined ? report : { ...report, engine: undefined, reason };
    });
  }
}
