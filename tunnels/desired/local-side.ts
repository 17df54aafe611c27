/**
 * This node's own side of the overlay: its subnets and parent devices, the tunnel devices it is to
 * have, and what it lacks for them.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { Carriers } from "./carrier.ts";
import {
  type LocalTunnel,
  type LocalTunnels,
  localTunnel,
  shareTunDevice,
  type TunnelInputs,
} from "./local-tunnel.ts";
import { inNameOrder } from "./name-order.ts";
import { subnetOf } from "./path-choice.ts";
import type { PoolIndex } from "./pool-index.ts";
import type { Problem } from "./problem.ts";
import type { EffectiveSettings } from "./settings.ts";
import {
  nodeAddress,
  TUNNEL_KINDS,
  type TunnelKind,
  type TunnelRole,
  tunnelKind,
} from "./tunnel-role.ts";
import type { Underlay, UnderlayParent } from "./underlay.ts";

export interface LocalFamily {
  readonly address: IpAddress | undefined;
  /** The nodes inside are reached directly where the pool's mode lets them be. */
  readonly subnet: Cidr | undefined;
  readonly parent: string | undefined;
  /** Some pool is CrossSubnet or Never. */
  readonly wantsDirect: boolean;
  readonly hasCrossSubnet: boolean;
}

/** A problem of this node, and the prefixes that have no route because of it. */
export interface Shortfall {
  readonly problem: Problem;
  readonly role?: TunnelRole | undefined;
  readonly family?: Family;
  /** Only those of this pool. */
  readonly pool?: string;
}

export interface LocalSide {
  readonly families: { readonly 4: LocalFamily; readonly 6: LocalFamily };
  readonly tunnels: LocalTunnels;
  readonly shortfalls: readonly Shortfall[];
}

export interface LocalInputs extends TunnelInputs {
  /** Of all nodes. */
  readonly names: Iterable<string>;
  readonly families: readonly Family[];
  readonly carriers: Carriers;
  readonly pools: PoolIndex;
  readonly underlay: Underlay;
}

export function localSide(inputs: LocalInputs): LocalSide {
  const shortfalls: Shortfall[] = [];
  const wanted = TUNNEL_KINDS.filter((kind) => isWanted(kind, inputs, shortfalls));
  if (inputs.node === undefined) {
    const hint = recordHint([...inputs.names]);
    shortfalls.push({ problem: problem(`node ${inputs.name}`, NO_RECORD, hint) });
  }
  noteUnsupportedPools(inputs, shortfalls);
  const families = { 4: localFamily(4, inputs), 6: localFamily(6, inputs) };
  const tunnels: { [Role in TunnelRole]?: LocalTunnel } = {};
  for (const family of inputs.families) {
    const kinds = wanted.filter((kind) => kind.family === family);
    if (kinds.length === 0 && !families[family].wantsDirect) continue;
    const parent = findParent(family, inputs, shortfalls);
    if (parent === undefined) continue;
    for (const kind of kinds) {
      const { role, encap } = kind;
      const inUserspace = inputs.carriers[encap].by === "userspace";
      const { tunnel, problems } = localTunnel(kind, inUserspace, parent, inputs);
      shortfalls.push(...problems.map((one) => ({ problem: one, role })));
      if (tunnel) tunnels[role] = tunnel;
    }
  }
  return { families, tunnels: shareTunDevice(tunnels), shortfalls };
}

const NO_RECORD = "this node has no record in the datastore";
/** So many names of nodes are listed one by one. */
const LISTED = 5;

function recordHint(names: readonly string[]): string {
  const some = inNameOrder(names).slice(0, LISTED).join(", ");
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  const known = names.length === 0 ? "" : `; there are ${some}${more}`;
  return `add a Node of this name, or start the agent with the right --node${known}`;
}

