/**
 * A kernel that changes nothing: it is read from the real one once, and what is applied changes
 * the copy and is remembered. A plan made with it is made by the agent itself.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import { applyToState, emptyKernelState } from "../../tunnels/kernel/apply-to-state.ts";
import { describeNexthop, describeRoute } from "../../tunnels/kernel/describe-op.ts";
import type { Kernel, KernelFeatures, RouteVisitor } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import {
  type Address,
  type FdbEntry,
  fdbKey,
  type KernelState,
  type Link,
  type Neighbour,
  type Nexthop,
  neighbourKey,
  type Sysctl,
  type UnderlayRoute,
} from "../../tunnels/kernel/kernel-state.ts";
import type { PathTable } from "../../tunnels/kernel/path-table.ts";
import type { KernelOps } from "../../tunnels/kernel/route-batch.ts";

type Row = readonly [number, number, number, number, number, number];
type Rows = Record<Family, Row[]>;

export class PlanKernel implements Kernel {
  readonly ops: KernelOp[] = [];
  /** What the kernel has in the place of an operation's object, where that is another. */
  readonly found: Map<KernelOp, string> = new Map();
  readonly writeCount = 0;
  readonly #real: Kernel;
  readonly #state: KernelState = emptyKernelState();
  readonly #read = new Set<string>();
  readonly #foreign: Rows = { 4: [], 6: [] };
  /** With our protocol, at destinations that have a row already. */
  readonly #second: Rows = { 4: [], 6: [] };

  constructor(real: Kernel) {
    this.#real = real;
  }

  get features(): KernelFeatures {
    return this.#real.features;
  }

  get paths(): PathTable {
    return this.#real.paths;
  }

  readLinks(): Promise<Map<string, Link>> {
    return this.#once("links", this.#state.links, () => this.#real.readLinks());
  }

  readAddresses(): Promise<Map<string, Address>> {
    return this.#once("addresses", this.#state.addresses, () => this.#real.readAddresses());
  }

  readNeighbours(devices: readonly string[]): Promise<Map<string, Neighbour>> {
    const { neighbours } = this.#state;
    return this.#once("neighbours", neighbours, () => this.#real.readNeighbours(devices));
  }

  readFdb(devices: readonly string[]): Promise<Map<string, FdbEntry>> {
    return this.#once("fdb", this.#state.fdb, () => this.#real.readFdb(devices));
  }

  readNexthops(): Promise<Map<number, Nexthop>> {
    return this.#once("nexthops", this.#state.nexthops, () => this.#real.readNexthops());
  }

  async readSysctls(names: readonly string[]): Promise<Map<string, Sysctl>> {
    const { sysctls } = this.#state;
    const all = await this.#once(`sysctls ${names}`, sysctls, () => this.#real.readSysctls(names));
    return new Map([...all].filter(([name]) => names.includes(name)));
  }

  readUnderlayRoutes(family: Family, device: string): Promise<UnderlayRoute[]> {
    return this.#real.readUnderlayRoutes(family, device);
  }

  routesFingerprint(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async readRoutes(family: Family, visitor: RouteVisitor): Promise<void> {
    const table = this.#state.routes[family];
    if (!this.#read.has(`routes ${family}`)) {
      this.#read.add(`routes ${family}`);
      await this.#real.readRoutes(family, {
        owned: (...row) => this.#takeOwned(family, row),
        wants: () => true,
        foreign: (...row) => this.#foreign[family].push(row),
      });
    }
    for (const row of table.rows()) {
      const words = [0, 1, 2, 3].map((at) => table.wordOf(row, at));
      const [w0, w1, w2, w3] = words as [number, number, number, number];
      visitor.owned(w0, w1, w2, w3, table.lengthOf(row), table.pathOf(row));
    }
    for (const row of this.#second[family]) visitor.owned(...row);
    for (const [w0, w1, w2, w3, length, path] of this.#foreign[family]) {
      if (visitor.wants(w0, w1, w2, w3, length)) visitor.foreign(w0, w1, w2, w3, length, path);
    }
  }

  pauseRouteEvents(): void {}

  resumeRouteEvents(): void {}

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  apply(ops: KernelOps): Promise<[]> {
    // What stood beside a route of ours leaves that where it is.
    for (const op of ops) {
      const found = foundInstead(op, this.#state, this.paths);
      if (found !== undefined) this.found.set(op, found);
    }
    const isBeside = ({ kind, verb, reason }: KernelOp): boolean =>
      kind === "route" && verb === "delete" && reason === "foreign";
    applyToState(
      this.#state,
      [...ops].filter((op) => !isBeside(op)),
      this.paths,
    );
    for (const op of ops) {
      this.ops.push(op);
      if (op.kind === "route" && op.reason === "foreign") this.#forget(op.object.destination);
    }
    return Promise.resolve([]);
  }

  watch(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#real.close();
  }

  async #once<K, V>(
    name: string,
    held: Map<K, V>,
    read: () => Promise<Map<K, V>>,
  ): Promise<Map<K, V>> {
    if (!this.#read.has(name)) {
      this.#read.add(name);
      for (const [key, value] of await read()) held.set(key, value);
    }
    return new Map(held);
  }

  #takeOwned(family: Family, row: Row): void {
    const [w0, w1, w2, w3, length, path] = row;
    const table = this.#state.routes[family];
    const at = table.find(w0, w1, w2, w3, length);
    if (at < 0) table.set(w0, w1, w2, w3, length, path);
    else if (table.pathOf(at) !== path) this.#second[family].push(row);
  }

  #forget({ family, length, address }: Cidr): void {
    const isOther = ([w0, w1, w2, w3, bits]: Row): boolean =>
      bits !== length ||
      w0 !== address.w0 ||
      w1 !== address.w1 ||
      w2 !== address.w2 ||
      w3 !== address.w3;
    for (const rows of [this.#foreign, this.#second]) rows[family] = rows[family].filter(isOther);
  }
}

/** What stands where a replaced object is to be, as the tools of the kernel print it. */
function foundInstead(op: KernelOp, state: KernelState, paths: PathTable): string | undefined {
  if (op.verb === "delete") return undefined;
  switch (op.kind) {
    case "fdb":
      return state.fdb.get(fdbKey(op.object))?.destination.toString();
    case "neighbour":
      return state.neighbours.get(neighbourKey(op.object))?.mac;
    case "nexthop": {
      const nexthop = state.nexthops.get(op.object.id);
      return nexthop && describeNexthop(nexthop);
    }
    case "route": {
      const { destination } = op.object;
      const row = state.routes[destination.family].get(destination);
      return row < 0 ? undefined : describeRoute({ destination, path: paths.get(row) });
    }
    case "sysctl":
      return state.sysctls.get(op.object.name)?.value;
    default:
      return undefined;
  }
}
