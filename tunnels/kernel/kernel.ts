/**
 * The port to the kernel. Two implementations keep this contract and run the same cases
 * (test/conformance/kernel.cases.ts): rtnetlink, and the fake kernel of the tests.
 *
 * - A read returns what the kernel holds at some moment between call and answer.
 * - `apply` carries out the operations in order. Each may be tried again; deleting what is gone
 *   succeeds; one failure stops none of the others.
 * - Events are hints: they say where to look again, may repeat, and are lost in an overrun.
 * - Changes made by `apply` of the same Kernel are not reported as events, but for a TUN device that
 *   it makes. When it answers, the events of everything that happened before have been delivered.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type { KernelOp } from "./kernel-op.ts";
import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  Nexthop,
  Sysctl,
  UnderlayRoute,
} from "./kernel-state.ts";
import type { PathTable } from "./path-table.ts";
import type { KernelOps } from "./route-batch.ts";

/** What this kernel can do, found by trying, once. */
export interface KernelFeatures {
  /** Nexthop objects (Linux 5.3); without them routes carry plain gateways. */
  readonly nexthopObjects: boolean;
  /** Empty if the kernel can make the device, else why it cannot, in its own words. */
  readonly vxlan: string;
  readonly ipip: string;
  readonly ipv6: boolean;
  /** `uname -r`. */
  readonly release: string;
}

export interface OpFailure {
  readonly op: KernelOp;
  /** Where it stands among the operations that were to be applied. */
  readonly at: number;
  /** Symbolic errno, for example "EEXIST". */
  readonly code: string;
  /** One line: the kernel's extended-ack text if it gave one, else what the errno means. */
  readonly message: string;
}

/**
 * Receives the rows of a route dump, in the order they come, without an object for each. Called for
 * rows of the main table with TOS 0 and our metric. The words are unsigned and in host order.
 */
export interface RouteVisitor {
  /** A row with our protocol; `path` is its number in the shared PathTable. */
  owned(w0: number, w1: number, w2: number, w3: number, length: number, path: number): void;
  /** Asked for each row of another protocol: true if `foreign` shall be called for it. */
  wants(w0: number, w1: number, w2: number, w3: number, length: number): boolean;
  foreign(w0: number, w1: number, w2: number, w3: number, length: number, path: number): void;
}

/**
 * Calls of `apply` that build on each other, so that none has to wait for the answers to those before
 * it: once an operation of the chain has failed, the calls after it are cancelled.
 */
export class Chain {
  isBroken = false;
}

/** The code of an operation that was not carried out, because its chain was broken. */
export const CANCELLED = "ECANCELED";

export type KernelChange =
  | {
      readonly kind: "link";
      readonly device: string;
      readonly ifindex: number;
      readonly up: boolean;
      readonly deleted: boolean;
    }
  | { readonly kind: "address"; readonly device: string; readonly deleted: boolean }
  | { readonly kind: "neighbour"; readonly device: string; readonly deleted: boolean }
  | { readonly kind: "fdb"; readonly device: string; readonly deleted: boolean }
  | {
      readonly kind: "nexthop";
      readonly id: number;
      readonly owned: boolean;
      readonly deleted: boolean;
    }
  | {
      readonly kind: "route";
      readonly destination: Cidr;
      /** Number in the PathTable. */
      readonly path: number;
      readonly owned: boolean;
      readonly deleted: boolean;
    }
  /** Events were lost: everything has to be read again. */
  | { readonly kind: "overrun" };

export interface Kernel {
  readonly features: KernelFeatures;
  readonly paths: PathTable;
  /** Messages that asked the kernel for a change since the start; reads do not count. */
  readonly writeCount: number;

  readLinks(): Promise<Map<string, Link>>;
  readAddresses(): Promise<Map<string, Address>>;
  /** Permanent rows with a MAC on the named devices, both families; devices that are gone have none. */
  readNeighbours(devices: readonly string[]): Promise<Map<string, Neighbour>>;
  readFdb(devices: readonly string[]): Promise<Map<string, FdbEntry>>;
  /** All nexthop objects with one gateway or device, foreign ones too; empty without the feature. */
  readNexthops(): Promise<Map<number, Nexthop>>;
  readRoutes(family: Family, visitor: RouteVisitor): Promise<void>;
  /**
   * The same text as long as no route of the main table changes, which costs less than to read them;
   * undefined if it cannot be told.
   */
  routesFingerprint(family: Family): Promise<string | undefined>;
  /**
   * The main table's unicast routes of other protocols through `device`, of every metric: what the
   * underlay itself does with a packet. Few, where no routing daemon feeds the table.
   */
  readUnderlayRoutes(family: Family, device: string): Promise<UnderlayRoute[]>;
  /** Names that do not exist are left out. */
  readSysctls(names: readonly string[]): Promise<Map<string, Sysctl>>;

  /**
   * Told what `apply` will be asked for soon: it may be encoded before the first write, so that the
   * kernel is on the way from one state to the other for no longer than it takes itself.
   */
  prepare(ops: KernelOps): Promise<void>;

  /**
   * The failures, in the order of the operations; empty when everything went well. With a chain that
   * is broken, by a call before or by this one, what is left of the operations is CANCELLED.
   */
  apply(ops: KernelOps, chain?: Chain): Promise<OpFailure[]>;

  /**
   * No route events until `resumeRouteEvents`. Those of the time between are lost: whoever pauses them
   * has to read the routes afterwards.
   */
  pauseRouteEvents(): void;
  resumeRouteEvents(): void;

  /** Starts delivery of events; only one listener. Events begin before the promise resolves. */
  watch(listener: (change: KernelChange) => void): Promise<void>;
  close(): Promise<void>;
}
