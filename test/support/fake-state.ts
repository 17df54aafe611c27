/**
 * The objects of the fake kernel and what becomes of them: who takes whom along, what is announced
 * and what goes without a word (measured on Linux 6.18). Methods return an errno or undefined.
 */
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { KernelChange } from "../../tunnels/kernel/kernel.ts";
import {
  type Address,
  addressKey,
  type FdbEntry,
  fdbKey,
  type Link,
  type Neighbour,
  type Nexthop,
  neighbourKey,
  parentOf,
  ROUTE_PROTOCOL,
} from "../../tunnels/kernel/kernel-state.ts";
import { isOurNexthop } from "../../tunnels/kernel/ownership.ts";
import type { PathTable } from "../../tunnels/kernel/path-table.ts";
import { changedLink, refusalOfNewLink } from "./fake-link-rules.ts";
import { type FakeRoute, isSameWay, refusalOfPath, refusalOfRoute } from "./fake-route-rules.ts";

type Outcome = string | undefined;

export class FakeState {
  readonly links: Map<string, Link> = new Map();
  readonly addresses: Map<string, Address> = new Map();
  readonly neighbours: Map<string, Neighbour> = new Map();
  readonly fdb: Map<string, FdbEntry> = new Map();
  readonly nexthops: Map<number, Nexthop> = new Map();
  /** By destination and metric. */
  readonly routes: Map<string, FakeRoute> = new Map();
  readonly sysctls: Map<string, string> = new Map([["net.ipv4.ip_forward", "0"]]);
  /** Set while our own operations run: then what they ask for is not announced, only what follows. */
  isOwn = false;
  readonly #paths: PathTable;
  readonly #announce: (change: KernelChange) => void;
  #lastIfindex = 0;

  constructor(paths: PathTable, announce: (change: KernelChange) => void) {
    this.#paths = paths;
    this.#announce = announce;
  }

  addLink(link: Link): Outcome {
    const refusal = refusalOfNewLink(link, this.links);
    if (refusal !== undefined) return refusal;
    const ifindex = ++this.#lastIfindex;
    const made = `02:00:00:00:00:${ifindex.toString(16).padStart(2, "0")}` as MacAddress;
    const mac = link.kind === "ipip" ? undefined : (link.mac ?? made);
    this.#setLink({ ...link, ifindex, mac, running: link.up });
    return undefined;
  }

  /** `from` is what the change was worked out against; only what differs from it is changed. */
  changeLink(name: string, from: Link | undefined, to: Link): Outcome {
    const link = this.links.get(name);
    if (link === undefined) return "ENODEV";
    const changed = changedLink(link, from, to);
    if (typeof changed === "string") return changed;
    this.#setLink(changed);
    if (changed.mac !== link.mac) this.#flushNeighbours(name);
    if (link.up && !changed.up) this.#goDown(name);
    return undefined;
  }

  deleteLink(name: string): Outcome {
    const link = this.links.get(name);
    if (link === undefined) return "ENODEV";
    for (const other of [...this.links.values()]) {
      if (parentOf(other.tunnel) === name) this.deleteLink(other.name);
    }
    this.#goDown(name);
    for (const [key, address] of this.addresses) {
      if (address.device !== name) continue;
      this.addresses.delete(key);
      this.#announce({ kind: "address", device: name, deleted: true });
    }
    for (const [key, entry] of this.fdb) if (entry.device === name) this.fdb.delete(key);
    this.links.delete(name);
    const { ifindex } = link;
    this.#announce({ kind: "link", device: name, ifindex, up: false, deleted: true });
    return undefined;
  }

  setAddress(address: Address): Outcome {
    if (!this.links.has(address.device)) return "ENODEV";
    if (this.addresses.has(addressKey(address))) return "EEXIST";
    this.addresses.set(addressKey(address), address);
    this.#tell({ kind: "address", device: address.device, deleted: false });
    return undefined;
  }

  deleteAddress(address: Address): Outcome {
    if (!this.links.has(address.device)) return "ENODEV";
    if (!this.addresses.delete(addressKey(address))) return "EADDRNOTAVAIL";
    this.#tell({ kind: "address", device: address.device, deleted: true });
    const { family } = address.ip;
    const isLast = ![...this.addresses.values()].some(
      (other) => other.device === address.device && other.ip.family === family,
    );
    // IPv4 routes go without a word with the last address; those with this source are announced.
    this.#dropRoutes(({ path }) => path.source?.equals(address.ip) === true, true);
    if (family === 4 && isLast) this.#dropRoutes((route) => this.#leads(route, 4, address.device));
    return undefined;
  }

  setNeighbour(neighbour: Neighbour): Outcome {
    if (!this.links.has(neighbour.device)) return "ENODEV";
    this.neighbours.set(neighbourKey(neighbour), neighbour);
    this.#tell({ kind: "neighbour", device: neighbour.device, deleted: false });
    return undefined;
  }

  deleteNeighbour(neighbour: Pick<Neighbour, "device" | "ip">): Outcome {
    if (!this.neighbours.delete(neighbourKey(neighbour))) return "ENOENT";
    this.#tell({ kind: "neighbour", device: neighbour.device, deleted: true });
    return undefined;
  }

