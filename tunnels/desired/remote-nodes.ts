/**
 * What each remote node adds to the desired state whatever blocks it has: its neighbours, FDB
 * entries and nexthop objects, and the paths that its prefixes take.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import type { Remote } from "../../encap/forwarding-plan.ts";
import {
  type FdbEntry,
  fdbKey,
  type Neighbour,
  type Nexthop,
  neighbourKey,
  ROUTE_PROTOCOL,
} from "../kernel/kernel-state.ts";
import type { PathTable } from "../kernel/path-table.ts";
import { type Arrival, arrivalOf } from "./arrival.ts";
import type { ForwardingWish } from "./forwarding-wish.ts";
import { ipipNexthop } from "./ipip.ts";
import type { KernelWish } from "./kernel-wish.ts";
import type { LocalSide } from "./local-side.ts";
import type { LocalTunnel } from "./local-tunnel.ts";
import type { NexthopIds, NexthopRole, WantedNexthop } from "./nexthop-ids.ts";
import { OUTCOME, type Outcome, type PeerPaths } from "./path-choice.ts";
import { directHop, type FarEnd, farEnd, type Reach, reachOf, withoutDirect } from "./reach.ts";
import { sameValue } from "./same-value.ts";
import { TUNNEL_KINDS, type TunnelKind, type TunnelRole, tunnelKind } from "./tunnel-role.ts";
import { ipipRemote, tunPath, vxlanRemote } from "./userspace.ts";
import type { NodeEntry, VtepMap } from "./vtep-map.ts";
import { vxlanFdbEntry, vxlanNeighbour, vxlanNexthop } from "./vxlan.ts";

interface PeerObjects {
  readonly neighbours: Neighbour[];
  readonly fdb: FdbEntry[];
  readonly nexthops: Nexthop[];
  /** For the data path. */
  readonly remotes: { readonly [Role in TunnelRole]?: Remote };
}

/** One remote node: its paths by family, and its objects in the desired state. */
interface Peer extends PeerObjects {
  readonly 4: PeerPaths;
  readonly 6: PeerPaths;
  readonly oneWay: Arrival | undefined;
}

type Hop = Omit<Nexthop, "id">;

const DIRECT_ROLE: Record<Family, NexthopRole> = { 4: "direct", 6: "direct6" };

const UNKNOWN: PeerPaths = {
  sameSubnet: false,
  none: OUTCOME.noRecord,
  vxlan: OUTCOME.noRecord,
  ipip: OUTCOME.noRecord,
};

export interface RemoteNodesOptions {
  readonly families: readonly Family[];
  readonly nexthopObjects: boolean;
  readonly paths: PathTable;
}

export class RemoteNodes {
  /** The nodes with which CrossSubnet encapsulates one way only. */
  readonly oneWay: Map<string, Arrival> = new Map();
  readonly #options: RemoteNodesOptions;
  readonly #vteps: VtepMap;
  readonly #ids: NexthopIds;
  readonly #wish: KernelWish;
  readonly #forwarding: ForwardingWish;
  readonly #peers = new Map<string, Peer>();
  #inSubnet = 0;
  /** Key of a neighbour or FDB entry, or id of a nexthop -> name of the node. */
  readonly #owners = new Map<string | number, string>();

  constructor(
    options: RemoteNodesOptions,
    vteps: VtepMap,
    ids: NexthopIds,
    wishes: { readonly kernel: KernelWish; readonly forwarding: ForwardingWish },
  ) {
    this.#options = options;
    this.#vteps = vteps;
    this.#ids = ids;
    this.#wish = wishes.kernel;
    this.#forwarding = wishes.forwarding;
  }

  /** How many remote nodes there are. */
  get size(): number {
    return this.#peers.size;
  }

  /** How many of them are outside this node's IPv4 subnet. */
  get beyondSubnet(): number {
    return this.#peers.size - this.#inSubnet;
  }

  paths(node: string, family: Family): PeerPaths {
    return this.#peers.get(node)?.[family] ?? UNKNOWN;
  }

  ownerOf(key: string | number): string | undefined {
    return this.#owners.get(key);
  }

  /** Makes the node's part again; true if prefixes that lead to it take other paths now. */
  refresh(name: string, local: LocalSide, isLocalNode: boolean): boolean {
    const entry = isLocalNode ? undefined : this.#vteps.get(name);
    const old = this.#peers.get(name);
    const peer = entry && this.#peer(entry, local, old);
    this.#publish(name, old, peer);
    if (peer) this.#peers.set(name, peer);
    else this.#peers.delete(name);
    this.#inSubnet += Number(peer?.[4].sameSubnet ?? false) - Number(old?.[4].sameSubnet ?? false);
    if (peer?.oneWay) this.oneWay.set(name, peer.oneWay);
    else this.oneWay.delete(name);
    return !sameValue([old?.[4], old?.[6]], [peer?.[4], peer?.[6]]);
  }

