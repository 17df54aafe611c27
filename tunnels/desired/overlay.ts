/**
 * The calculation: resources and underlay facts -> the kernel state we want.
 *
 *     change, setUnderlay, setSettings      what is known, and what is dirty because of it
 *                 |
 *             calculate    settle           source of blocks, this node's own side
 *                 |        refresh nodes    neighbours, FDB entries, nexthops, paths of each node
 *                 |        refresh routes   one decision for each dirty prefix
 *                 v
 *              desired                      and which keys of it changed
 *
 * The result depends on what is known alone, never on how it came to be known. (The one exception:
 * a nexthop id, once given, stays with its node.)
 */
import { parseCidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { ForwardingPlan } from "../../encap/forwarding-plan.ts";
import type { ObjectKind } from "../kernel/kernel-op.ts";
import type { KernelState, Nexthop, UnderlayRoute } from "../kernel/kernel-state.ts";
import { addressKey } from "../kernel/kernel-state.ts";
import { CAUSEWAY_DEVICES, type DeviceNames } from "../kernel/ownership.ts";
import type { Node } from "../model/node.ts";
import type { OverlaySettings } from "../model/overlay-settings.ts";
import type { ResourceChange } from "../model/snapshot.ts";
import { Cluster } from "./cluster.ts";
import { listConflicts } from "./conflicts.ts";
import { describeObject } from "./describe.ts";
import { deviceClashes } from "./device-clash.ts";
import { DirtyPrefixes } from "./dirty-prefixes.ts";
import { endpointClashes } from "./endpoint-clash.ts";
import { ForwardingWish } from "./forwarding-wish.ts";
import { KernelWish, type OverlayChanges } from "./kernel-wish.ts";
import { type LocalSide, localSide } from "./local-side.ts";
import type { LocalTunnels } from "./local-tunnel.ts";
import { inNameOrder } from "./name-order.ts";
import { NexthopIds, type WantedNexthop } from "./nexthop-ids.ts";
import type { OverlayOptions } from "./overlay-options.ts";
import { OUTCOME } from "./path-choice.ts";
import { PrefixClaims } from "./prefix-claims.ts";
import type { Conflict, Problem } from "./problem.ts";
import { listProblems } from "./problems.ts";
import { RemoteNodes } from "./remote-nodes.ts";
import {
  decideRoute,
  describeDecision,
  type RouteInputs,
  underlayOrder,
} from "./route-decision.ts";
import { sameValue } from "./same-value.ts";
import type { EffectiveSettings, SettingSources } from "./settings.ts";
import { forwardingSysctls } from "./sysctls.ts";
import { UNREAD_UNDERLAY, type Underlay } from "./underlay.ts";
import { Unrouted } from "./unrouted.ts";
import type { VtepEntry } from "./vtep-map.ts";
import { type Whereabouts, whereabouts } from "./whereabouts.ts";

/** So many prefixes are decided between two yields; nodes cost about ten times as much. */
const SLICE_PREFIXES = 2_000;
const SLICE_NODES = 200;

export class Overlay {
  /** Nodes and prefixes looked at since the start: what changes have cost. */
  readonly effort: { nodes: number; prefixes: number } = { nodes: 0, prefixes: 0 };
  readonly #options: OverlayOptions;
  readonly #families: readonly Family[];
  readonly #devices: DeviceNames;
  readonly #dirty: DirtyPrefixes;
  readonly #cluster: Cluster;
  readonly #underlayRoutes = new PrefixClaims<UnderlayRoute>(underlayOrder);
  readonly #nexthopIds = new NexthopIds();
  readonly #remotes: RemoteNodes;
  readonly #routeInputs: RouteInputs;
  readonly #unrouted = new Unrouted();
  readonly #wish = new KernelWish();
  readonly #forwarding = new ForwardingWish();
  #underlay: Underlay = UNREAD_UNDERLAY;
  #local: LocalSide;

  constructor(options: OverlayOptions) {
    const { node: name, paths, nexthopObjects, ipv6 } = options;
    this.#options = options;
    this.#families = ipv6 ? [4, 6] : [4];
    this.#devices = options.devices ?? CAUSEWAY_DEVICES;
    this.#dirty = new DirtyPrefixes(this.#families);
    this.#cluster = new Cluster(name, this.#dirty, options.blocks);
    const { pools, blocks, vteps } = this.#cluster;
    const peering = { families: this.#families, nexthopObjects, paths };
    const wishes = { kernel: this.#wish, forwarding: this.#forwarding };
    this.#remotes = new RemoteNodes(peering, vteps, this.#nexthopIds, wishes);
    const underlayRoutes = this.#underlayRoutes;
    const remotes = this.#remotes;
    const { ownBlocksRouted = false } = options;
    const known = { pools, blocks, vteps, remotes, underlayRoutes };
    this.#routeInputs = { name, paths, ownBlocksRouted, ...known };
    this.#local = this.#localSide();
  }

  /** Whole after each finished calculation, in pieces while one runs. */
  get desired(): KernelState {
    return this.#wish.state;
  }

  /** The tunnels that this node is to have. */
  get tunnels(): LocalTunnels {
    return this.#local.tunnels;
  }

  /** What the data path is to go by; undefined if there is nothing for it to do. */
  get forwardingPlan(): ForwardingPlan | undefined {
    return this.#forwarding.plan;
  }

  get settings(): EffectiveSettings {
    return this.#cluster.settings;
  }

  /** This node's own record: what `findUnderlay` asks for. */
  get localNode(): Node | undefined {
    return this.#cluster.vteps.get(this.#options.node)?.node;
  }

  /** Nodes where CrossSubnet would encapsulate one way and not the other. */
  get asymmetricNodes(): ReadonlySet<string> {
    return new Set(this.#remotes.oneWay.keys());
  }

  /** Whether `Underlay.routes` matters: a node address lies inside a pool. */
  get needsUnderlayRoutes(): boolean {
    return this.#cluster.hasAddressInPool;
  }

  get counts(): Cluster["counts"] {
    return this.#cluster.counts;
  }

  /** Takes resources in; `calculate` makes something of them. May be called while it runs. */
  change(changes: Iterable<ResourceChange>): void {
    for (const change of changes) this.#cluster.change(change);
  }

  /** From flags, environment and file: stronger than any FelixConfiguration. */
  setSettings(overrides: OverlaySettings, sources: SettingSources = {}): void {
    this.#cluster.setOverrides(overrides, sources);
  }

  setUnderlay(underlay: Underlay): void {
    if (!sameValue(underlay.routes, this.#underlay.routes)) {
      this.#underlayRoutes.clear();
      for (const route of underlay.routes) this.#underlayRoutes.add(route.destination, route);
      this.#cluster.vteps.addresses.markAtOnce(this.#dirty);
    }
    this.#underlay = underlay;
    this.#cluster.isLocalDirty = true;
  }

  /** Takes out of the plan what the last finished calculation left in: no route leads to it now. */
  *retireForwarding(): Generator<void> {
    this.#forwarding.retire();
    yield* this.#forwarding.build();
  }

  /** At start, before the first calculation: the nexthop objects that the kernel has already. */
  adoptNexthops(actual: ReadonlyMap<number, Nexthop>): void {
    this.#nexthopIds.adopt(actual);
  }

  /**
   * Brings `desired` up to date in slices of a few milliseconds. A walk that is given up is
   * continued by the next call; what changes while one runs is taken in before it ends.
   */
  *calculate(): Generator<void, OverlayChanges> {
    do {
      yield* this.#settle();
      yield* this.#refreshNodes();
      yield* this.#refreshRoutes();
      yield* this.#forwarding.build();
    } while (this.#isDirty);
    this.#wish.sysctls.replaceAll(forwardingSysctls(this.desired));
    return this.#wish.drain();
  }

  problems(): Problem[] {
    return listProblems({
      name: this.#options.node,
      local: this.#local,
      pools: this.#cluster.pools,
      unrouted: this.#unrouted,
      remotes: this.#remotes,
      sysctls: this.#underlay.sysctls,
    });
  }

  conflicts(): Conflict[] {
    const { vteps, blocks } = this.#cluster;
    return [
      ...deviceClashes(this.desired.links.values(), this.#underlay.tunnels, this.#devices),
      ...endpointClashes(this.tunnels, this.#underlay.tunnels, this.#devices),
      ...listConflicts(vteps, blocks.claims, blocks.borrowed),
    ];
  }

  /** Of all nodes, this one's included, by name and then family. */
  vteps(): VtepEntry[] {
    return this.#cluster.vteps.list();
  }

  /** Where an address is, for people who ask what becomes of its packets. */
  whereabouts(ip: IpAddress): Whereabouts {
    return whereabouts(ip, this.#routeInputs, this.#local);
  }

  /**
   * Why an object is wanted, for people: "block of birch"; undefined for what is not ours. `key` is
   * as in `desired`: a route's is its destination, a nexthop's its id in decimal.
   */
  describe(kind: ObjectKind, key: string): string | undefined {
    if (kind !== "route")
      return describeObject(kind, key, this.#cluster.pools, this.#remotes, this.#local);
    const cidr = parseCidr(key);
    const decision = decideRoute(cidr, this.#routeInputs, this.#local);
    return decision && describeDecision(cidr, decision, this.#routeInputs);
  }

  get #isDirty(): boolean {
    const { isLocalDirty, isSettled, vteps } = this.#cluster;
    return isLocalDirty || !isSettled || vteps.dirtyNodes.size > 0 || this.#dirty.size > 0;
  }

  /** What everything else depends on: the source of blocks, and this node's own side. */
  *#settle(): Generator<void> {
    yield* this.#cluster.settle();
    if (!this.#cluster.isLocalDirty) return;
    this.#cluster.isLocalDirty = false;
    const old = this.#local;
    this.#local = this.#localSide();
    const { families, tunnels } = this.#local;
    if (sameValue([old.families, old.tunnels], [families, tunnels])) return;
    this.#forwarding.setTunnels(tunnels);
    const wanted = Object.values(tunnels);
    this.#wish.links.replaceAll(new Map(wanted.map(({ link }) => [link.name, link])));
    this.#wish.addresses.replaceAll(
      new Map(wanted.map(({ address }) => [addressKey(address), address])),
    );
    this.#cluster.markNodes();
  }

  *#refreshNodes(): Generator<void> {
    const { dirtyNodes } = this.#cluster.vteps;
    if (dirtyNodes.size === 0) return;
    this.#nexthopIds.settleAdoption(this.#wantedNexthops());
    let done = 0;
    for (const name of inNameOrder(dirtyNodes)) {
      dirtyNodes.delete(name);
      const isLocal = name === this.#options.node;
      if (this.#remotes.refresh(name, this.#local, isLocal)) this.#cluster.markPrefixesOf(name);
      this.effort.nodes++;
      if (++done % SLICE_NODES === 0) yield;
    }
  }

  *#wantedNexthops(): Generator<WantedNexthop> {
    for (const name of inNameOrder(this.#cluster.vteps.names())) {
      const entry = this.#cluster.vteps.get(name);
      if (entry && name !== this.#options.node) yield* this.#remotes.wanted(entry, this.#local);
    }
  }

  *#refreshRoutes(): Generator<void> {
    let done = 0;
    for (const family of this.#families) {
      const isFirst = this.desired.routes[family].size === 0;
      for (const cidr of this.#dirty.take(family, isFirst)) {
        const decision = decideRoute(cidr, this.#routeInputs, this.#local);
        this.#wish.setRoute(cidr, decision?.outcome ?? OUTCOME.none);
        this.#forwarding.setPrefix(cidr, decision);
        this.#unrouted.note(cidr, decision);
        this.effort.prefixes++;
        if (++done % SLICE_PREFIXES === 0) yield;
      }
    }
  }

  #localSide(): LocalSide {
    const { vteps, pools, settings } = this.#cluster;
    const { node: name, carriers } = this.#options;
    const entry = vteps.get(name);
    return localSide({
      name,
      node: entry?.node,
      names: vteps.names(),
      vteps: entry?.vteps ?? [],
      families: this.#families,
      devices: this.#devices,
      carriers,
      pools,
      settings,
      underlay: this.#underlay,
    });
  }
}
