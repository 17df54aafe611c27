/**
 * A subnet lease in etcd: a key named after the subnet, put under an etcd lease of 24 hours, taken by
 * compare-and-swap. It is renewed an hour before its end by putting the same key under a new one. A
 * key without an end is an operator's reservation, and stays one.
 */
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import {
  freeSubnets,
  isInRange,
  type SubnetRange,
  subnetRange,
} from "../../../tunnels/ipam/subnet-range.ts";
import { vtepMac } from "../../../tunnels/model/vtep.ts";
import type { EtcdClient } from "../../datastore/etcd/client.ts";
import { asCausewayError } from "../../datastore/etcd/etcd-error.ts";
import { listRanges } from "../../datastore/etcd/list.ts";
import { COMPARE_MOD_REVISION, type KeyValue } from "../../datastore/etcd/messages.ts";
import type { RangePage } from "../../datastore/etcd/range-page.ts";
import { leaseEntry, leaseKey, networkKey } from "../../datastore/flannel/etcd-form.ts";
import {
  formatLease,
  formatSubnetName,
  type LeaseEnd,
  type LeaseEnds,
} from "../../datastore/flannel/lease.ts";
import type { FlannelNetwork } from "../../datastore/flannel/network.ts";
import { CausewayError, reasonOf } from "../../errors.ts";
import { type JoinWay, type JoinWish, type Membership, parseNetwork } from "./join-way.ts";

/** In seconds. */
export interface LeaseTimes {
  readonly ttl: number;
  /** Before the end. */
  readonly margin: number;
}

export const leaseTimes: LeaseTimes = { ttl: 86_400, margin: 3_600 };

/** Nodes that start together may want one subnet; in each round one of them at least gets it. */
const ATTEMPTS = 50;
/** Of so many free subnets one is taken by chance: two nodes seldom want the same. */
const CHOICE = 100;

/** A lease as etcd has it. */
interface Stored {
  readonly subnet: Cidr;
  readonly ends: { readonly publicIp: IpAddress; readonly end: LeaseEnd } | undefined;
  readonly kv: KeyValue;
}

/** What this process has put. */
interface Granted {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  readonly endsAt: number;
}

export class EtcdJoin implements JoinWay {
  readonly families = [4] as const;
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #times: LeaseTimes;
  #granted: Granted | undefined;

  /** The client is this way's own: `close` closes it. */
  constructor(client: EtcdClient, times: LeaseTimes = leaseTimes) {
    this.#client = client;
    this.#prefix = client.access.prefix;
    this.#times = times;
  }

