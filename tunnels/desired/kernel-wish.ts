/** The desired kernel state, and which of its keys changed since the last finished calculation. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type {
  Address,
  FdbEntry,
  KernelState,
  Link,
  Neighbour,
  Nexthop,
  Sysctl,
} from "../kernel/kernel-state.ts";
import { RouteTable } from "../kernel/route-table.ts";
import { TrackedMap } from "./tracked-map.ts";

export interface RouteChanges {
  /** Rows of `desired.routes` that are new or lead elsewhere. */
  readonly rows: readonly number[];
  readonly removed: readonly Cidr[];
}

export interface OverlayChanges {
  /** True for the first calculation: whatever was there before, everything is new. */
  readonly all: boolean;
  readonly links: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
  readonly neighbours: ReadonlySet<string>;
  readonly fdb: ReadonlySet<string>;
  readonly nexthops: ReadonlySet<number>;
  readonly routes: { readonly 4: RouteChanges; readonly 6: RouteChanges };
  readonly sysctls: ReadonlySet<string>;
}

export class KernelWish {
  readonly links: TrackedMap<string, Link> = new TrackedMap();
  readonly addresses: TrackedMap<string, Address> = new TrackedMap();
  readonly neighbours: TrackedMap<string, Neighbour> = new TrackedMap();
  readonly fdb: TrackedMap<string, FdbEntry> = new TrackedMap();
  readonly nexthops: TrackedMap<number, Nexthop> = new TrackedMap();
  readonly sysctls: TrackedMap<string, Sysctl> = new TrackedMap();
  readonly state: KernelState = {
    links: this.links.map,
    addresses: this.addresses.map,
    neighbours: this.neighbours.map,
    fdb: this.fdb.map,
    nexthops: this.nexthops.map,
    routes: { 4: new RouteTable(4), 6: new RouteTable(6) },
    sysctls: this.sysctls.map,
  };
  #rows: { 4: number[]; 6: number[] } = { 4: [], 6: [] };
  #removed: { 4: Cidr[]; 6: Cidr[] } = { 4: [], 6: [] };
  #isFirst = true;

  /** `path`: the number of a path, or negative for no route. */
  setRoute(destination: Cidr, path: number): void {
    const { family, length } = destination;
    const table = this.state.routes[family];
    const { w0, w1, w2, w3 } = destination.address;
    const row = table.find(w0, w1, w2, w3, length);
    if (path >= 0 && table.pathOf(row) !== path) {
      this.#rows[family].push(table.set(w0, w1, w2, w3, length, path, row));
    } else if (path < 0 && row >= 0) {
      table.removeRow(row);
      this.#removed[family].push(destination);
    }
  }

  drain(): OverlayChanges {
    const all = this.#isFirst;
    this.#isFirst = false;
    return {
      all,
      links: this.links.drain(),
      addresses: this.addresses.drain(),
      neighbours: this.neighbours.drain(),
      fdb: this.fdb.drain(),
      nexthops: this.nexthops.drain(),
      routes: { 4: this.#drainRoutes(4), 6: this.#drainRoutes(6) },
      sysctls: this.sysctls.drain(),
    };
  }

  /** Leaves out what a calculation that was given up had set and a later one has taken back. */
  #drainRoutes(family: Family): RouteChanges {
    const table = this.state.routes[family];
    const rows = this.#rows[family].filter((row) => table.pathOf(row) >= 0);
    const removed = this.#removed[family].filter((cidr) => table.findCidr(cidr) < 0);
    this.#rows[family] = [];
    this.#removed[family] = [];
    return { rows, removed };
  }
}