  setFdb(entry: FdbEntry): Outcome {
    const tunnel = this.links.get(entry.device)?.tunnel;
    if (!this.links.has(entry.device)) return "ENODEV";
    if (tunnel?.kind !== "vxlan") return "EOPNOTSUPP";
    if (tunnel.local !== undefined && tunnel.local.family !== entry.destination.family) {
      return "EAFNOSUPPORT";
    }
    this.fdb.set(fdbKey(entry), entry);
    this.#tell({ kind: "fdb", device: entry.device, deleted: false });
    return undefined;
  }

  deleteFdb(entry: Pick<FdbEntry, "device" | "mac">): Outcome {
    if (!this.fdb.delete(fdbKey(entry))) return "ENOENT";
    this.#tell({ kind: "fdb", device: entry.device, deleted: true });
    return undefined;
  }

  addNexthop(nexthop: Nexthop): Outcome {
    return this.nexthops.has(nexthop.id) ? "EEXIST" : this.setNexthop(nexthop);
  }

  setNexthop(nexthop: Nexthop): Outcome {
    const refusal = refusalOfPath(this, nexthop);
    if (refusal !== undefined) return refusal;
    this.nexthops.set(nexthop.id, nexthop);
    const owned = isOurNexthop(nexthop);
    this.#tell({ kind: "nexthop", id: nexthop.id, owned, deleted: false });
    return undefined;
  }

  deleteNexthop(id: number): Outcome {
    const nexthop = this.nexthops.get(id);
    if (nexthop === undefined) return "ENOENT";
    this.nexthops.delete(id);
    this.#tell({ kind: "nexthop", id, owned: isOurNexthop(nexthop), deleted: true });
    this.#dropRoutes(({ path }) => path.nexthopId === id);
    return undefined;
  }

  addRoute(route: FakeRoute): Outcome {
    return this.routes.has(routeKey(route)) ? "EEXIST" : this.setRoute(route);
  }

  setRoute(route: FakeRoute): Outcome {
    const refusal = refusalOfRoute(this, route.path);
    if (refusal !== undefined) return refusal;
    this.routes.set(routeKey(route), route);
    this.#tellRoute(route, false);
    return undefined;
  }

  /** Removes the route only if its path is the one named. */
  deleteRoute(route: FakeRoute): Outcome {
    const found = this.routes.get(routeKey(route));
    if (found === undefined || !isSameWay(found.path, route.path)) return "ESRCH";
    this.routes.delete(routeKey(route));
    this.#tellRoute(found, true);
    return undefined;
  }

  #setLink(link: Link): void {
    this.links.set(link.name, link);
    const { name, ifindex, up } = link;
    this.#announce({ kind: "link", device: name, ifindex, up, deleted: false });
  }

  /** IPv4 routes go in silence; IPv6 routes and addresses, neighbours and nexthops are announced. */
  #goDown(device: string): void {
    this.#dropRoutes((route) => this.#leads(route, 4, device));
    this.#dropRoutes((route) => this.#leads(route, 6, device), true);
    for (const [id, nexthop] of this.nexthops) {
      if (nexthop.device !== device) continue;
      this.nexthops.delete(id);
      const owned = isOurNexthop(nexthop);
      this.#announce({ kind: "nexthop", id, owned, deleted: true });
    }
    this.#flushNeighbours(device);
    for (const [key, address] of this.addresses) {
      if (address.device !== device || address.ip.family === 4) continue;
      this.addresses.delete(key);
      this.#announce({ kind: "address", device, deleted: true });
    }
  }

  #flushNeighbours(device: string): void {
    for (const [key, neighbour] of this.neighbours) {
      if (neighbour.device !== device) continue;
      this.neighbours.delete(key);
      this.#announce({ kind: "neighbour", device, deleted: true });
    }
  }

  #dropRoutes(isGone: (route: FakeRoute) => boolean, isAnnounced = false): void {
    for (const [key, route] of [...this.routes]) {
      if (!isGone(route)) continue;
      this.routes.delete(key);
      if (isAnnounced) this.#announceRoute(route, true);
    }
  }

  #leads({ path }: FakeRoute, family: number, device: string): boolean {
    const { nexthopId } = path;
    const via = nexthopId === undefined ? path.device : this.nexthops.get(nexthopId)?.device;
    return path.family === family && via === device;
  }

  /** Announces what was asked for, unless it was our own asking. */
  #tell(change: KernelChange): void {
    if (!this.isOwn) this.#announce(change);
  }

  #tellRoute(route: FakeRoute, deleted: boolean): void {
    if (!this.isOwn) this.#announceRoute(route, deleted);
  }

  #announceRoute({ destination, path, metric }: FakeRoute, deleted: boolean): void {
    if (metric !== (path.family === 4 ? 0 : 1024)) return;
    const owned = path.protocol === ROUTE_PROTOCOL;
    const number = this.#paths.intern(path);
    this.#announce({ kind: "route", destination, path: number, owned, deleted });
  }
}

export function routeKey({
  destination,
  metric,
}: Pick<FakeRoute, "destination" | "metric">): string {
  return `${destination} ${metric}`;
}
