/**
 * The data path over system calls: this side holds the TUN device and the sockets, so that they
 * outlive a worker; the worker moves the packets.
 */
import { closeSync } from "node:fs";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import type { ForwardingPlan } from "../../../encap/forwarding-plan.ts";
import { CausewayError } from "../../errors.ts";
import { inNetworkNamespace } from "../../native/network-namespace.ts";
import { isTunAttached } from "../../native/tun.ts";
import type { DataPath, DataPathCounters, EndpointReport, Restarts } from "../data-path.ts";
import type { EndpointSockets } from "../underlay/endpoint-sockets.ts";
import { type OpenedSockets, SocketTable } from "../underlay/socket-table.ts";
import { makeCounters, readCounters } from "../worker/packet-counters.ts";
import type { SharedPlan } from "../worker/shared-plan.ts";
import type { WorkerReply } from "../worker/worker-protocol.ts";
import { DataWorkerClient } from "./data-worker-client.ts";
import { type OpenedDevice, openDevice } from "./open-device.ts";
import { PlanSharer } from "./plan-sharer.ts";

export interface NativeDataPathOptions {
  /** Name of the TUN device. */
  readonly device: string;
  /** Path of a network namespace ("/run/netns/NAME") to work in; undefined for the process's own. */
  readonly netns: string | undefined;
  /** Whether to try for more than packets one by one through the TUN device. */
  readonly offloads: boolean;
}

/** Milliseconds between a worker's death and the next one's start: the first, and the most. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 5_000;
/** A worker that lived so long, in milliseconds, did not die of its start. */
const HEALTHY = 10_000;

const NOTHING: ForwardingPlan = { endpoints: [], remotes: [], prefixes: buildRemoteTable([]) };

export class NativeDataPath implements DataPath {
  readonly #options: NativeDataPathOptions;
  readonly #counters = makeCounters();
  readonly #sockets = new SocketTable();
  readonly #sharer = new PlanSharer();
  #device: OpenedDevice | undefined;
  #worker: DataWorkerClient | undefined;
  #plan: SharedPlan | undefined;
  #reports: EndpointReport[] = [];
  /** By number of the endpoint in the shared plan. */
  #served: number[] = [];
  #adopted = 0;
  readonly #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #restarts: Restarts = { count: 0, lastReason: undefined, lastAt: undefined };
  #pause = FIRST_PAUSE;
  #startedAt = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #isStopped = true;
  #failStart: ((error: CausewayError) => void) | undefined;

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
    this.#isStopped = false;
    const firstDeath = new Promise<never>((_, reject) => {
      this.#failStart = reject;
    });
    this.#startWorker();
    try {
      await Promise.race([this.replace(NOTHING), firstDeath]);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      this.#failStart = undefined;
    }
  }

  replace(plan: ForwardingPlan): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    const opened = this.#inNamespace(() => this.#sockets.openFor(plan.endpoints));
    const sockets = opened.map((one) => ("failure" in one ? undefined : one));
    const shared = this.#sharer.share(plan, sockets);
    this.#plan = shared;
    this.#reports = plan.endpoints.map((endpoint, at) =>
      this.#report(endpoint, opened[at] as OpenedSockets),
    );
    this.#served = sockets.flatMap((one, at) => (one === undefined ? [] : [at]));
    this.#worker?.adopt(shared);
    return new Promise((resolve) => {
      this.#waiting.push({ revision: shared.revision, resolve });
    });
  }

  counters(): DataPathCounters {
    return readCounters(this.#counters);
  }

  get endpoints(): readonly EndpointReport[] {
    return this.#reports;
  }

  get restarts(): Restarts {
    return this.#restarts;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restartTimer);
    await this.#worker?.stop();
    this.#worker = undefined;
    this.#sockets.closeAll();
    if (this.#device !== undefined) closeSync(this.#device.fd);
    this.#device = undefined;
    this.#settle(Number.POSITIVE_INFINITY);
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

  #startWorker(): void {
    const { fd: tunFd, abilities } = this.#device as OpenedDevice;
    this.#startedAt = performance.now();
    this.#worker = new DataWorkerClient({
      netns: this.#options.netns,
      tunFd,
      abilities,
      counters: this.#counters,
      onReply: (reply) => this.#onReply(reply),
      onDeath: (reason) => this.#onDeath(reason),
    });
  }

  #onReply(reply: WorkerReply): void {
    if (reply.kind === "adopted") {
      this.#adopted = Math.max(this.#adopted, reply.revision);
      this.#settle(this.#adopted);
      if (this.#adopted === this.#sharer.revision) this.#sockets.closeRetired();
      return;
    }
    const at = this.#served[reply.endpoint];
    const report = at === undefined ? undefined : this.#reports[at];
    if (at === undefined || report === undefined) return;
    const reason = "the way out takes no segments (UDP_SEGMENT: EIO)";
    this.#reports[at] = { ...report, engine: "batch", reason };
  }

  #settle(revision: number): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      if (next.revision > revision) return;
      this.#waiting.shift();
      next.resolve();
    }
  }

  #onDeath(reason: string): void {
    this.#worker = undefined;
    if (this.#isStopped) return;
    if (this.#failStart !== undefined) {
      this.#failStart(new CausewayError("kernel", `cannot start the data worker: ${reason}`));
      return;
    }
    const { count } = this.#restarts;
    this.#restarts = { count: count + 1, lastReason: reason, lastAt: Date.now() };
    if (performance.now() - this.#startedAt > HEALTHY) this.#pause = FIRST_PAUSE;
    this.#restartTimer = setTimeout(() => this.#restart(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #restart(): void {
    try {
      this.#openDevice();
      this.#startWorker();
    } catch (error) {
      this.#onDeath(CausewayError.from(error, "kernel", "cannot start again").message);
      return;
    }
    if (this.#plan !== undefined) this.#worker?.adopt(this.#plan);
  }

  #report(endpoint: ForwardingPlan["endpoints"][number], opened: OpenedSockets): EndpointReport {
    const { encap, localAddress } = endpoint;
    const base = { encap, family: localAddress.family, localAddress };
    if ("failure" in opened) return { ...base, engine: undefined, reason: opened.failure };
    const reason = this.#obstacleTo(encap, opened);
    return { ...base, engine: reason === undefined ? "offload" : "batch", reason };
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
