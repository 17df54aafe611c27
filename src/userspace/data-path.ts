/**
 * What the control plane sees of the data path. It runs in a thread of its own; neither waits for
 * the other.
 */
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { DropReason } from "../../encap/drop-reason.ts";
import type { ForwardingPlan } from "../../encap/forwarding-plan.ts";

/**
 * How packets are moved, best first:
 * `offload`: super-packets through the TUN device, segmentation and merging at the UDP socket.
 * `batch`: packets one by one through the TUN device, many in a system call at the socket.
 * `plain`: with nothing but Node, in a process of its own; where system calls cannot be made.
 */
export type Engine = "offload" | "batch" | "plain";

export interface EndpointReport {
  readonly encap: "vxlan" | "ipip";
  readonly family: Family;
  readonly localAddress: IpAddress;
  /** Undefined if no engine can serve this endpoint: then `reason` says why. */
  readonly engine: Engine | undefined;
  /** Why no better engine; undefined with the best one. */
  readonly reason: string | undefined;
}

export interface DirectionCounters {
  /** Inner packets, each segment of a super-packet counted. */
  readonly packets: number;
  /** Inner bytes, from the inner IP header on. */
  readonly bytes: number;
}

export interface DataPathCounters {
  /** From this node to others. */
  readonly sent: DirectionCounters;
  /** From others to this node. */
  readonly received: DirectionCounters;
  /** Reasons that occurred, with the number of packets. */
  readonly drops: ReadonlyMap<DropReason, number>;
}

export interface Restarts {
  /** How often the worker died and was started again. */
  readonly count: number;
  /** Why it did the last time; undefined if never. */
  readonly lastReason: string | undefined;
  /** When, in milliseconds since the epoch. */
  readonly lastAt: number | undefined;
}

export interface DataPath {
  /**
   * Makes the TUN device if it is not there, attaches to it, and starts the worker with a plan
   * without endpoints. Address, MTU, routes and "up" are the caller's to set once this has resolved.
   * @throws CausewayError if no engine at all works here, with what each lacks.
   */
  start(): Promise<void>;

  /**
   * Takes `plan` in place of the one before. Resolves when the worker goes by it: no packet is
   * handled by an older plan after that. Calls may overlap; the last one counts. An endpoint that
   * cannot be served is in `endpoints` with its reason, and tried again with the next plan, which
   * may be the same one. Does nothing before `start` and after `stop`.
   */
  replace(plan: ForwardingPlan): Promise<void>;

  /** Since `start`, across restarts of the worker. Cheap: asks nobody. */
  counters(): DataPathCounters;

  /** One for each endpoint of the plan. */
  readonly endpoints: readonly EndpointReport[];

  readonly restarts: Restarts;

  /** Stops the worker and detaches. The TUN device stays, as do its addresses and routes. */
  stop(): Promise<void>;
}
