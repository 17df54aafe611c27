/**
 * The keys that Calico writes into etcd (libcalico-go, v3 data model). Resources stand under
 * `resources/v3` with their kind's plural; address management has keys and bare values of its own.
 */
import type { ResourceKind } from "../../../tunnels/model/snapshot.ts";

const RESOURCES = "/resources/v3/projectcalico.org/";
const BLOCKS = "/ipam/v2/assignment/";

export type PluralKind = "IPPool" | "Node" | "FelixConfiguration";

const PLURALS: Readonly<Record<PluralKind, string>> = {
  IPPool: "ippools",
  Node: "nodes",
  FelixConfiguration: "felixconfigurations",
};

/** What a key that is followed stands for. */
export interface FollowedKey {
  readonly kind: ResourceKind;
  readonly name: string;
}

/** From the first key to the first one behind the last. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** @param prefix without a slash at its end, for example "/calico" */
export function resourceKey(prefix: string, kind: PluralKind, name: string): string {
  return `${prefix}${RESOURCES}${PLURALS[kind]}/${name}`;
}

/** Everything of one of the kinds under `resources/v3`. */
export function resourceRange(prefix: string, kind: PluralKind): KeyRange {
  return below(resourceKey(prefix, kind, ""));
}

/** @param cidr as text, `10.77.3.64/26` */
export function blockKey(prefix: string, cidr: string): string {
  const family = cidr.includes(":") ? "ipv6" : "ipv4";
  return `${prefix}${BLOCKS}${family}/block/${cidr.replace("/", "-")}`;
}

export function blockRange(prefix: string): KeyRange {
  return below(`${prefix}${BLOCKS}`);
}

/** Affinities, of all nodes or of one. `type` is "host" or "virtual". */
export function affinityRange(prefix: string, type: string, node?: string): KeyRange {
  return below(`${prefix}/ipam/v2/${type}/${node === undefined ? "" : `${node}/`}`);
}

export function affinityKey(prefix: string, type: string, node: string, cidr: string): string {
  const family = cidr.includes(":") ? "ipv6" : "ipv4";
  return `${prefix}/ipam/v2/${type}/${node}/${family}/block/${cidr.replace("/", "-")}`;
}

export function handleRange(prefix: string): KeyRange {
  return below(handleKey(prefix, ""));
}

export function handleKey(prefix: string, name: string): string {
  return `${prefix}/ipam/v2/handle/${name}`;
}

export function configKey(prefix: string): string {
  return `${prefix}/ipam/v2/config`;
}

/** What a first list has to read, one range after the other. */
export function followedRanges(prefix: string): readonly KeyRange[] {
  const kinds = ["FelixConfiguration", "IPPool", "Node"] as const;
  return [...kinds.map((kind) => resourceRange(prefix, kind)), blockRange(prefix)];
}

/**
 * The one range that all of these lie in, from the blocks to the nodes: only one watch tells what
 * changed in one step in one answer. What else lies in between (handles, affinities, policies) comes
 * along; workload endpoints, the bulk of a large cluster, do not.
 */
export function watchedRange(prefix: string): KeyRange {
  return { from: blockRange(prefix).from, to: resourceRange(prefix, "Node").to };
}

/** What a block's key ends with, "10.77.3.64-26"; undefined for any other key. */
export function blockPlace(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix) || !key.startsWith(BLOCKS, prefix.length)) return undefined;
  return key.slice(key.lastIndexOf("/") + 1) || undefined;
}

/** What the key of a resource stands for; undefined for one that nobody here follows. */
export function followedKey(prefix: string, key: string): FollowedKey | undefined {
  if (!key.startsWith(prefix) || !key.startsWith(RESOURCES, prefix.length)) return undefined;
  const [plural = "", name = "", ...more] = key.slice(prefix.length + RESOURCES.length).split("/");
  if (name === "" || more.length > 0) return undefined;
  for (const kind of ["Node", "IPPool", "FelixConfiguration"] as const) {
    if (plural === PLURALS[kind]) return { kind, name };
  }
  return undefined;
}

/** "10.77.3.64-26", as keys have it, to "10.77.3.64/26". */
export function cidrOfKey(text: string): string {
  const at = text.lastIndexOf("-");
  return `${text.slice(0, at)}/${text.slice(at + 1)}`;
}

/** All keys that begin so. */
function below(from: string): KeyRange {
  const last = from.charCodeAt(from.length - 1);
  return { from, to: from.slice(0, -1) + String.fromCharCode(last + 1) };
}
