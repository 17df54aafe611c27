/** A node's own record: what the agent writes into it, and how it knows a record that it wrote. */

import { parseAddressWithLength } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import { TUNNEL_KINDS, type TunnelRole } from "../../tunnels/desired/tunnel-role.ts";
import type { ChosenAddress } from "../../tunnels/ipam/node-address.ts";
import { ROLL_CALL } from "../datastore/record-node.ts";
import type { RecordValue } from "../datastore/record-store.ts";
import { recordOf } from "./ipam-records.ts";

/** On the records that an agent of Causeway registered: which machine it runs on. */
export const MACHINE_ANNOTATION = "causeway/machine";

export interface Registration {
  readonly name: string;
  /** Absent where none was found: then the record keeps what it has. */
  readonly ipv4?: ChosenAddress | undefined;
  readonly ipv6?: ChosenAddress | undefined;
  /** Null takes the address out of the record; what is absent stays. */
  readonly tunnels: { readonly [Role in TunnelRole]?: IpAddress | null };
  readonly machine: string;
}

interface NodeSpec {
  readonly bgp?: Readonly<Record<string, unknown>> | null;
  readonly addresses?: readonly ListedAddress[] | null;
  readonly [field: string]: unknown;
}

interface ListedAddress {
  readonly address?: unknown;
  readonly type?: unknown;
}

/** The record with this node's part as it shall be; the same where it is so already. */
export function nodeRecord(old: RecordValue | undefined, registration: Registration): RecordValue {
  const { name, ipv4, ipv6, tunnels, machine } = registration;
  const spec = (old?.spec ?? {}) as NodeSpec;
  const bgp = set(spec.bgp ?? {}, {
    ipv4Address: ipv4 && `${ipv4.address}/${ipv4.length}`,
    ipv6Address: ipv6 && `${ipv6.address}/${ipv6.length}`,
    ipv4IPIPTunnelAddr: textOf(tunnels.ipip),
  });
  const next = set(spec, {
    bgp: Object.keys(bgp).length > 0 ? bgp : undefined,
    ipv4VXLANTunnelAddr: textOf(tunnels.vxlan),
    ipv6VXLANTunnelAddr: textOf(tunnels.vxlan6),
    addresses: listed(spec.addresses ?? [], bgp),
  });
  const record = recordOf("Node", name, next, old);
  // Whoever asked whether this agent lives has the answer when the question is gone.
  const { [ROLL_CALL]: _, ...others } = record.metadata.annotations ?? {};
  const annotations = { ...others, [MACHINE_ANNOTATION]: machine };
  const written = { ...record, metadata: { ...record.metadata, annotations } };
  return old !== undefined && isSame(old, written) ? old : written;
}

/** Undefined where no agent of Causeway registered the node. */
export function machineOf({ metadata }: RecordValue): string | undefined {
  return metadata.annotations?.[MACHINE_ANNOTATION];
}

/** True if the record says where the node is: somebody registered it, or wrote it by hand. */
export function hasAddress({ spec }: RecordValue): boolean {
  const { bgp } = spec as NodeSpec;
  return Boolean(bgp?.["ipv4Address"] || bgp?.["ipv6Address"]);
}

/** The node addresses of a record; what is no address is passed over. */
export function nodeAddressesOf(record: RecordValue | undefined): IpAddress[] {
  const bgp = (record?.spec as NodeSpec | undefined)?.bgp;
  const texts = [bgp?.["ipv4Address"], bgp?.["ipv6Address"]];
  return texts.flatMap((text) => readAddress(text) ?? []);
}

/** The tunnel addresses of a record; what is no address is passed over. */
export function tunnelAddressesOf(record: RecordValue | undefined): {
  [Role in TunnelRole]?: IpAddress;
} {
  const spec = record?.spec as NodeSpec | undefined;
  const texts: Record<TunnelRole, unknown> = {
    vxlan: spec?.["ipv4VXLANTunnelAddr"],
    vxlan6: spec?.["ipv6VXLANTunnelAddr"],
    ipip: spec?.bgp?.["ipv4IPIPTunnelAddr"],
  };
  const found: { [Role in TunnelRole]?: IpAddress } = {};
  for (const { role } of TUNNEL_KINDS) {
    const address = readAddress(texts[role]);
    if (address !== undefined) found[role] = address;
  }
  return found;
}

function readAddress(text: unknown): IpAddress | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return parseAddressWithLength(text).address;
  } catch {
    return undefined;
  }
}

/** Calico's nodes list their addresses once more, beside those that others know of. */
function listed(
  old: readonly ListedAddress[],
  bgp: Readonly<Record<string, unknown>>,
): readonly ListedAddress[] {
  const own = [bgp["ipv4Address"], bgp["ipv6Address"]].filter(Boolean);
  const others = old.filter(({ type }) => type !== "CalicoNodeIP");
  return [...own.map((address) => ({ address, type: "CalicoNodeIP" })), ...others];
}

/** Undefined leaves a member as it is, null takes it out. */
function set<T extends Readonly<Record<string, unknown>>>(
  old: T,
  members: Readonly<Record<string, unknown>>,
): T {
  const next: Record<string, unknown> = { ...old };
  for (const [name, value] of Object.entries(members)) {
    if (value === null) delete next[name];
    else if (value !== undefined) next[name] = value;
  }
  return next as T;
}

function textOf(address: IpAddress | null | undefined): string | null | undefined {
  return address === null ? null : address?.toString();
}

/** Members in any order. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  if (left.length !== right.length || Array.isArray(a) !== Array.isArray(b)) return false;
  return left.every(([key, value]) => isSame(value, (b as Record<string, unknown>)[key]));
}
