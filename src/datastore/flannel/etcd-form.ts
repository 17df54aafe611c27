/** flannel's keys in etcd (v3): `PREFIX/config`, and `PREFIX/subnets/10.5.52.0-24` for each lease. */
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import { reasonOf } from "../../errors.ts";
import type { Entry } from "../entry.ts";
import { entryOf } from "../entry.ts";
import type { EtcdForm } from "../etcd/form.ts";
import type { KeyValue } from "../etcd/messages.ts";
import type { EntryChange } from "../followed-records.ts";
import { ProblemList } from "../record-problem.ts";
import { entryProblem, unreadableRemote } from "../remote-entry.ts";
import { formatSubnetName, nodeOfLease, parseSubnetName, readLease } from "./lease.ts";
import { type Lease, LeaseTable } from "./lease-table.ts";
import { networkEntries, placeInNetwork } from "./network-entries.ts";
import type { OwnLease } from "./own-lease.ts";

export const FLANNEL_PREFIX = "/coreos.com/network";

export function networkKey(prefix: string): string {
  return `${prefix}/config`;
}

export function leaseKey(prefix: string, subnetName: string): string {
  return `${prefix}/subnets/${subnetName}`;
}

/** The subnets that a key names. @throws SyntaxError or RangeError */
export function subnetNameOf(prefix: string, key: string): string {
  return key.slice(leaseKey(prefix, "").length);
}

/** @param prefix without a slash at its end */
export function flannelForm(prefix: string, own: OwnLease): EtcdForm {
  const table = new LeaseTable(own);
  /** Of keys that were read and not told yet. */
  const revisions = new Map<string, number>();
  const config = networkKey(prefix);
  const leases = leaseKey(prefix, "");
  const isLease = ({ file }: Entry): boolean => file.startsWith(leases);
  const withRevision = (entry: Entry): Lease => {
    return { entry, revision: revisions.get(entry.file) ?? 0 };
  };
  return {
    ranges: [
      { from: config, to: `${config}\0` },
      { from: leases, to: `${prefix}/subnets0` },
    ],
    watched: { from: config, to: `${prefix}/subnets0` },
    keyOf: (resource: Resource) =>
      placeInNetwork(resource, config) ??
      leaseKey(prefix, resource.kind === "Node" ? formatSubnetName(resource.podCidrs) : ""),
    read: (kv) => {
      const key = kv.key;
      if (key === config) return networkEntries(kv.value, config);
      if (!key.startsWith(leases)) return [];
      revisions.set(key, kv.modRevision);
      return [leaseEntry(prefix, key, kv)];
    },
    listed: (entries) => {
      const others = entries.filter((entry) => !isLease(entry));
      const listed = [...others, ...table.list(entries.filter(isLease).map(withRevision))];
      revisions.clear();
      return listed;
    },
    changed: (changes) => {
      const others: EntryChange[] = [];
      const ofLeases: (readonly [string, Lease | undefined])[] = [];
      for (const change of changes) {
        const { key, entry } = change;
        if (!key.startsWith(leases)) others.push(change);
        else ofLeases.push([key, entry && withRevision(entry)]);
      }
      revisions.clear();
      return [...others, ...table.change(ofLeases)];
    },
  };
}

/** A lease as a node that is named after its public address. Never throws for what it holds. */
export function leaseEntry(prefix: string, key: string, { value }: Pick<KeyValue, "value">): Entry {
  const name = subnetNameOf(prefix, key);
  const place = { key, kind: "Node", name } as const;
  try {
    const subnets = parseSubnetName(name);
    const list = new ProblemList();
    const ends = readLease(JSON.parse(value), list);
    const problems = list.items.map((problem) => entryProblem(problem, false));
    if (ends === undefined) return { ...unreadableRemote(place, ""), problems };
    const publicIp = ends[4]?.publicIp ?? ends[6]?.publicIp;
    const node = nodeOfLease(String(publicIp), subnets, ends);
    return { ...entryOf(node, key, { a: 0, b: 0 }, 0), problems };
  } catch (error) {
    return unreadableRemote(place, reasonOf(error));
  }
}
