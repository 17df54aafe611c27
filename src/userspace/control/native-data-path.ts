/**
 * The data path over system calls: this side holds the TUN device and the sockets, so that they
 * outlive a worker; the worker moves the packets.
 */
import { closeSync } from "node:fs";
import type { ForwardingPlan } from "../../../encap/forwarding-plan.ts";
import { CausewayError } from "../../errors.ts";
import { inNetworkNamespace } from "../../native/network-namespace.ts";
import { isTunAttached } from "../../native/tun.ts";
import type { DataPath, DataPathCounters, EndpointReport, Restarts } from "../data-path.ts";
import type { EndpointSockets } from "../underlay/endpoint-sockets.ts";
import { type OpenedSockets, SocketTable } from "../underlay/socket-table.ts";
import { makeCounters, readCounters } from "../worker/packet-counters.ts";
import { DataWorkerClient } from "./data-worker-client.ts";
import { type OpenedDevice, openDevice } from "./open-device.ts";
import { NO_TUNNELS, PlanSharer } from "./plan-sharer.ts";
import { type WorkerEvents, WorkerKeeper } from "./worker-keeper.ts";

export interface NativeDataPathOptions {
  /** Name of the TUN device. */
  readonly device: string;
  /** Path of a network namespace ("/run/netns/NAME") to work in; undefined for the process's own. */
  readonly netns: string | undefined;
  /** Whether to try for more than packets one by one through the TUN device. */
  readonly offloads: boolean;
}

export class NativeDataPath implements DataPath {
  readonly #options: NativeDataPathOptions;
  readonly #counters = makeCounters();
  readonly #sockets = new SocketTable();
  readonly #sharer = new PlanSharer();
  readonly #keeper = new WorkerKeeper((events) => this.#startWorker(events));
  #device: OpenedDevice | undefined;
  #reports: EndpointReport[] = [];
  /** By number of the endpoint in the shared plan. */
  #served: number[] = [];

  constructor(options: NativeDataPathOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    try {
      this.#openDevice();
    } catch (error) {
      throw CausewayError.from(
        error,
        "kernel",
        `cannot open the TUN device ${this.#options.device}`,
      );
    }
    try {
      await this.#keeper.start(() => this.replace(NO_TUNNELS));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async replace(plan: ForwardingPlan): Promise<void> {
    if (this.#keeper.isStopped) return;
    const opened = this.#inNamespace(() => this.#sockets.openFor(plan.endpoints));
    const sockets = opened.map((one) => ("failure" in one ? undefined : one));
    const shared = this.#sharer.share(plan, sockets);
    this.#reports = plan.endpoints.map((endpoint, at) =>
      this.#report(endpoint, opened[at] as OpenedSockets),
    );
    this.#served = sockets.flatMap((one, at) => (one === undefined ? [] : [at]));
    await this.#keeper.adopt(shared);
  }

  counters(): DataPathCounters {
    return readCounters(this.#counters);
  }

  get endpoints(): readonly EndpointReport[] {
    return this.#reports;
  }

  get restarts(): Restarts {
    return this.#keeper.restarts;
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
    this.#sockets.closeAll();
    if (this.#device !== undefined) closeSync(this.#device.fd);
    this.#device = undefined;
  }

  #openDevice(): void {
    const { device, offloads } = this.#options;
    if (this.#device !== undefined) {
      if (isTunAttached(this.#device.fd)) return;
      closeSync(this.#device.fd);
      this.#device = undefined;
    }
    this.#device = this.#inNamespace(() => openDevice(device, offloads));
  }

  #startWorker({ onAdopted, onDeath }: WorkerEvents): DataWorkerClient {
    this.#openDevice();
    const { fd: tunFd, abilities } = this.#device as OpenedDevice;
    return new DataWorkerClient({
      netns: this.#options.netns,
      tunFd,
      abilities,
      counters: this.#counters,
      onReply: (reply) => {
        if (reply.kind === "cannot-segment") {
          this.#lowerEngine(reply.endpoint);
          return;
        }
        onAdopted(reply.revision);
        if (reply.revision === this.#sharer.revision) this.#sockets.closeRetired();
      },
      onDeath,
    });
  }

  #lowerEngine(endpoint: number): void {
    const at = this.#served[endpoint];
    const report = at === undefined ? undefined : this.#reports[at];
    if (at === undefined || report === undefined) return;
    const reason = "the way out takes no segments (UDP_SEGMENT: EIO)";
    this.#reports[at] = { ...report, engine: "batch", reason };
  }

  #report(endpoint: ForwardingPlan["endpoints"][number], opened: OpenedSockets): EndpointReport {
    const { encap, localAddress } = endpoint;
    const { family } = localAddress;
    // Written out: for properties behind a spread V8 derives a hidden class each time, and keeps it.
    if ("failure" in opened) {
      return { encap, family, localAddress, engine: undefined, reason: opened.failure };
    }
    const reason = this.#obstacleTo(encap, opened);
    const engine = reason === undefined ? "offload" : "batch";
    return { encap, family, localAddress, engine, reason };
  }

  /** Why packets of this endpoint go one by one; undefined if they need not. */
  #obstacleTo(encap: "vxlan" | "ipip", { canSegment }: EndpointSockets): string | undefined {
    const { reason } = this.#device as OpenedDevice;
    if (reason !== undefined) return `no super-packets through the TUN device: ${reason}`;
    if (encap === "vxlan" && !canSegment) return "this kernel has no UDP_SEGMENT (Linux 4.18)";
    return undefined;
  }

  #inNamespace<T>(action: () => T): T {
    return inNetworkNamespace(this.#options.netns, action);
  }
}
