/**
 * Records between the one shape that all stores share and what Calico keeps in etcd: resources are
 * the same; blocks, affinities, handles and the configuration of address management are bare values,
 * with some fields spelled differently. Fields that are not known here go through as they are.
 */
import { CausewayError, reasonOf } from "../../errors.ts";
import { defaultBlockName } from "../record-block.ts";
import type { RecordKind, RecordValue } from "../record-store.ts";
import {
  affinityKey,
  blockKey,
  cidrOfKey,
  configKey,
  handleKey,
  type PluralKind,
  resourceKey,
} from "./keys.ts";

type Spec = Readonly<Record<string, unknown>>;

const apiVersion = "projectcalico.org/v3";

/** Ours -> etcd's. */
const RENAMED: { readonly [Kind in RecordKind]?: Readonly<Record<string, string>> } = {
  IPAMBlock: { affinityClaimTime: "affinity_claim_time" },
  IPAMConfig: { strictAffinity: "strict_affinity", autoAllocateBlocks: "auto_allocate_blocks" },
};

/** What the key of an affinity, a block or a handle says already. */
const IN_KEY: { readonly [Kind in RecordKind]?: readonly string[] } = {
  BlockAffinity: ["node", "cidr", "type"],
  IPAMHandle: ["handleID"],
};

/** Where a record stands. @throws CausewayError `bad-resource` where it does not say enough */
export function keyOfRecord(prefix: string, { kind, metadata, spec }: RecordValue): string {
  const need = (field: string): string => {
    const value = spec[field];
    if (typeof value === "string" && value !== "") return value;
    throw new CausewayError("bad-resource", `${kind} "${metadata.name}": spec.${field}: missing`);
  };
  switch (kind) {
    case "IPAMBlock":
      return blockKey(prefix, need("cidr"));
    case "BlockAffinity":
      return affinityKey(prefix, String(spec["type"] || "host"), need("node"), need("cidr"));
    default:
      return keysOfName(prefix, kind, metadata.name)[0] as string;
  }
}

/**
 * Where a record of this name can stand. Only an affinity has several places: the name of its node
 * may have the same signs as an IPv6 prefix.
 */
export function keysOfName(prefix: string, kind: RecordKind, name: string): string[] {
  switch (kind) {
    case "IPAMBlock": {
      const cidr = cidrOfName(name);
      return cidr === undefined ? [] : [blockKey(prefix, cidr)];
    }
    case "BlockAffinity":
      return [...affinityPlaces(name)].flatMap(({ node, cidr }) =>
        ["host", "virtual"].map((type) => affinityKey(prefix, type, node, cidr)),
      );
    case "IPAMHandle":
      return [handleKey(prefix, name)];
    case "IPAMConfig":
      return [configKey(prefix)];
    default:
      return [resourceKey(prefix, kind satisfies PluralKind, name)];
  }
}

/** The value to write. */
export function encodeRecord(value: RecordValue): Buffer {
  return Buffer.from(JSON.stringify(isBare(value.kind) ? bareValue(value) : stored(value)));
}

/** @throws CausewayError `bad-resource` for a value that is no JSON object */
export function decodeRecord(kind: RecordKind, key: string, value: string): RecordValue {
  const json = parseValue(kind, key, value);
  const name = nameOf(kind, key);
  if (isBare(kind)) {
    const spec = { ...renamed(kind, json, true), ...fromKey(kind, key) };
    return { apiVersion, kind, metadata: { name }, spec };
  }
  const { metadata, spec } = json as Partial<Pick<RecordValue, "metadata" | "spec">>;
  return { apiVersion, ...json, kind, metadata: { ...metadata, name }, spec: { ...spec } };
}

function isBare(kind: RecordKind): boolean {
  return kind !== "IPPool" && kind !== "Node" && kind !== "FelixConfiguration";
}

function bareValue({ kind, spec }: RecordValue): Spec {
  const inKey = IN_KEY[kind] ?? [];
  const rest = Object.entries(spec).filter(([field]) => !inKey.includes(field));
  return renamed(kind, Object.fromEntries(rest), false);
}

/** Its revision is the key's own. */
function stored(value: RecordValue): Spec {
  const { resourceVersion: _, ...metadata } = value.metadata;
  return { ...value, metadata };
}

function parseValue(kind: RecordKind, key: string, value: string): Spec {
  // Calico writes affinities with no value at all, too.
  if (value === "" && kind === "BlockAffinity") return { state: "confirmed" };
  let reason = "no JSON object";
  try {
    const json: unknown = JSON.parse(value);
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Spec;
  } catch (error) {
    reason = `not JSON (${reasonOf(error)})`;
  }
  const hint = "mend or delete the key with etcdctl";
  throw new CausewayError("bad-resource", `${key}: ${reason}`, { hint });
}

function renamed(kind: RecordKind, fields: Spec, isReading: boolean): Spec {
  const pairs = Object.entries(RENAMED[kind] ?? {});
  if (pairs.length === 0) return fields;
  const names = new Map(
    pairs.map(([ours, theirs]) => (isReading ? [theirs, ours] : [ours, theirs])),
  );
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [names.get(field) ?? field, value]),
  );
}

/** ".../host/alder/ipv4/block/10.77.3.64-26" -> host, alder, 10.77.3.64/26. */
function fromKey(kind: RecordKind, key: string): Spec {
  const steps = key.split("/");
  const last = steps.at(-1) ?? "";
  if (kind === "IPAMHandle") return { handleID: last };
  if (kind !== "BlockAffinity") return {};
  return { type: steps.at(-5), node: steps.at(-4), cidr: cidrOfKey(last) };
}

function nameOf(kind: RecordKind, key: string): string {
  const last = key.slice(key.lastIndexOf("/") + 1);
  if (kind === "IPAMBlock") return defaultBlockName(last);
  if (kind === "IPAMConfig") return "default";
  if (kind === "BlockAffinity") return `${key.split("/").at(-4)}-${defaultBlockName(last)}`;
  return last;
}

/** "10-77-3-64-26" or "fd77---122" -> the prefix. */
function cidrOfName(name: string): string | undefined {
  const [, a, b, c, d, length] = /^(\d+)-(\d+)-(\d+)-(\d+)-(\d+)$/.exec(name) ?? [];
  if (length !== undefined) return `${a}.${b}.${c}.${d}/${length}`;
  const [, address, bits] = /^([0-9a-f]*-[0-9a-f-]*)-(\d+)$/.exec(name) ?? [];
  return address === undefined ? undefined : `${address.replaceAll("-", ":")}/${bits}`;
}

/** "alder-10-77-3-64-26" -> alder and 10.77.3.64/26, and whatever else it can mean. */
function* affinityPlaces(name: string): Generator<{ node: string; cidr: string }> {
  for (let at = name.indexOf("-"); at >= 0; at = name.indexOf("-", at + 1)) {
    const cidr = cidrOfName(name.slice(at + 1));
    if (cidr !== undefined && at > 0) yield { node: name.slice(0, at), cidr };
  }
}
