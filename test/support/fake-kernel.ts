/** A kernel in memory that keeps the contract of the port and the conformance cases. */
import type { Family } from "../../encap/address/ip-address.ts";
import {
  CANCELLED,
  type Chain,
  type Kernel,
  type KernelChange,
  type KernelFeatures,
  type OpFailure,
  type RouteVisitor,
} from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import {
  type Address,
  type FdbEntry,
  type Link,
  type Neighbour,
  type Nexthop,
  ROUTE_PROTOCOL,
  type Sysctl,
  type UnderlayRoute,
} from "../../tunnels/kernel/kernel-state.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import type { KernelOps } from "../../tunnels/kernel/route-batch.ts";
import { connectedRoutes, type FakeRoute } from "./fake-route-rules.ts";
import { FakeState } from "./fake-state.ts";

const GONE = ["ESRCH", "ENOENT", "ENODEV", "EADDRNOTAVAIL"];

interface PlannedFailure {
  readonly matches: (op: KernelOp) => boolean;
  readonly code: string;
  times: number;
}

export class FakeKernel implements Kernel {
  readonly features: KernelFeatures;
  readonly paths: PathTable;
  writeCount = 0;
  /** All operations that were applied, failed ones too, for tests that look at what was asked. */
  readonly applied: KernelOp[] = [];
  /**
   * The kernel's objects, to look at and, with the methods, to change from outside: by another
   * program, whose changes are announced as the kernel announces them.
   */
  readonly external: FakeState;
  /** Called after every operation, for tests that look at the way from one state to another. */
  onStep: ((op: KernelOp) => void) | undefined;
  #isDeafToRoutes = false;
  #listener: ((change: KernelChange) => void) | undefined;
  #failures: PlannedFailure[] = [];

