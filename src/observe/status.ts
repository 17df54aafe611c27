/** What an agent says of itself: the answer of its control socket and of `causeway status --json`. */
import type { Conflict, Problem } from "../../tunnels/desired/problem.ts";
import type { KernelFeatures } from "../../tunnels/kernel/kernel.ts";
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import type { HeldKey } from "../../tunnels/reconcile/held-keys.ts";
import type { Repair } from "../../tunnels/reconcile/repair-log.ts";
import type { DatastoreCondition } from "../datastore/datastore.ts";
import type { DirectionCounters, Engine, Restarts } from "../userspace/data-path.ts";

/**
 * `in sync`: everything wanted is in the kernel. `degraded`: something wanted is failing, waiting or
 * impossible. `syncing`: work is under way. `waiting`: the datastore has not been read yet.
 */
export type AgentState = "in sync" | "degraded" | "syncing" | "waiting";

export interface KindCount {
  readonly wanted: number;
  readonly inKernel: number;
}

export interface TakenOver {
  readonly destination: string;
  /** The foreign route, as `ip route` would show it. */
  readonly foreign: string;
  readonly ours: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Milliseconds since the process started, unless said otherwise; undefined until it happened. */
export interface Timings {
  /** Milliseconds since the epoch. */
  readonly processStart: number;
  readonly datastoreRead: number | undefined;
  readonly calculated: number | undefined;
  readonly firstWrite: number | undefined;
  readonly lastAck: number | undefined;
  readonly inSync: number | undefined;
  readonly lastReadBack: { readonly routes: number; readonly milliseconds: number } | undefined;
  /** Of the last change of the datastore: from its last byte read to the end of each phase. */
  readonly lastChange:
    | { readonly readToCalculated: number; readonly readToAck: number }
    | undefined;
  /** Longest hold-up of the main loop since in sync; needs `measureLoop`. */
  readonly maxLoopStall: number | undefined;
  /** Bytes. */
  readonly peakRss: number;
  readonly netlinkWrites: number;
}

export interface TunnelReport {
  /** "VXLAN", "IPv6 VXLAN", "IP-in-IP". */
  readonly tunnel: string;
  readonly carriedBy: "kernel" | "userspace";
  /** Undefined where the kernel carries it, or the data path does not serve it. */
  readonly engine: Engine | undefined;
  /** Why not the kernel. */
  readonly whyNotKernel: string | undefined;
  /** Why no better engine, or none. */
  readonly whyNotBetter: string | undefined;
}

export interface DataPathReport {
  readonly sent: DirectionCounters;
  readonly received: DirectionCounters;
  /** The most frequent first. */
  readonly drops: readonly {
    readonly reason: string;
    readonly text: string;
    readonly packets: number;
  }[];
  readonly restarts: Restarts;
}

export interface DataplaneReport {
  readonly tunnels: readonly TunnelReport[];
  /** Undefined while it has nothing to do. */
  readonly dataPath: DataPathReport | undefined;
}

/** What the agent does to have its node registered; undefined members are not known yet. */
export interface RegistrationReport {
  readonly on: boolean | undefined;
  readonly why: string | undefined;
  readonly addresses: readonly {
    /** With the prefix length of its subnet. */
    readonly address: string;
    readonly how: string;
  }[];
  /** CIDRs. */
  readonly blocks: readonly string[];
}

export interface StatusReport {
  readonly state: AgentState;
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly datastore: {
    readonly url: string;
    readonly condition: DatastoreCondition;
    readonly revision: string | undefined;
    /** Milliseconds since the state in force was read. */
    readonly age: number | undefined;
    /** False while removals are withheld. */
    readonly complete: boolean;
    readonly faults: readonly ResourceFault[];
  };
  /** Undefined where agents do not register their nodes. */
  readonly registration: RegistrationReport | undefined;
  readonly kernel: KernelFeatures;
  readonly dataplane: DataplaneReport;
  readonly counts: {
    readonly nodes: number;
    readonly blocks: number;
    readonly pools: number;
    readonly devices: KindCount;
    readonly routes: KindCount;
    readonly neighbours: KindCount;
    readonly fdb: KindCount;
    readonly nexthops: KindCount;
    /** All there are; the lists below are cut. */
    readonly faults: number;
    readonly failing: number;
  };
  readonly repairs: { readonly count: number; readonly recent: readonly Repair[] };
  readonly failing: readonly HeldKey[];
  /** Objects that wait for a device or a nexthop. */
  readonly waiting: number;
  /** Removals that are due and withheld. */
  readonly withheld: number;
  readonly problems: readonly Problem[];
  readonly conflicts: readonly Conflict[];
  readonly takenOver: readonly TakenOver[];
  /** Foreign routes that stand where ours should, because `takeOver` is off. */
  readonly leftAlone: readonly string[];
  readonly timings: Timings;
}