  /** The nexthop objects of a node, in a fixed order, without their ids. */
  *wanted(entry: NodeEntry, local: LocalSide): Generator<WantedNexthop> {
    if (!this.#options.nexthopObjects) return;
    const node = entry.node.name;
    for (const family of this.#options.families) {
      const reach = reachOf(entry, family, local, this.#vteps);
      const direct = directHop(reach, local.families[family]);
      if (direct) yield { node, role: DIRECT_ROLE[family], nexthop: direct };
      for (const kind of TUNNEL_KINDS) {
        const tunnel = kind.family === family ? local.tunnels[kind.role] : undefined;
        if (tunnel === undefined || tunnel.endpoint !== undefined) continue;
        const end = farEnd(entry, kind, reach, this.#vteps);
        if (typeof end === "number") continue;
        yield { node, role: kind.role, nexthop: tunnelHop(tunnel, end) };
      }
    }
  }

  #peer(entry: NodeEntry, local: LocalSide, old: Peer | undefined): Peer {
    const objects: PeerObjects = { neighbours: [], fdb: [], nexthops: [], remotes: {} };
    const paths = {
      4: this.#familyPaths(entry, 4, local, objects),
      6: this.#familyPaths(entry, 6, local, objects),
    };
    return {
      ...paths,
      neighbours: keep(old?.neighbours, objects.neighbours),
      fdb: keep(old?.fdb, objects.fdb),
      nexthops: keep(old?.nexthops, objects.nexthops),
      remotes: objects.remotes,
      oneWay:
        arrivalOf(entry.node, 4, local, paths[4]) ?? arrivalOf(entry.node, 6, local, paths[6]),
    };
  }

  #familyPaths(
    entry: NodeEntry,
    family: Family,
    local: LocalSide,
    objects: PeerObjects,
  ): PeerPaths {
    const reach = reachOf(entry, family, local, this.#vteps);
    const direct = directHop(reach, local.families[family]);
    const none = direct
      ? this.#path(entry, DIRECT_ROLE[family], direct, objects)
      : withoutDirect(reach, local.families[family]);
    const { sameSubnet } = reach;
    const vxlan = this.#tunnelPath(entry, tunnelKind("vxlan", family), reach, local, objects);
    const ipip = this.#tunnelPath(entry, tunnelKind("ipip", family), reach, local, objects);
    return { sameSubnet, none, vxlan, ipip };
  }

  #tunnelPath(
    entry: NodeEntry,
    kind: TunnelKind | undefined,
    reach: Reach,
    local: LocalSide,
    objects: PeerObjects,
  ): Outcome {
    const tunnel = kind && local.tunnels[kind.role];
    if (!kind || !tunnel) return OUTCOME.noDevice;
    const end = farEnd(entry, kind, reach, this.#vteps);
    if (typeof end === "number") return end;
    if (tunnel.endpoint !== undefined) {
      const remote = end.encap === "vxlan" ? vxlanRemote(end.vtep) : ipipRemote(end.address);
      Object.assign(objects.remotes, { [kind.role]: remote });
      return this.#options.paths.intern(tunPath(kind.family, tunnel));
    }
    if (end.encap === "vxlan") {
      objects.neighbours.push(vxlanNeighbour(tunnel.link.name, end.vtep));
      objects.fdb.push(vxlanFdbEntry(tunnel.link.name, end.vtep));
    }
    return this.#path(entry, kind.role, tunnelHop(tunnel, end), objects, tunnel);
  }

  /** The path over a hop: by a nexthop object, or with the same gateway in the route itself. */
  #path(
    { node }: NodeEntry,
    role: NexthopRole,
    hop: Hop,
    { nexthops }: PeerObjects,
    tunnel?: LocalTunnel,
  ): number {
    const { family, device, gateway, onlink, protocol } = hop;
    const { nexthopObjects, paths } = this.#options;
    const id = nexthopObjects ? this.#ids.idOf(node.name, role) : undefined;
    if (id !== undefined) nexthops.push({ id, family, device, gateway, onlink, protocol });
    return paths.intern({
      family,
      type: "unicast",
      protocol: ROUTE_PROTOCOL,
      nexthopId: id,
      device: nexthopObjects ? undefined : device,
      gateway: nexthopObjects ? undefined : gateway,
      onlink: nexthopObjects ? false : onlink,
      // The device has the MTU: a change of it is one message, not one for each route.
      mtu: undefined,
      source: tunnel?.source,
    });
  }

  /** Sets the new objects first: one that another node has taken over meanwhile is not withdrawn. */
  #publish(name: string, old: Peer | undefined, peer: Peer | undefined): void {
    const { neighbours, fdb, nexthops } = this.#wish;
    const own = <K extends string | number, V>(
      target: { set(key: K, value: V): void; remove(key: K, value: V): void; map: Map<K, V> },
      before: readonly V[],
      now: readonly V[],
      keyOf: (value: V) => K,
    ): void => {
      for (const value of now) {
        const key = keyOf(value);
        if (target.map.get(key) !== value) target.set(key, value);
        this.#owners.set(key, name);
      }
      for (const value of before) {
        if (now.includes(value)) continue;
        const key = keyOf(value);
        target.remove(key, value);
        if (!target.map.has(key)) this.#owners.delete(key);
      }
    };
    own(neighbours, old?.neighbours ?? [], peer?.neighbours ?? [], neighbourKey);
    own(fdb, old?.fdb ?? [], peer?.fdb ?? [], fdbKey);
    own(nexthops, old?.nexthops ?? [], peer?.nexthops ?? [], ({ id }) => id);
    for (const { role } of TUNNEL_KINDS) {
      this.#forwarding.setRemote(name, role, peer?.remotes[role]);
    }
  }
}

/** Keeps the old objects where nothing changed, so that they are recognised as the same. */
function keep<T>(old: readonly T[] | undefined, now: T[]): T[] {
  if (old === undefined) return now;
  return now.map((value) => old.find((before) => sameValue(before, value)) ?? value);
}

/** The gateway of a remote node on the kernel's tunnel device. */
function tunnelHop({ link }: LocalTunnel, end: FarEnd): Hop {
  const device = link.name;
  return end.encap === "vxlan" ? vxlanNexthop(device, end.vtep) : ipipNexthop(device, end.address);
}
