/**
 * What each remote node adds to the desired state whatever blocks it has: its neighbours, FDB
 * entries and nexthop objects, and the paths that its prefixes take.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import {
  type FdbEntry,
  fdbKey,
  type Neighbour,
  type Nexthop,
  neighbourKey,
  ROUTE_PROTOCOL,
} from "../kernel/kernel-state.ts";
import type { PathTable } from "../kernel/path-table.ts";
import type { Vtep } from "../model/vtep.ts";
import { directNexthop } from "./direct.ts";
import { ipipNexthop } from "./ipip.ts";
import type { KernelWish } from "./kernel-wish.ts";
import type { LocalSide, LocalTunnel } from "./local-side.ts";
import type { NexthopIds, NexthopRole, WantedNexthop } from "./nexthop-ids.ts";
import { OUTCOME, type Outcome, type PeerPaths, subnetOf } from "./path-choice.ts";
import { sameValue } from "./same-value.ts";
import { nodeAddress, TUNNEL_KINDS, type TunnelKind, tunnelKind } from "./tunnel-role.ts";
import type { NodeEntry, VtepMap } from "./vtep-map.ts";
import { vxlanFdbEntry, vxlanNeighbour, vxlanNexthop } from "./vxlan.ts";

/** One remote node: its paths by family, and its objects in the desired state. */
interface Peer {
  readonly 4: PeerPaths;
  readonly 6: PeerPaths;
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
  readonly nexthops: readonly Nexthop[];
  /** CrossSubnet would encapsulate one way and not the other. */
  readonly isAsymmetric: boolean;
}

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
  readonly asymmetric: Set<string> = new Set();
  readonly #options: RemoteNodesOptions;
  readonly #vteps: VtepMap;
  readonly #ids: NexthopIds;
  readonly #wish: KernelWish;
  readonly #peers = new Map<string, Peer>();
  /** Key of a neighbour or FDB entry, or id of a nexthop -> name of the node. */
  readonly #owners = new Map<string | number, string>();

  constructor(options: RemoteNodesOptions, vteps: VtepMap, ids: NexthopIds, wish: KernelWish) {
    this.#options = options;
    this.#vteps = vteps;
    this.#ids = ids;
    this.#wish = wish;
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
    if (peer?.isAsymmetric) this.asymmetric.add(name);
    else this.asymmetric.delete(name);
    return !sameValue([old?.[4], old?.[6]], [peer?.[4], peer?.[6]]);
  }

  /** The nexthop objects of a node, in a fixed order, without their ids. */
  *wanted(entry: NodeEntry, local: LocalSide): Generator<WantedNexthop> {
    if (!this.#options.nexthopObjects) return;
    const node = entry.node.name;
    for (const family of this.#options.families) {
      const direct = this.#directNexthop(entry, family, local);
      if (direct) yield { node, role: family === 4 ? "direct" : "direct6", nexthop: direct };
      for (const kind of TUNNEL_KINDS) {
        if (kind.family !== family) continue;
        const nexthop = this.#tunnelNexthop(entry, kind, local);
        if (typeof nexthop !== "number") yield { node, role: kind.role, nexthop };
      }
    }
  }

  #peer(entry: NodeEntry, local: LocalSide, old: Peer | undefined): Peer {
    const nexthops: Nexthop[] = [];
    const paths = {
      4: this.#familyPaths(entry, 4, local, nexthops),
      6: this.#familyPaths(entry, 6, local, nexthops),
    };
    const neighbours: Neighbour[] = [];
    const fdb: FdbEntry[] = [];
    for (const vtep of entry.vteps) {
      const device = this.#vxlanDevice(vtep, local);
      if (device === undefined || !this.#vteps.isInForce(vtep)) continue;
      neighbours.push(vxlanNeighbour(device, vtep));
      fdb.push(vxlanFdbEntry(device, vtep));
    }
    return {
      ...paths,
      nexthops: keep(old?.nexthops, nexthops),
      neighbours: keep(old?.neighbours, neighbours),
      fdb: keep(old?.fdb, fdb),
      isAsymmetric: isAsymmetric(entry, 4, local) || isAsymmetric(entry, 6, local),
    };
  }

  #familyPaths(entry: NodeEntry, family: Family, local: LocalSide, nexthops: Nexthop[]): PeerPaths {
    const tunnelPath = (kind: TunnelKind | undefined): Outcome => {
      const tunnel = kind && local.tunnels[kind.role];
      if (!kind || !tunnel) return OUTCOME.noDevice;
      const nexthop = this.#tunnelNexthop(entry, kind, local);
      return typeof nexthop === "number"
        ? nexthop
        : this.#path(entry, kind.role, nexthop, nexthops, tunnel);
    };
    const direct = this.#directNexthop(entry, family, local);
    const role = family === 4 ? "direct" : "direct6";
    return {
      sameSubnet: isSameSubnet(entry, family, local),
      none: direct
        ? this.#path(entry, role, direct, nexthops)
        : this.#withoutDirect(entry, family, local),
      vxlan: tunnelPath(tunnelKind("vxlan", family)),
      ipip: tunnelPath(tunnelKind("ipip", family)),
    };
  }

  /** The gateway of the node on a tunnel device of ours, or why there is none. */
  #tunnelNexthop(
    entry: NodeEntry,
    { role, encap, family, device }: TunnelKind,
    local: LocalSide,
  ): Omit<Nexthop, "id"> | Outcome {
    if (!local.tunnels[role]) return OUTCOME.noDevice;
    const unreachable = this.#addressFault(entry, family);
    if (unreachable !== undefined) return unreachable;
    const claim = entry.tunnels.find((tunnel) => tunnel.role === role);
    const isLost = claim && this.#vteps.tunnelHolder(claim.address) !== entry.node.name;
    if (isLost) return OUTCOME.lostTunnelAddress;
    if (encap === "ipip") {
      const address = nodeAddress(entry.node, family)?.address;
      return address ? ipipNexthop(device, address) : OUTCOME.noNodeAddress;
    }
    const vtep = entry.vteps.find((candidate) => candidate.family === family);
    if (vtep === undefined) return OUTCOME.noTunnelAddress;
    if (!this.#vteps.isInForce(vtep)) return OUTCOME.lostMac;
    return vxlanNexthop(device, vtep.tunnelIp);
  }

  #directNexthop(
    entry: NodeEntry,
    family: Family,
    local: LocalSide,
  ): Omit<Nexthop, "id"> | undefined {
    const { parent, wantsDirect } = local.families[family];
    if (parent === undefined || !wantsDirect || !isSameSubnet(entry, family, local)) return;
    if (this.#addressFault(entry, family) !== undefined) return;
    const address = nodeAddress(entry.node, family)?.address;
    return address && directNexthop(parent, address);
  }

  #withoutDirect(entry: NodeEntry, family: Family, local: LocalSide): Outcome {
    const { parent } = local.families[family];
    if (parent === undefined) return OUTCOME.noParent;
    return this.#addressFault(entry, family) ?? OUTCOME.beyondSubnet;
  }

  #addressFault({ node }: NodeEntry, family: Family): Outcome | undefined {
    const address = nodeAddress(node, family)?.address;
    if (address === undefined) return OUTCOME.noNodeAddress;
    return this.#vteps.addressHolder(address) === node.name ? undefined : OUTCOME.lostNodeAddress;
  }

  /** The path over a nexthop: by its object, or with the same gateway in the route itself. */
  #path(
    { node }: NodeEntry,
    role: NexthopRole,
    nexthop: Omit<Nexthop, "id">,
    nexthops: Nexthop[],
    tunnel?: LocalTunnel,
  ): number {
    const { family, device, gateway, onlink } = nexthop;
    const shared = {
      family,
      type: "unicast" as const,
      protocol: ROUTE_PROTOCOL,
      mtu: tunnel?.mtu,
      source: tunnel?.source,
    };
    if (!this.#options.nexthopObjects) {
      return this.#options.paths.intern({
        ...shared,
        nexthopId: undefined,
        device,
        gateway,
        onlink,
      });
    }
    const id = this.#ids.idOf(node.name, role);
    nexthops.push({ id, ...nexthop });
    const byObject = { nexthopId: id, device: undefined, gateway: undefined, onlink: false };
    return this.#options.paths.intern({ ...shared, ...byObject });
  }

  #vxlanDevice(vtep: Vtep, local: LocalSide): string | undefined {
    const kind = tunnelKind("vxlan", vtep.family);
    return kind && local.tunnels[kind.role] ? kind.device : undefined;
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
  }
}

/** Keeps the old objects where nothing changed, so that they are recognised as the same. */
function keep<T>(old: readonly T[] | undefined, now: readonly T[]): readonly T[] {
  return now.map((value) => old?.find((before) => sameValue(before, value)) ?? value);
}

/** By this node's subnet alone, as Calico has it. */
function isSameSubnet({ node }: NodeEntry, family: Family, local: LocalSide): boolean {
  const address = nodeAddress(node, family)?.address;
  return address !== undefined && (local.families[family].subnet?.contains(address) ?? false);
}

/** The remote node's own verdict, where its record says enough, is another than ours. */
function isAsymmetric(entry: NodeEntry, family: Family, local: LocalSide): boolean {
  const { address, hasCrossSubnet } = local.families[family];
  const remote = nodeAddress(entry.node, family);
  if (!hasCrossSubnet || !address || remote?.subnetLength === undefined) return false;
  const theirs = subnetOf(remote.address, remote.subnetLength)?.contains(address) ?? false;
  return theirs !== isSameSubnet(entry, family, local);
}