  constructor(paths: PathTable = new PathTable(), features: Partial<KernelFeatures> = {}) {
    this.paths = paths;
    this.external = new FakeState(paths, (change) => this.#emit(change));
    this.features = {
      nexthopObjects: true,
      vxlan: "",
      ipip: "",
      ipv6: true,
      release: "fake",
      ...features,
    };
  }

  /** The next `times` operations that match are refused with `code` and change nothing. */
  failNext(matches: (op: KernelOp) => boolean, code: string, times = 1): void {
    this.#failures.push({ matches, code, times });
  }

  /** Nothing is refused any more but what the kernel itself refuses. */
  forgetFailures(): void {
    this.#failures = [];
  }

  pauseRouteEvents(): void {
    this.#isDeafToRoutes = true;
  }

  resumeRouteEvents(): void {
    this.#isDeafToRoutes = false;
  }

  /** Events were lost, as after a flood of them. */
  overrun(): void {
    this.#emit({ kind: "overrun" });
  }

  async readLinks(): Promise<Map<string, Link>> {
    return new Map(this.external.links);
  }

  async readAddresses(): Promise<Map<string, Address>> {
    return new Map(this.external.addresses);
  }

  async readNeighbours(devices: readonly string[]): Promise<Map<string, Neighbour>> {
    const rows = [...this.external.neighbours];
    return new Map(rows.filter(([, row]) => row.permanent && devices.includes(row.device)));
  }

  async readFdb(devices: readonly string[]): Promise<Map<string, FdbEntry>> {
    return new Map([...this.external.fdb].filter(([, entry]) => devices.includes(entry.device)));
  }

  async readNexthops(): Promise<Map<number, Nexthop>> {
    return this.features.nexthopObjects ? new Map(this.external.nexthops) : new Map();
  }

  async routesFingerprint(family: Family): Promise<string> {
    const rows: string[] = [];
    const add = (...row: number[]): number => rows.push(row.join());
    await FakeKernel.prototype.readRoutes.call(this, family, {
      owned: add,
      wants: () => true,
      foreign: add,
    });
    return rows.join("\n");
  }

  async readRoutes(family: Family, visitor: RouteVisitor): Promise<void> {
    const routes = [...this.external.routes.values(), ...connectedRoutes(this.external)];
    for (const { destination, path, metric } of routes) {
      if (path.family !== family || metric !== (family === 4 ? 0 : 1024)) continue;
      const { w0, w1, w2, w3 } = destination.address;
      if (path.protocol === ROUTE_PROTOCOL) {
        visitor.owned(w0, w1, w2, w3, destination.length, this.paths.intern(path));
      } else if (visitor.wants(w0, w1, w2, w3, destination.length)) {
        visitor.foreign(w0, w1, w2, w3, destination.length, this.paths.intern(path));
      }
    }
  }

  async readUnderlayRoutes(family: Family, device: string): Promise<UnderlayRoute[]> {
    const routes = [...this.external.routes.values(), ...connectedRoutes(this.external)];
    return routes.flatMap(({ destination, path, metric }) => {
      if (path.family !== family || path.protocol === ROUTE_PROTOCOL) return [];
      const leg = path.nexthopId === undefined ? path : this.external.nexthops.get(path.nexthopId);
      if (path.type !== "unicast" || leg?.device !== device) return [];
      return [{ destination, gateway: leg.gateway, device, metric }];
    });
  }

  async readSysctls(names: readonly string[]): Promise<Map<string, Sysctl>> {
    return new Map(
      names.flatMap((name) => {
        const value = this.external.sysctls.get(name);
        return value === undefined ? [] : [[name, { name, value }] as const];
      }),
    );
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async apply(ops: KernelOps, chain?: Chain): Promise<OpFailure[]> {
    const failures: OpFailure[] = [];
    for (let at = 0; at < ops.length; at++) {
      const op = ops.at(at) as KernelOp;
      if (chain?.isBroken) {
        failures.push({ op, at, code: CANCELLED, message: "an operation before it failed" });
        continue;
      }
      this.writeCount++;
      this.applied.push(op);
      const code = this.#plannedFailure(op) ?? this.#carryOut(op);
      this.onStep?.(op);
      if (code === undefined || (op.verb === "delete" && GONE.includes(code))) continue;
      if (op.kind === "address" && code === "EEXIST") continue;
      failures.push({ op, at, code, message: `the fake kernel says ${code}` });
      if (chain !== undefined) chain.isBroken = true;
    }
    await delivered();
    return failures;
  }

  async watch(listener: (change: KernelChange) => void): Promise<void> {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#listener = undefined;
  }

  /** Later, as from a socket: never while the one who caused it is still at work. */
  #emit(change: KernelChange): void {
    if (change.kind === "route" && this.#isDeafToRoutes) return;
    setImmediate(() => this.#listener?.(change));
  }

  #plannedFailure(op: KernelOp): string | undefined {
    const planned = this.#failures.find(({ times, matches }) => times > 0 && matches(op));
    if (planned === undefined) return undefined;
    planned.times--;
    return planned.code;
  }

  #carryOut(op: KernelOp): string | undefined {
    this.external.isOwn = true;
    try {
      return this.#outcomeOf(op);
    } finally {
      this.external.isOwn = false;
    }
  }

  #outcomeOf(op: KernelOp): string | undefined {
    const state = this.external;
    switch (op.kind) {
      case "sysctl":
        if (!state.sysctls.has(op.object.name)) return "ENOENT";
        state.sysctls.set(op.object.name, op.object.value);
        return undefined;
      case "link":
        if (op.verb === "delete") return state.deleteLink(op.object.name);
        if (op.verb === "replace") return state.changeLink(op.object.name, op.actual, op.object);
        return this.#refusalOfKind(op.object) ?? state.addLink(op.object);
      case "address":
        return op.verb === "add" ? state.setAddress(op.object) : state.deleteAddress(op.object);
      case "neighbour":
        if (op.verb === "delete") return state.deleteNeighbour(op.object);
        return state.setNeighbour(op.object);
      case "fdb":
        return op.verb === "replace" ? state.setFdb(op.object) : state.deleteFdb(op.object);
      case "nexthop":
        if (op.verb === "delete") return state.deleteNexthop(op.object.id);
        return op.verb === "add" ? state.addNexthop(op.object) : state.setNexthop(op.object);
      case "route": {
        const metric = op.object.destination.family === 4 ? 0 : 1024;
        const route: FakeRoute = { ...op.object, metric };
        if (op.verb === "delete") return state.deleteRoute(route);
        return op.verb === "add" ? state.addRoute(route) : state.setRoute(route);
      }
    }
  }

  #refusalOfKind({ kind }: Link): string | undefined {
    if (kind === "tun") return undefined;
    if (kind !== "vxlan" && kind !== "ipip") return "EOPNOTSUPP";
    return this.features[kind] === "" ? undefined : "EOPNOTSUPP";
  }
}

/** Until the events of everything that happened before have been delivered. */
export function delivered(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
