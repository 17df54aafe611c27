/**
 * What is known of the cluster: the resources, indexed, and the marks on what has to be calculated
 * again because one of them changed.
 */
import { type Cidr, hostCidr } from "../../encap/address/cidr.ts";
import type { Block } from "../model/block.ts";
import type { BlockOrigin } from "../model/block-origin.ts";
import type { IpPool } from "../model/ip-pool.ts";
import type { Node } from "../model/node.ts";
import type { FelixConfiguration, OverlaySettings } from "../model/overlay-settings.ts";
import type { ResourceChange } from "../model/snapshot.ts";
import { BlockIndex } from "./block-index.ts";
import type { DirtyPrefixes } from "./dirty-prefixes.ts";
import { PoolIndex } from "./pool-index.ts";
import { sameValue } from "./same-value.ts";
import {
  type EffectiveSettings,
  effectiveSettings,
  type SettingSources,
  type SettingsLayer,
} from "./settings.ts";
import { VtepMap } from "./vtep-map.ts";

/** More changed blocks than this, and all tunnel addresses are looked at once instead of for each. */
const FEW_BLOCKS = 16;

export class Cluster {
  /** This node's name. */
  readonly name: string;
  readonly pools: PoolIndex = new PoolIndex();
  readonly blocks: BlockIndex;
  readonly vteps: VtepMap;
  /** Set: this node's own side may have changed. */
  isLocalDirty = true;
  readonly #dirty: DirtyPrefixes;
  readonly #configurations = new Map<string, FelixConfiguration>();
  /** Before the first `settle` every prefix is marked anyway. */
  #isNew = true;
  /** CIDRs of pools that came, went or changed: every prefix inside may have another pool now. */
  readonly #changedPools: Cidr[] = [];
  #overrides: SettingsLayer = { source: "override", settings: {} };
  #settings: EffectiveSettings = effectiveSettings([]);
  /** Nodes with an address inside a pool; undefined: to be found again. */
  #nodesInPools: Set<string> | undefined;

  constructor(name: string, dirty: DirtyPrefixes, blocks: BlockOrigin = "auto") {
    this.name = name;
    this.#dirty = dirty;
    this.blocks = new BlockIndex(dirty, blocks);
    this.vteps = new VtepMap(name, dirty);
  }

  get settings(): EffectiveSettings {
    return this.#settings;
  }

  get counts(): { readonly nodes: number; readonly blocks: number; readonly pools: number } {
    return { nodes: this.vteps.size, blocks: this.blocks.size, pools: this.pools.size };
  }

  /** Whether a node address lies inside a pool, so that the underlay's own way to it matters. */
  get hasAddressInPool(): boolean {
    if (this.#nodesInPools === undefined) {
      this.#nodesInPools = new Set();
      for (const name of this.vteps.names()) this.#lookInPools(name, this.#nodesInPools);
    }
    return this.#nodesInPools.size > 0;
  }

  /** What is equal to what is known already changes nothing. */
  change({ kind, name, resource }: ResourceChange): void {
    switch (kind) {
      case "Node":
        this.#changeNode(name, resource as Node | undefined);
        return;
      case "IPPool":
        this.#changePool(name, resource as IpPool | undefined);
        return;
      case "IPAMBlock":
        this.#changeBlock(name, resource as Block | undefined);
        return;
      case "FelixConfiguration":
        if (resource) this.#configurations.set(name, resource as FelixConfiguration);
        else this.#configurations.delete(name);
        this.#changeSettings();
    }
  }

  setOverrides(settings: OverlaySettings, sources: SettingSources): void {
    this.#overrides = { source: "override", settings, sources };
    this.#changeSettings();
  }

  /** Whether `settle` has anything to mark. */
  get isSettled(): boolean {
    return this.#changedPools.length === 0 && this.blocks.isSettled;
  }

  /** Marks what follows from changes that concern many prefixes at once, in slices. */
  *settle(): Generator<void> {
    this.#isNew = false;
    this.blocks.settleSource();
    const touched = this.blocks.takeTouched();
    if (touched.length > FEW_BLOCKS) this.vteps.tunnels.markAtOnce(this.#dirty);
    else for (const cidr of touched) this.vteps.tunnels.markAtOnce(this.#dirty, cidr);
    for (const cidr of this.#changedPools) {
      const { addresses, tunnels } = this.vteps;
      for (const claims of [this.blocks.claims, this.blocks.borrowed, addresses, tunnels]) {
        yield* claims.mark(this.#dirty, cidr);
      }
    }
    this.#changedPools.length = 0;
  }

  /** Marks every node, and every tunnel address: whether one is routed depends on our devices. */
  markNodes(): void {
    for (const name of this.vteps.names()) this.vteps.dirtyNodes.add(name);
    this.vteps.tunnels.markAtOnce(this.#dirty);
  }

  /** Marks every prefix whose route leads to the node. */
  markPrefixesOf(node: string): void {
    if (this.#dirty.isUntouched) return;
    this.blocks.markNode(node);
    for (const { address } of this.vteps.get(node)?.tunnels ?? []) {
      this.#dirty.mark(hostCidr(address));
    }
  }

  #changeNode(name: string, node: Node | undefined): void {
    if (sameValue(this.vteps.get(name)?.node, node)) return;
    this.vteps.put(name, node);
    this.blocks.putPodCidrs(name, node);
    if (this.#nodesInPools) this.#lookInPools(name, this.#nodesInPools);
    if (name === this.name) this.isLocalDirty = true;
  }

  #changeBlock(name: string, block: Block | undefined): void {
    const old = this.blocks.get(name);
    if (!sameValue(old, block)) this.blocks.put(name, block, old);
  }

  #changePool(name: string, pool: IpPool | undefined): void {
    const old = this.pools.get(name);
    if (!this.pools.put(name, pool)) return;
    if (!this.#isNew) {
      for (const cidr of [old?.cidr, pool?.cidr]) if (cidr) this.#changedPools.push(cidr);
    }
    this.#nodesInPools = undefined;
    this.isLocalDirty = true;
  }

  #lookInPools(name: string, found: Set<string>): void {
    const addresses = this.vteps.get(name)?.addresses ?? [];
    const isInside = addresses.some(({ address }) => this.pools.containing(hostCidr(address)));
    if (isInside) found.add(name);
    else found.delete(name);
  }

  #changeSettings(): void {
    const layers = ["default", `node.${this.name}`].map((name) => ({
      source: `FelixConfiguration ${name}`,
      settings: this.#configurations.get(name)?.settings,
    }));
    this.#settings = effectiveSettings([...layers, this.#overrides]);
    this.isLocalDirty = true;
  }
}
