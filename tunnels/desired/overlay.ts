/**
 * The calculation: resources and underlay facts -> the kernel state we want.
 *
 *     change, setUnderlay, setSettings      what is known, and what is dirty because of it
 *                 |
 *             calculate    settle           settings, source of blocks, this node's own side
 *                 |        refresh nodes    neighbours, FDB entries, nexthops, paths of each node
 *                 |        refresh routes   one decision for each dirty prefix
 *                 v
 *              desired                      and which keys of it changed
 *
 * The result depends on what is known alone, never on how it came to be known. (The one exception:
 * a nexthop id, once given, stays with its node.)
 */
import { type Cidr, hostCidr, parseCidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type { ObjectKind } from "../kernel/kernel-op.ts";
import type { KernelState, Nexthop, UnderlayRoute } from "../kernel/kernel-state.ts";
import { addressKey } from "../kernel/kernel-state.ts";
import type { PathTable } from "../kernel/path-table.ts";
import type { Node } from "../model/node.ts";
import type { FelixConfiguration, OverlaySettings } from "../model/overlay-settings.ts";
import type { Resource, ResourceChange } from "../model/snapshot.ts";
import type { Vtep } from "../model/vtep.ts";
import { BlockIndex } from "./block-index.ts";
import { listConflicts } from "./conflicts.ts";
import { describeObject } from "./describe.ts";
import { DirtyPrefixes } from "./dirty-prefixes.ts";
import { KernelWish, type OverlayChanges } from "./kernel-wish.ts";
import { type LocalSide, localSide } from "./local-side.ts";
import { inNameOrder } from "./name-order.ts";
import { NexthopIds, type WantedNexthop } from "./nexthop-ids.ts";
import { OUTCOME } from "./path-choice.ts";
import { PoolIndex } from "./pool-index.ts";
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
import { type EffectiveSettings, effectiveSettings } from "./settings.ts";
import { forwardingSysctls } from "./sysctls.ts";
import { UNREAD_UNDERLAY, type Underlay } from "./underlay.ts";
import { Unrouted } from "./unrouted.ts";
import { VtepMap } from "./vtep-map.ts";

export interface OverlayOptions {
  /** This node's name. */
  readonly node: string;
  readonly paths: PathTable;
  /** Whether the kernel has nexthop objects. */
  readonly nexthopObjects: boolean;
  /** Empty: the kernel can make such devices; else why it cannot. */
  readonly encaps: { readonly vxlan: string; readonly ipip: string };
  readonly ipv6: boolean;
}

/** A VTEP of the cluster as this node sees it. */
export interface VtepEntry extends Vtep {
  readonly local: boolean;
  /** False if another node won a conflict on its tunnel address, MAC or node address. */
  readonly inForce: boolean;
}

/** So many prefixes are decided between two yields; nodes cost about ten times as much. */
const SLICE_PREFIXES = 2_000;
const SLICE_NODES = 200;
/** More changed blocks than this, and all tunnel addresses are looked at once instead of for each. */
const FEW_BLOCKS = 16;

export class Overlay {
  readonly #options: OverlayOptions;
  readonly #families: readonly Family[];
  readonly #wish = new KernelWish();
  readonly #dirty = new DirtyPrefixes();
  readonly #unrouted = new Unrouted();
  readonly #pools = new PoolIndex();
  readonly #blocks = new BlockIndex(this.#dirty);
  readonly #configurations = new Map<string, FelixConfiguration>();
  readonly #underlayRoutes = new PrefixClaims<UnderlayRoute>(underlayOrder);
  readonly #nexthopIds = new NexthopIds();
  readonly #vteps: VtepMap;
  readonly #remotes: RemoteNodes;
  readonly #routeInputs: RouteInputs;
  #overrides: OverlaySettings = {};
  #settings: EffectiveSettings = effectiveSettings([]);
  #underlay: Underlay = UNREAD_UNDERLAY;
  #local: LocalSide;
  /** Set: this node's own side may have changed. */
  #isLocalDirty = true;
  #isFirst = true;
  /** Undefined: to be found out again. */
  #needsUnderlayRoutes: boolean | undefined;

  constructor(options: OverlayOptions) {
    const { node: name, paths, nexthopObjects } = options;
    this.#options = options;
    this.#families = options.ipv6 ? [4, 6] : [4];
    this.#vteps = new VtepMap(name, this.#dirty);
    this.#remotes = new RemoteNodes(
      { families: this.#families, nexthopObjects, paths },
      this.#vteps,
      this.#nexthopIds,
      this.#wish,
    );
    this.#routeInputs = {
      name,
      paths,
      pools: this.#pools,
      blocks: this.#blocks,
      vteps: this.#vteps,
      remotes: this.#remotes,
      underlayRoutes: this.#underlayRoutes,
    };
    this.#local = this.#localSide();
  }

  /** Whole after each finished calculation, in pieces while one runs. */
  get desired(): KernelState {
    return this.#wish.state;
  }

  get settings(): EffectiveSettings {
    return this.#settings;
  }

  /** This node's own record: what `findUnderlay` asks for. */
  get localNode(): Node | undefined {
    return this.#vteps.get(this.#options.node)?.node;
  }

  /** Nodes where CrossSubnet would encapsulate one way and not the other. */
  get asymmetricNodes(): ReadonlySet<string> {
    return this.#remotes.asymmetric;
  }

  /** Whether a node address lies inside a pool, so that the underlay's own way to it matters. */
  get needsUnderlayRoutes(): boolean {
    this.#needsUnderlayRoutes ??= [...this.#vteps.entries()].some(({ addresses }) =>
      addresses.some(({ address }) => this.#pools.containing(hostCidr(address)) !== undefined),
    );
    return this.#needsUnderlayRoutes;
  }

  get counts(): { readonly nodes: number; readonly blocks: number; readonly pools: number } {
    return { nodes: this.#vteps.size, blocks: this.#blocks.size, pools: this.#pools.size };
  }

  /** Takes resources in; `calculate` makes something of them. May be called while it runs. */
  change(changes: Iterable<ResourceChange>): void {
    for (const change of changes) this.#take(change);
  }

  /** From flags, environment and file: stronger than any FelixConfiguration. */
  setSettings(overrides: OverlaySettings): void {
    this.#overrides = overrides;
    this.#isLocalDirty = true;
    this.#settings = this.#effectiveSettings();
  }

  setUnderlay(underlay: Underlay): void {
    if (!sameValue(underlay.routes, this.#underlay.routes)) {
      this.#underlayRoutes.clear();
      for (const route of underlay.routes) this.#underlayRoutes.add(route.destination, route);
      this.#vteps.addresses.mark(this.#dirty);
    }
    this.#underlay = underlay;
    this.#isLocalDirty = true;
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
      this.#settle();
      yield* this.#refreshNodes();
      yield* this.#refreshRoutes();
      this.#isFirst = false;
    } while (this.#isLocalDirty || this.#vteps.dirtyNodes.size > 0 || this.#dirty.size > 0);
    this.#wish.sysctls.replaceAll(forwardingSysctls(this.desired));
    return this.#wish.drain();
  }

  problems(): Problem[] {
    return listProblems({
      name: this.#options.node,
      local: this.#local,
      pools: this.#pools,
      unrouted: this.#unrouted,
      asymmetric: this.#remotes.asymmetric,
    });
  }

  conflicts(): Conflict[] {
    return listConflicts(this.#vteps, this.#blocks.claims, this.#blocks.borrowed);
  }

  /** Of all nodes, this one's included, by name and then family. */
  vteps(): VtepEntry[] {
    return inNameOrder(this.#vteps.names()).flatMap((name) =>
      (this.#vteps.get(name)?.vteps ?? []).map((vtep) => ({
        ...vtep,
        local: name === this.#options.node,
        inForce: this.#vteps.isInForce(vtep),
      })),
    );
  }

  /** Why an object is wanted, for people: "block of birch"; undefined for what is not ours. */
  describe(kind: ObjectKind, key: string): string | undefined {
    if (kind !== "route") {
      return describeObject(kind, key, this.#pools, this.#remotes);
    }
    const cidr = parseCidr(key);
    const decision = decideRoute(cidr, this.#routeInputs, this.#local);
    return decision && describeDecision(cidr, decision, this.#routeInputs);
  }

  #take({ kind, name, resource }: ResourceChange): void {
    switch (kind) {
      case "Node": {
        const node = resource as Extract<Resource, { kind: "Node" }> | undefined;
        this.#vteps.put(name, node);
        this.#blocks.putPodCidrs(name, node);
        this.#needsUnderlayRoutes = undefined;
        if (name === this.#options.node) this.#isLocalDirty = true;
        return;
      }
      case "IPPool": {
        const old = this.#pools.get(name);
        const pool = resource as Extract<Resource, { kind: "IPPool" }> | undefined;
        if (!this.#pools.put(name, pool)) return;
        for (const cidr of [old?.cidr, pool?.cidr]) if (cidr) this.#markInside(cidr);
        this.#needsUnderlayRoutes = undefined;
        this.#isLocalDirty = true;
        return;
      }
      case "IPAMBlock":
        this.#blocks.put(name, resource as Extract<Resource, { kind: "IPAMBlock" }> | undefined);
        return;
      case "FelixConfiguration":
        if (resource) this.#configurations.set(name, resource as FelixConfiguration);
        else this.#configurations.delete(name);
        this.#settings = this.#effectiveSettings();
        this.#isLocalDirty = true;
    }
  }

  /** Marks every prefix whose pool may be another one now. */
  #markInside(cidr: Cidr): void {
    const { addresses, tunnels } = this.#vteps;
    for (const claims of [this.#blocks.claims, this.#blocks.borrowed, addresses, tunnels]) {
      claims.mark(this.#dirty, cidr);
    }
  }

  /** What everything else depends on: the source of blocks, and this node's own side. */
  #settle(): void {
    this.#blocks.settleSource();
    const touched = this.#blocks.takeTouched();
    if (touched.length > FEW_BLOCKS) this.#vteps.tunnels.mark(this.#dirty);
    else for (const cidr of touched) this.#vteps.tunnels.mark(this.#dirty, cidr);
    if (!this.#isLocalDirty) return;
    this.#isLocalDirty = false;
    const old = this.#local;
    this.#local = this.#localSide();
    const { families, tunnels } = this.#local;
    if (sameValue([old.families, old.tunnels], [families, tunnels])) return;
    const wanted = Object.values(tunnels);
    this.#wish.links.replaceAll(new Map(wanted.map(({ link }) => [link.name, link])));
    this.#wish.addresses.replaceAll(
      new Map(wanted.map(({ address }) => [addressKey(address), address])),
    );
    for (const name of this.#vteps.names()) this.#vteps.dirtyNodes.add(name);
    this.#vteps.tunnels.mark(this.#dirty);
  }

  *#refreshNodes(): Generator<void> {
    const { dirtyNodes } = this.#vteps;
    if (dirtyNodes.size === 0) return;
    this.#nexthopIds.settleAdoption(this.#wantedNexthops());
    let done = 0;
    for (const name of inNameOrder(dirtyNodes)) {
      dirtyNodes.delete(name);
      const isLocal = name === this.#options.node;
      if (this.#remotes.refresh(name, this.#local, isLocal)) this.#markNode(name);
      if (++done % SLICE_NODES === 0) yield;
    }
  }

  /** Marks every prefix whose route leads to the node. */
  #markNode(name: string): void {
    this.#blocks.markNode(name);
    for (const { address } of this.#vteps.get(name)?.tunnels ?? []) {
      this.#dirty.mark(hostCidr(address));
    }
  }

  *#wantedNexthops(): Generator<WantedNexthop> {
    for (const name of inNameOrder(this.#vteps.names())) {
      const entry = this.#vteps.get(name);
      if (entry && name !== this.#options.node) yield* this.#remotes.wanted(entry, this.#local);
    }
  }

  *#refreshRoutes(): Generator<void> {
    let done = 0;
    for (const family of this.#families) {
      for (const cidr of this.#dirty.take(family, this.#isFirst)) {
        const decision = decideRoute(cidr, this.#routeInputs, this.#local);
        this.#wish.setRoute(cidr, decision?.outcome ?? OUTCOME.none);
        this.#unrouted.note(cidr, decision);
        if (++done % SLICE_PREFIXES === 0) yield;
      }
    }
  }

  #effectiveSettings(): EffectiveSettings {
    const layers = ["default", `node.${this.#options.node}`].map((name) => ({
      source: `FelixConfiguration ${name}`,
      settings: this.#configurations.get(name)?.settings,
    }));
    return effectiveSettings([...layers, { source: "override", settings: this.#overrides }]);
  }

  #localSide(): LocalSide {
    const { node: name, encaps } = this.#options;
    const entry = this.#vteps.get(name);
    return localSide({
      name,
      node: entry?.node,
      vteps: entry?.vteps ?? [],
      families: this.#families,
      encaps,
      pools: this.#pools,
      settings: this.#settings,
      underlay: this.#underlay,
    });
  }
}
