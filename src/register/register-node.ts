/**
 * One pass of registering, from what the datastore says now to what it shall say:
 *
 *   node address -> Node record -> blocks, one in each pool -> tunnel addresses in them -> Node record
 *
 * Every step finds what earlier passes did, and what they left half done. What cannot be done is a
 * problem of its own; the rest goes on. The record comes first because its labels, some of which
 * others may have set, say which pools are for this node.
 */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import { compareText } from "../../tunnels/desired/name-order.ts";
import type { Problem } from "../../tunnels/desired/problem.ts";
import type { TunnelRole } from "../../tunnels/desired/tunnel-role.ts";
import type { AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import type { ChosenAddress, NoAddress } from "../../tunnels/ipam/node-address.ts";
import { type AddressPool, eligiblePools } from "../../tunnels/ipam/pool.ts";
import type { RecordStore, RecordValue } from "../datastore/record-store.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import { adoptNode } from "./adopt-node.ts";
import { changeRecord } from "./change-record.ts";
import { Claims, readIpamLimits } from "./claims.ts";
import {
  machineOf,
  nodeAddressesOf,
  nodeRecord,
  type Registration,
  tunnelAddressesOf,
} from "./node-record.ts";
import { ownBlocks } from "./own-blocks.ts";
import { readAddressPool } from "./read-pool.ts";
import { answersRollCall } from "./roll-call.ts";
import { holdTunnelAddresses, type TunnelHolding } from "./tunnel-addresses.ts";

/** @param current what the record says now */
export type FindAddress = (
  family: Family,
  pools: readonly Cidr[],
  current: IpAddress | undefined,
) => Promise<ChosenAddress | NoAddress>;

export interface RegisterInputs {
  readonly store: RecordStore;
  readonly node: string;
  readonly machine: string;
  readonly findAddress: FindAddress;
  /** Names of other nodes that claim one of these addresses, as far as is known. */
  readonly claimants: (addresses: readonly IpAddress[]) => readonly string[];
  /** Milliseconds that another machine of this name has to say that it lives. */
  readonly patience?: number;
}

export interface NodeAddresses {
  4?: ChosenAddress;
  6?: ChosenAddress;
}

export interface Registered {
  readonly addresses: NodeAddresses;
  /** Families that the pools have, and the node no address of. */
  readonly lacking: readonly Family[];
  readonly blocks: readonly AllocationBlock[];
  /** Blocks of pools that workloads may use, in order of the pools. */
  readonly podBlocks: readonly AllocationBlock[];
  readonly problems: readonly Problem[];
  /** Names of pools without a free block. */
  readonly full: ReadonlySet<string>;
  /** Another machine has the name, and nothing was done. */
  readonly isNameTaken: boolean;
}

const NOTHING = { blocks: [], podBlocks: [], full: new Set<string>(), isNameTaken: false };

/** @throws CausewayError where the datastore cannot be read or written */
export async function registerNode(inputs: RegisterInputs): Promise<Registered> {
  const { store, node, machine } = inputs;
  const [record, poolRecords, config] = await Promise.all([
    store.get("Node", node),
    store.list("IPPool"),
    store.get("IPAMConfig", "default"),
  ]);
  const problems: Problem[] = [];
  const pools = readPools(
    poolRecords.map(({ value }) => value),
    problems,
  );
  const found = await findAddresses(inputs, pools, record?.value, problems);
  const { addresses } = found;
  if (record === undefined && addresses[4] === undefined && addresses[6] === undefined) {
    return { ...found, ...NOTHING, problems };
  }
  if (await isNameTaken(inputs, record?.value)) {
    const reason = "another machine is registered under this name, and its agent lives";
    const hint = "give one of the two another --node";
    problems.push({ subject: `node ${node}`, reason, hint, severity: "error" });
    return { ...found, ...NOTHING, problems, isNameTaken: true };
  }
  await adoptFormerNames(inputs, addresses);
  const identity = { name: node, ipv4: addresses[4], ipv6: addresses[6], machine };
  const registered = await writeNode(store, record?.value, { ...identity, tunnels: {} });
  const limits = readIpamLimits(config?.value);
  const claims = new Claims(store, node, limits, await ownBlocks(store, node));
  const labels = registered.metadata.labels ?? {};
  const podPools = eligiblePools(pools, labels, "Workload");
  for (const pool of podPools) await claims.ensure(pool, pools);
  const current = tunnelAddressesOf(registered);
  const { blocks: own } = claims;
  const claim = (pool: AddressPool) => claims.claim(pool);
  const tunnels = await holdTunnelAddresses({
    store,
    node,
    labels,
    pools,
    current,
    blocks: own,
    claim,
  });
  await writeNode(store, registered, { ...identity, tunnels: addressesOf(tunnels) });
  for (const { release } of tunnels.values()) await release();
  problems.push(...claims.problems);
  const blocks = [...own.values()].sort((a, b) => compareText(a.cidr, b.cidr));
  const podBlocks = blocksIn(podPools, blocks);
  return { ...found, blocks, podBlocks, problems, full: claims.full, isNameTaken: false };
}

const PATIENCE = 5_000;

/** A machine that was installed anew takes its record over; one of two with one name does not. */
async function isNameTaken(
  { store, node, machine, patience = PATIENCE }: RegisterInputs,
  record: RecordValue | undefined,
): Promise<boolean> {
  const other = record && machineOf(record);
  return other !== undefined && other !== machine && answersRollCall(store, node, patience);
}

/** The same machine at the same address, under another name: this node was renamed. */
async function adoptFormerNames(
  { store, node, machine, claimants }: RegisterInputs,
  addresses: NodeAddresses,
): Promise<void> {
  const own = Object.values(addresses).map(({ address }) => address);
  for (const name of claimants(own)) {
    const other = await store.get("Node", name);
    if (other !== undefined && machineOf(other.value) === machine) {
      await adoptNode(store, name, node);
    }
  }
}

/** @param known as it was read last; nothing is written where that is right */
async function writeNode(
  store: RecordStore,
  known: RecordValue | undefined,
  registration: Registration,
): Promise<RecordValue> {
  if (known !== undefined && nodeRecord(known, registration) === known) return known;
  const { name, machine } = registration;
  const before = known && machineOf(known);
  const written = await changeRecord(store, "Node", name, (old) => {
    const owner = old && machineOf(old);
    if (owner !== undefined && owner !== machine && owner !== before) return undefined;
    const next = nodeRecord(old, registration);
    return next === old ? undefined : next;
  });
  if (written !== undefined && machineOf(written) === machine) return written;
  throw new CausewayError("conflict", `Node "${name}": another machine was first`);
}

function readPools(records: readonly RecordValue[], problems: Problem[]): AddressPool[] {
  return records.flatMap((record) => {
    try {
      return [readAddressPool(record)];
    } catch (error) {
      const subject = `pool "${record.metadata.name}"`;
      const reason = `nothing is taken from it: ${reasonOf(error)}`;
      problems.push({ subject, reason, hint: "mend the IPPool", severity: "error" });
      return [];
    }
  });
}

/** Of the families that the pools have; IPv4 where there are no pools yet. */
async function findAddresses(
  { node, findAddress }: RegisterInputs,
  pools: readonly AddressPool[],
  record: RecordValue | undefined,
  problems: Problem[],
): Promise<Pick<Registered, "addresses" | "lacking">> {
  const families = new Set(pools.map(({ cidr }) => cidr.family));
  if (families.size === 0) {
    const hint = "add an IPPool";
    problems.push({ subject: "pools", reason: "there is none", hint, severity: "warning" });
    families.add(4);
  }
  const known = nodeAddressesOf(record);
  const cidrs = pools.map(({ cidr }) => cidr);
  const addresses: NodeAddresses = {};
  const lacking: Family[] = [];
  for (const family of families) {
    const current = known.find((ip) => ip.family === family);
    const address = await findAddress(family, cidrs, current);
    if (address.address !== undefined) addresses[family] = address;
    else {
      lacking.push(family);
      const kept = current === undefined ? "" : `; the record keeps ${current}`;
      const reason = `no IPv${family} address to register: ${address.reason}${kept}`;
      const hint = "name one with --node-address, --node-interface, --node-reaches or --node-cidr";
      problems.push({ subject: `node ${node}`, reason, hint, severity: "error" });
    }
  }
  return { addresses, lacking };
}

function addressesOf(tunnels: ReadonlyMap<TunnelRole, TunnelHolding>): {
  [Role in TunnelRole]?: IpAddress | null;
} {
  const known = [...tunnels].flatMap(([role, { address }]) =>
    address === undefined ? [] : [[role, address] as const],
  );
  return Object.fromEntries(known);
}

function blocksIn(
  pools: readonly AddressPool[],
  blocks: readonly AllocationBlock[],
): AllocationBlock[] {
  return pools.flatMap((pool) => blocks.filter(({ cidr }) => pool.cidr.covers(parseCidr(cidr))));
}
