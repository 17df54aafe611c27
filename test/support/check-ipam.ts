// What `calicoctl ipam check` looks for, and a little more, as lines that say what is wrong.

import { type Cidr, hostCidr, parseCidr } from "../../encap/address/cidr.ts";
import { parseIp } from "../../encap/address/ip-address.ts";
import type { RecordKind, RecordStore, RecordValue } from "../../src/datastore/record-store.ts";
import { addressAt } from "../../tunnels/ipam/address-number.ts";

interface Allocation {
  readonly address: string;
  readonly block: string;
  readonly handle: string | undefined;
  readonly node: string | undefined;
  readonly type: string | undefined;
}

const FIELDS: readonly (readonly [string, (spec: RecordValue["spec"]) => unknown])[] = [
  ["vxlanTunnelAddress", (spec) => spec["ipv4VXLANTunnelAddr"]],
  ["vxlanV6TunnelAddress", (spec) => spec["ipv6VXLANTunnelAddr"]],
  ["ipipTunnelAddress", (spec) => (spec["bgp"] as Record<string, unknown>)?.["ipv4IPIPTunnelAddr"]],
];

export async function checkIpam(store: RecordStore): Promise<string[]> {
  const list = async (kind: RecordKind): Promise<RecordValue[]> =>
    (await store.list(kind)).map(({ value }) => value);
  const pools = (await list("IPPool")).map(({ spec }) => parseCidr(String(spec["cidr"])));
  const blocks = await list("IPAMBlock");
  const allocations = blocks.flatMap(allocationsOf);
  return [
    ...blockFaults(blocks, pools),
    ...affinityFaults(blocks, await list("BlockAffinity")),
    ...handleFaults(allocations, await list("IPAMHandle")),
    ...tunnelFaults(allocations, await list("Node")),
  ];
}

function* blockFaults(blocks: readonly RecordValue[], pools: readonly Cidr[]): Generator<string> {
  const seen: Cidr[] = [];
  for (const { spec } of blocks) {
    const cidr = parseCidr(String(spec["cidr"]));
    if (!pools.some((pool) => pool.covers(cidr))) yield `block ${cidr} is in no pool`;
    for (const other of seen) if (other.overlaps(cidr)) yield `block ${cidr} overlaps ${other}`;
    seen.push(cidr);
    const slots = spec["allocations"] as (number | null)[];
    const free = slots.flatMap((index, at) => (index === null ? [at] : []));
    const listed = [...(spec["unallocated"] as number[])].sort((a, b) => a - b);
    if (free.join() !== listed.join()) yield `block ${cidr} is free at ${free}, lists ${listed}`;
    if (slots.length !== 2 ** ((cidr.family === 4 ? 32 : 128) - cidr.length)) {
      yield `block ${cidr} has ${slots.length} slots`;
    }
    const attributes = spec["attributes"] as unknown[];
    for (const [at, index] of slots.entries()) {
      if (index !== null && attributes[index] === undefined)
        yield `block ${cidr}: ${at} is nobody's`;
    }
    for (const index of attributes.keys()) {
      if (!slots.includes(index)) yield `block ${cidr}: attributes ${index} are nobody's`;
    }
  }
}

function* affinityFaults(
  blocks: readonly RecordValue[],
  affinities: readonly RecordValue[],
): Generator<string> {
  const claims = new Map<string, string>();
  for (const { spec } of affinities) {
    const { node, cidr, state } = spec as Record<string, string>;
    if (state !== "confirmed") yield `affinity of ${node} to ${cidr} is ${state}`;
    if (claims.has(cidr as string))
      yield `block ${cidr} is claimed by ${claims.get(cidr as string)} and ${node}`;
    claims.set(cidr as string, `host:${node}`);
  }
  for (const { spec } of blocks) {
    const { cidr, affinity } = spec as Record<string, string>;
    const claim = claims.get(cidr as string);
    if (claim !== (affinity ?? undefined))
      yield `block ${cidr} is of ${affinity}, claimed by ${claim}`;
    claims.delete(cidr as string);
  }
  for (const [cidr, claim] of claims) yield `${claim} claims ${cidr}, which is no block`;
}

function* handleFaults(
  allocations: readonly Allocation[],
  handles: readonly RecordValue[],
): Generator<string> {
  const counted = new Map<string, number>();
  for (const { handle, block, address } of allocations) {
    if (handle === undefined) yield `${address} has no handle`;
    const key = `${handle} in ${block}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  for (const { spec } of handles) {
    const blocks = Object.entries(spec["block"] as Record<string, number>);
    if (blocks.length === 0) yield `handle ${spec["handleID"]} holds nothing`;
    for (const [block, count] of blocks) {
      const key = `${spec["handleID"]} in ${block}`;
      if (counted.get(key) !== count)
        yield `handle ${key} counts ${count}, not ${counted.get(key)}`;
      counted.delete(key);
    }
  }
  for (const key of counted.keys()) yield `no handle for ${key}`;
}

/** Tunnel addresses that no node uses, and addresses that a node uses and nobody allocated. */
function* tunnelFaults(
  allocations: readonly Allocation[],
  nodes: readonly RecordValue[],
): Generator<string> {
  const used = new Map<string, string>();
  for (const { metadata, spec } of nodes) {
    for (const [type, field] of FIELDS) {
      const text = field(spec);
      if (typeof text !== "string") continue;
      const key = String(hostCidr(parseIp(text)));
      if (used.has(key)) yield `${key} is used twice: ${used.get(key)} and ${metadata.name}`;
      used.set(key, `${type} of ${metadata.name}`);
    }
  }
  for (const { address, node, type } of allocations) {
    const key = String(hostCidr(parseIp(address)));
    if (type === undefined) continue;
    if (used.get(key) !== `${type} of ${node}`)
      yield `${address}, ${type} of ${node}, is not in use`;
    used.delete(key);
  }
  for (const [key, use] of used) yield `${key}, ${use}, is not allocated`;
}

function allocationsOf({ spec }: RecordValue): Allocation[] {
  const cidr = parseCidr(String(spec["cidr"]));
  const attributes = spec["attributes"] as {
    handle_id?: string;
    secondary?: Record<string, string>;
  }[];
  return (spec["allocations"] as (number | null)[]).flatMap((index, ordinal) => {
    if (index === null) return [];
    const { handle_id: handle, secondary = {} } = attributes[index] ?? {};
    const { node, type } = secondary;
    return [{ address: String(addressAt(cidr, ordinal)), block: String(cidr), handle, node, type }];
  });
}