  async network(): Promise<FlannelNetwork> {
    const key = networkKey(this.#prefix);
    const { kvs } = await this.#ask(() => this.#client.range({ key: Buffer.from(key) }));
    const text = kvs[0]?.value;
    if (text !== undefined) return parseNetwork(text, key);
    const hint = "put flannel's network configuration there, or name another ?prefix=";
    throw new CausewayError("datastore", `there is no key ${key}`, { hint });
  }

  async join({ network, addresses, previous }: JoinWish): Promise<Membership> {
    const publicIp = addresses[4];
    if (publicIp === undefined)
      throw new CausewayError("bad-config", "no IPv4 address to join with");
    const range = rangeOf(network);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const leases = await this.#list();
      const own = leases
        .filter(({ ends, subnet }) => ends?.publicIp.equals(publicIp) && isInRange(subnet, range))
        .sort((a, b) => b.kv.modRevision - a.kv.modRevision)[0];
      const taken = leases.map(({ subnet }) => subnet);
      const subnet = own?.subnet ?? choose(range, publicIp, taken, previous);
      const mac = own?.ends?.end.mac ?? vtepMac(String(publicIp), 4);
      const ends: LeaseEnds = { 4: { publicIp, mac } };
      const key = leaseKey(this.#prefix, formatSubnetName([subnet]));
      const granted = await this.#put(key, formatLease(ends, network.vni), own?.kv);
      if (granted === undefined) continue;
      this.#granted = granted;
      const { endsAt } = granted;
      const renewAt = endsAt - this.#times.margin * 1_000;
      return Number.isFinite(endsAt)
        ? { subnets: [subnet], ends, renewAt, endsAt }
        : { subnets: [subnet], ends, renewAt: undefined, endsAt: undefined };
    }
    const what = `other nodes were first ${ATTEMPTS} times in a row`;
    throw new CausewayError("conflict", `no subnet of ${range.network}: ${what}`);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  /** Undefined where somebody else was first. @param known the key as it is; undefined for none */
  async #put(
    key: string,
    value: string,
    known: KeyValue | undefined,
  ): Promise<Granted | undefined> {
    const before = this.#granted;
    const isOurs = before?.key === key && before.revision === known?.modRevision;
    const isDue = Date.now() >= (before?.endsAt ?? 0) - this.#times.margin * 1_000;
    if (isOurs && before.value === value && !isDue) return before;
    const isReserved = known !== undefined && known.lease === 0;
    const granted = isReserved
      ? { id: 0, ttl: Number.POSITIVE_INFINITY }
      : await this.#ask(() => this.#client.grantLease(this.#times.ttl));
    const endsAt = Date.now() + granted.ttl * 1_000;
    const bytes = Buffer.from(key);
    const modRevision = known?.modRevision ?? 0;
    // Where this fails the key may be under the new lease all the same: that one is left alone.
    const answer = await this.#ask(() =>
      this.#client.txn({
        compare: [{ target: COMPARE_MOD_REVISION, key: bytes, modRevision }],
        success: [{ put: { key: bytes, value: Buffer.from(value), lease: granted.id } }],
        failure: [],
      }),
    );
    if (answer.succeeded) return { key, value, revision: answer.header?.revision ?? 0, endsAt };
    if (granted.id !== 0) await this.#revoke(granted.id);
    return undefined;
  }

  /** One that cannot be revoked ends by itself. */
  async #revoke(id: number): Promise<void> {
    await this.#client.revokeLease(id).catch(() => undefined);
  }

  async #list(): Promise<Stored[]> {
    const from = leaseKey(this.#prefix, "");
    const range = { from, to: `${this.#prefix}/subnets0` };
    let kvs: KeyValue[] = [];
    const restart = (): void => {
      kvs = [];
    };
    const take = (page: RangePage): void => {
      while (page.next()) {
        const { key, value, modRevision, lease } = page;
        kvs.push({ key, value, modRevision, lease });
      }
    };
    await this.#ask(() => listRanges(this.#client, [range], restart, take));
    return kvs.flatMap((kv) => this.#stored(kv));
  }

  /** A lease that cannot be read has its subnet all the same. */
  #stored(kv: KeyValue): Stored[] {
    const { key } = kv;
    const { resource } = leaseEntry(this.#prefix, key, kv);
    const node = resource?.kind === "Node" ? resource : undefined;
    const publicIp = node?.ipv4?.address;
    const mac = node?.tunnel.vxlanMac;
    const ends = publicIp && mac && { publicIp, end: { publicIp, mac } };
    const subnets = node?.podCidrs ?? subnetsNamed(key);
    return subnets.filter(({ family }) => family === 4).map((subnet) => ({ subnet, ends, kv }));
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw asCausewayError(error);
    }
  }
}

function rangeOf({ ranges }: FlannelNetwork): SubnetRange {
  const wish = ranges[4];
  if (wish === undefined) {
    throw new CausewayError("bad-resource", "a flannel network in etcd without IPv4 has no leases");
  }
  try {
    return subnetRange(wish);
  } catch (error) {
    throw new CausewayError("bad-resource", `flannel's configuration: ${reasonOf(error)}`);
  }
}

function choose(
  range: SubnetRange,
  publicIp: IpAddress,
  taken: readonly Cidr[],
  previous: Cidr | undefined,
): Cidr {
  const isFree = previous !== undefined && !taken.some((one) => one.overlaps(previous));
  if (isFree && isInRange(previous, range)) return previous;
  const free: Cidr[] = [];
  for (const subnet of freeSubnets(range, String(publicIp), taken)) {
    if (free.push(subnet) === CHOICE) break;
  }
  const chosen = free[Math.floor(Math.random() * free.length)];
  if (chosen !== undefined) return chosen;
  const what = `no subnet of /${range.length} is free in ${range.network}`;
  const hint = "widen the network, or delete leases of nodes that are gone";
  throw new CausewayError("datastore", what, { hint });
}

function subnetsNamed(key: string): Cidr[] {
  const name = key.slice(key.lastIndexOf("/") + 1).split("&")[0] ?? "";
  try {
    return [parseCidr(name.replace(/-(\d+)$/, "/$1"), false)];
  } catch {
    return [];
  }
}
