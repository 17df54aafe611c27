/**
 * The nodes, the VTEP each one is to the others, and which of several claimants on an address is in
 * force: the first by name, except that a node never gives up its own.
 */
import { hostCidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { Node } from "../model/node.ts";
import { type Vtep, vtepMac } from "../model/vtep.ts";
import type { DirtyPrefixes } from "./dirty-prefixes.ts";
import { MacClaims } from "./mac-claims.ts";
import { compareText, inNameOrder } from "./name-order.ts";
import { PrefixClaims } from "./prefix-claims.ts";
import {
  nodeAddress,
  TUNNEL_KINDS,
  type TunnelKind,
  type TunnelRole,
  tunnelAddress,
} from "./tunnel-role.ts";

export interface AddressClaim {
  readonly node: string;
  readonly address: IpAddress;
}

export interface TunnelClaim extends AddressClaim {
  readonly role: TunnelRole;
}

/** What follows from one record alone. */
export interface NodeEntry {
  readonly node: Node;
  readonly addresses: readonly AddressClaim[];
  /** Only of tunnels that have both ends: a tunnel address and a node address of its family. */
  readonly tunnels: readonly TunnelClaim[];
  readonly vteps: readonly Vtep[];
}

/** A VTEP of the cluster as this node sees it. */
export interface VtepEntry extends Vtep {
  readonly local: boolean;
  /** False if another node won a conflict on its tunnel address, MAC or node address. */
  readonly inForce: boolean;
}

export class VtepMap {
  readonly addresses: PrefixClaims<AddressClaim> = new PrefixClaims<AddressClaim>(compareClaims);
  readonly tunnels: PrefixClaims<TunnelClaim> = new PrefixClaims<TunnelClaim>(compareClaims);
  readonly macs: Readonly<Record<Family, MacClaims>> = { 4: new MacClaims(), 6: new MacClaims() };
  /** Nodes whose part of the desired state has to be made again. */
  readonly dirtyNodes: Set<string> = new Set();
  readonly #local: string;
  readonly #dirty: DirtyPrefixes;
  readonly #entries = new Map<string, NodeEntry>();

  constructor(local: string, dirty: DirtyPrefixes) {
    this.#local = local;
    this.#dirty = dirty;
  }

  get(name: string): NodeEntry | undefined {
    return this.#entries.get(name);
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<NodeEntry> {
    return this.#entries.values();
  }

  names(): IterableIterator<string> {
    return this.#entries.keys();
  }

  put(name: string, node: Node | undefined): void {
    const old = this.#entries.get(name);
    if (old) this.#withdraw(old);
    if (node) {
      const entry = nodeEntry(node);
      this.#entries.set(name, entry);
      this.#claim(entry);
    } else {
      this.#entries.delete(name);
    }
    this.dirtyNodes.add(name);
  }

  /** The node that a node address stands for, here. */
  addressHolder(address: IpAddress): string | undefined {
    return this.inForce(this.addresses.all(hostCidr(address)))?.node;
  }

  tunnelHolder(address: IpAddress): string | undefined {
    return this.inForce(this.tunnels.all(hostCidr(address)))?.node;
  }

  macHolder(family: Family, mac: MacAddress): string | undefined {
    const names = this.macs[family].all(mac);
    return names.includes(this.#local) ? this.#local : names[0];
  }

  /** The claim that counts on this node, of claims in order. */
  inForce<T extends AddressClaim>(claims: readonly T[]): T | undefined {
    if (claims.length < 2) return claims[0];
    return claims.find((claim) => claim.node === this.#local) ?? claims[0];
  }

  /** Of all nodes, by name and then family. */
  list(): VtepEntry[] {
    return inNameOrder(this.names()).flatMap((name) =>
      (this.get(name)?.vteps ?? []).map((vtep) => ({
        ...vtep,
        local: name === this.#local,
        inForce: this.isInForce(vtep),
      })),
    );
  }

  /** True if the VTEP lost neither its tunnel address, its MAC nor its node address. */
  isInForce(vtep: Vtep): boolean {
    return (
      this.tunnelHolder(vtep.tunnelIp) === vtep.node &&
      this.macHolder(vtep.family, vtep.mac) === vtep.node &&
      this.addressHolder(vtep.underlayIp) === vtep.node
    );
  }

  #claim(entry: NodeEntry): void {
    for (const claim of entry.addresses) this.#change(this.addresses, claim, true);
    for (const claim of entry.tunnels) this.#change(this.tunnels, claim, true);
    for (const { family, mac, node } of entry.vteps) {
      for (const rival of this.macs[family].add(mac, node)) this.dirtyNodes.add(rival);
    }
  }

  #withdraw(entry: NodeEntry): void {
    for (const claim of entry.addresses) this.#change(this.addresses, claim, false);
    for (const claim of entry.tunnels) this.#change(this.tunnels, claim, false);
    for (const { family, mac, node } of entry.vteps) {
      for (const rival of this.macs[family].remove(mac, node)) this.dirtyNodes.add(rival);
    }
  }

  #change<T extends AddressClaim>(claims: PrefixClaims<T>, claim: T, isAdded: boolean): void {
    const cidr = hostCidr(claim.address);
    if (isAdded) claims.add(cidr, claim);
    else claims.remove(cidr, claim);
    for (const rival of claims.all(cidr)) this.dirtyNodes.add(rival.node);
    this.#dirty.mark(cidr);
  }
}

function nodeEntry(node: Node): NodeEntry {
  const addresses: AddressClaim[] = [];
  for (const family of [4, 6] as const) {
    const found = nodeAddress(node, family);
    if (found) addresses.push({ node: node.name, address: found.address });
  }
  const tunnels: TunnelClaim[] = [];
  const vteps: Vtep[] = [];
  for (const kind of TUNNEL_KINDS) {
    const address = tunnelAddress(node, kind);
    const underlay = nodeAddress(node, kind.family);
    if (!address || !underlay) continue;
    tunnels.push({ node: node.name, address, role: kind.role });
    if (kind.encap !== "vxlan") continue;
    vteps.push({
      node: node.name,
      family: kind.family,
      tunnelIp: address,
      mac: deviceMac(node, kind),
      underlayIp: underlay.address,
    });
  }
  return { node, addresses, tunnels, vteps };
}

/** The record's override, else what follows from the name. */
function deviceMac(node: Node, kind: TunnelKind): MacAddress {
  const override = kind.family === 4 ? node.tunnel.vxlanMac : node.tunnel.vxlan6Mac;
  return override ?? vtepMac(node.name, kind.family);
}

/** TUNNEL_KINDS is in the order of preference where one node uses an address for two tunnels. */
function compareClaims(a: AddressClaim, b: AddressClaim): number {
  return compareText(a.node, b.node);
}
