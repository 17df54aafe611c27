/**
 * What the data path is to go by, as a ForwardingPlan. It follows the kernel state that is wanted: a
 * prefix is in here if its route leads to the TUN device.
 *
 * What is new is in the next plan at once, because a plan is in force before the routes that need it
 * are written. What is no longer wanted stays until `retire`, because it leaves after them; only then
 * is the index of a remote given to another one.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { ForwardingPlan, Remote, TunnelEndpoint } from "../../encap/forwarding-plan.ts";
import { NO_REMOTE } from "../../encap/prefix-columns.ts";
import { RemoteTableDraft } from "../../encap/remote-table-draft.ts";
import { RouteTable } from "../kernel/route-table.ts";
import type { LocalTunnels } from "./local-tunnel.ts";
import type { Outcome } from "./path-choice.ts";
import { PeerSet } from "./peer-set.ts";
import { sameValue } from "./same-value.ts";
import { TUNNEL_KINDS, type TunnelRole, tunnelKind } from "./tunnel-role.ts";
import type { LocalEndpoint } from "./userspace.ts";

/** What was decided for a prefix: the node that has it, and how packets get there. */
interface Decision {
  readonly node: string;
  readonly outcome: Outcome;
  readonly encap: EncapMode | undefined;
}

export class ForwardingWish {
  /** Undefined: nothing is carried in userspace. What differs from it is another object. */
  plan: ForwardingPlan | undefined;

  readonly #endpoints = new Map<TunnelRole, LocalEndpoint>();
  readonly #peers: Readonly<Record<TunnelRole, PeerSet>> = {
    vxlan: new PeerSet(),
    vxlan6: new PeerSet(),
    ipip: new PeerSet(),
  };
  readonly #remotes: (Remote | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  /** "role node" -> index of the remote that is wanted. */
  readonly #indexes = new Map<string, number>();
  readonly #prefixes = new RemoteTableDraft();
  /** The prefixes that are wanted; the "path" of a row is the index of its remote. */
  readonly #wanted = { 4: new RouteTable(4), 6: new RouteTable(6) };

  // What goes with `retire`.
  readonly #leavingRoles = new Set<TunnelRole>();
  #leavingPeers: (readonly [TunnelRole, IpAddress])[] = [];
  #leavingIndexes: number[] = [];
  readonly #leavingPrefixes = { 4: new RouteTable(4), 6: new RouteTable(6) };

  setTunnels(tunnels: LocalTunnels): void {
    for (const { role } of TUNNEL_KINDS) {
      const endpoint = tunnels[role]?.endpoint;
      if (endpoint !== undefined) {
        this.#leavingRoles.delete(role);
        if (!sameValue(this.#endpoints.get(role), endpoint)) this.#endpoints.set(role, endpoint);
      } else if (this.#endpoints.has(role)) {
        this.#leavingRoles.add(role);
      }
    }
  }

  /** A node's end of a tunnel that is carried in userspace; undefined if it has none. */
  setRemote(node: string, role: TunnelRole, remote: Remote | undefined): void {
    const owner = `${role} ${node}`;
    const known = this.#indexes.get(owner);
    const old = known === undefined ? undefined : this.#remotes[known];
    if (sameValue(old, remote)) return;
    if (old !== undefined) this.#leavingPeers.push([role, old.address]);
    if (remote !== undefined) {
      const index = known ?? this.#freeIndexes.pop() ?? this.#remotes.length;
      this.#indexes.set(owner, index);
      this.#remotes[index] = remote;
      this.#peers[role].add(remote.address);
    } else if (known !== undefined) {
      this.#indexes.delete(owner);
      this.#leavingIndexes.push(known);
    }
  }

  /** What became of a prefix, after the nodes' remotes were set. Undefined: nobody claims it. */
  setPrefix(cidr: Cidr, decision: Decision | undefined): void {
    const index = this.#indexFor(cidr, decision);
    const wanted = this.#wanted[cidr.family];
    const leaving = this.#leavingPrefixes[cidr.family];
    if (index === NO_REMOTE) {
      if (wanted.size > 0 && wanted.delete(cidr)) leaving.setCidr(cidr, 0);
      return;
    }
    leaving.delete(cidr);
    if (wanted.get(cidr) === index) return;
    wanted.setCidr(cidr, index);
    this.#prefixes.set(cidr, index);
  }

  /** Index of the remote that the data path takes its packets to; `NO_REMOTE` if it gets none. */
  #indexFor({ family }: Cidr, decision: Decision | undefined): number {
    if (this.#indexes.size === 0) return NO_REMOTE;
    if (decision?.encap === undefined || decision.outcome < 0) return NO_REMOTE;
    const role = tunnelKind(decision.encap, family)?.role;
    return this.#indexes.get(`${role} ${decision.node}`) ?? NO_REMOTE;
  }

  /** Brings `plan` up to date, in slices of a few milliseconds. */
  *build(): Generator<void> {
    if (this.#endpoints.size === 0) {
      this.plan = undefined;
      return;
    }
    const old = this.plan;
    const endpoints: TunnelEndpoint[] = [];
    for (const { role } of TUNNEL_KINDS) {
      const endpoint = this.#endpoints.get(role);
      if (endpoint === undefined) continue;
      const made = { ...endpoint, peers: yield* this.#peers[role].build() };
      endpoints.push(old?.endpoints.find((one) => sameFields(one, made)) ?? made);
    }
    const plan = {
      endpoints: keepIfSame(old?.endpoints, endpoints),
      remotes: keepIfSame(old?.remotes, this.#remotes.slice()),
      prefixes: yield* this.#prefixes.build(),
    };
    if (old === undefined || !sameFields(old, plan)) this.plan = plan;
  }

  /** Lets what is no longer wanted go with the next `build`: no route leads to it any more. */
  retire(): void {
    for (const role of this.#leavingRoles) this.#endpoints.delete(role);
    for (const [role, address] of this.#leavingPeers) this.#peers[role].remove(address);
    for (const index of this.#leavingIndexes) this.#remotes[index] = undefined;
    this.#freeIndexes.push(...this.#leavingIndexes);
    for (const table of [this.#leavingPrefixes[4], this.#leavingPrefixes[6]]) {
      for (const row of table.rows()) this.#prefixes.set(table.destinationOf(row), NO_REMOTE);
      table.clear();
    }
    this.#leavingRoles.clear();
    this.#leavingPeers = [];
    this.#leavingIndexes = [];
  }
}

function keepIfSame<T>(old: readonly T[] | undefined, now: readonly T[]): readonly T[] {
  const isSame = old?.length === now.length && now.every((value, at) => value === old[at]);
  return isSame ? (old as readonly T[]) : now;
}

/** Compares no deeper than the fields: tables and lists that did not change are the same objects. */
function sameFields<T extends object>(a: T, b: T): boolean {
  const keys = Object.keys(a) as (keyof T)[];
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