/** A pool asks for the tunnel, or a setting does, and somebody can carry it. */
function isWanted(kind: TunnelKind, inputs: LocalInputs, shortfalls: Shortfall[]): boolean {
  if (!inputs.families.includes(kind.family)) return false;
  const pools = inputs.pools.routed(kind.family, kind.encap);
  const setting = enabledSetting(kind, inputs.settings);
  if (setting?.value === false) {
    for (const pool of pools) {
      const reason = `${kind.label} is turned off by ${kind.encap}Enabled (${setting.source})`;
      const note: Problem = { subject: `pool "${pool.name}"`, reason, severity: "note" };
      shortfalls.push({ problem: note, role: kind.role, pool: pool.name });
    }
    return false;
  }
  if (pools.length === 0 && setting?.value !== true) return false;
  const carrier = inputs.carriers[kind.encap];
  if (carrier.by !== "nobody") return true;
  const { reason, hint } = carrier;
  for (const pool of pools) {
    const subject = `pool "${pool.name}"`;
    shortfalls.push({ problem: problem(subject, reason, hint), role: kind.role, pool: pool.name });
  }
  if (pools.length === 0) {
    const device = inputs.devices.nameOf(kind.role, inputs.settings.vxlanVni.value);
    shortfalls.push({ problem: problem(`device ${device}`, reason, hint), role: kind.role });
  }
  return false;
}

/** Pools that no node of this make can carry. */
function noteUnsupportedPools({ pools, families }: LocalInputs, shortfalls: Shortfall[]): void {
  for (const { name, encap } of pools.routed(6)) {
    const subject = `pool "${name}"`;
    if (!families.includes(6)) {
      const hint = "turn IPv6 on in the kernel, or remove the pool";
      shortfalls.push({ problem: problem(subject, "this kernel has no IPv6", hint), pool: name });
    } else if (tunnelKind(encap, 6) === undefined && encap !== "none") {
      const hint = "give the pool vxlanMode";
      const reason = "IP-in-IP carries IPv4 only";
      shortfalls.push({ problem: problem(subject, reason, hint), pool: name });
    }
  }
}

/** IPv6 follows its pools alone, as Calico has it. */
function enabledSetting(
  kind: TunnelKind,
  settings: EffectiveSettings,
): EffectiveSettings["vxlanEnabled"] | undefined {
  if (kind.family === 6) return undefined;
  return kind.encap === "vxlan" ? settings.vxlanEnabled : settings.ipipEnabled;
}

function localFamily(
  family: Family,
  { families, node, pools, underlay }: LocalInputs,
): LocalFamily {
  const own = families.includes(family) ? nodeAddress(node, family) : undefined;
  const parent = parentOf(underlay, own?.address);
  const routed = pools.routed(family);
  return {
    address: own?.address,
    subnet: own && subnetOf(own.address, own.subnetLength ?? parent?.prefixLength),
    parent: parent?.device,
    wantsDirect: routed.some((pool) => pool.mode !== "Always"),
    hasCrossSubnet: routed.some((pool) => pool.mode === "CrossSubnet"),
  };
}

/** What was found for another address than the record's present one does not count. */
function parentOf(underlay: Underlay, address: IpAddress | undefined): UnderlayParent | undefined {
  const found = address && underlay[address.family];
  return found?.device !== undefined && address?.equals(found.address) ? found : undefined;
}

function findParent(
  family: Family,
  { name, node, underlay }: LocalInputs,
  shortfalls: Shortfall[],
): UnderlayParent | undefined {
  if (node === undefined) return undefined;
  const own = nodeAddress(node, family);
  if (own === undefined) {
    const hint = `set spec.bgp.ipv${family}Address, or an InternalIP`;
    const reason = `this node has no IPv${family} address in its record`;
    shortfalls.push({ problem: problem(`node ${name}`, reason, hint), family });
    return undefined;
  }
  const parent = parentOf(underlay, own.address);
  const reason = parent === undefined ? absence(underlay[family], own.address) : parent.lost;
  if (reason === undefined) return parent;
  const hint = `give a link the address ${own.address}, or the Node the address of a link`;
  shortfalls.push({ problem: problem(`IPv${family} underlay`, reason, hint), family });
  return parent;
}

function absence(found: Underlay[Family], address: IpAddress): string {
  return found.device === undefined ? found.reason : `no link is known for ${address}`;
}

function problem(subject: string, reason: string, hint: string): Problem {
  return { subject, reason, hint, severity: "error" };
}
