/**
 * What of a record two stores have in common, to say whether both have the same. What a store gives
 * to each record by itself (uid, times, revisions) is no part of it.
 */
import type { RecordKind, RecordStore, RecordValue } from "../datastore/record-store.ts";
import { differences, type ValueChange } from "../datastore/value-difference.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Of a pair of stores: what the poorer of the two can keep. */
export interface CommonForm {
  /** One of them is Kubernetes, whose nodes are its own: only annotations of them are written. */
  readonly coreNodes: boolean;
  /** One of them keeps address management as bare values, without labels and annotations. */
  readonly bareIpam: boolean;
}

/** Kubernetes knows these of a node by itself, or has no annotation for them. */
const NODE_OWN = ["addresses", "orchRefs", "interfaces", "podCIDRs"];

const RESOURCES: readonly RecordKind[] = ["IPPool", "Node", "FelixConfiguration"];

/** What a schema demands, and a record may go without. */
const DEFAULTS: { readonly [Kind in RecordKind]?: Fields } = {
  IPAMBlock: {
    allocations: [],
    unallocated: [],
    attributes: [],
    strictAffinity: false,
    deleted: false,
  },
  BlockAffinity: { type: "host", deleted: false },
  IPAMHandle: { deleted: false },
  IPAMConfig: { strictAffinity: false, autoAllocateBlocks: true },
};

export function commonForm(a: RecordStore, b: RecordStore): CommonForm {
  const is = (scheme: string): boolean => a.url.startsWith(scheme) || b.url.startsWith(scheme);
  return { coreNodes: is("kubernetes:"), bareIpam: is("etcd:") };
}

/** What `copy` says otherwise than `original`, field by field; nothing where it is a copy. */
export function copyFaults(
  original: RecordValue,
  copy: RecordValue,
  form: CommonForm,
): Generator<ValueChange> {
  return differences(contentOf(original, form), contentOf(copy, form, original));
}

/** @param original where only that much of the annotations counts */
function contentOf(record: RecordValue, form: CommonForm, original = record): Fields {
  const { kind, metadata } = record;
  const spec = specOf(record, form);
  if (!RESOURCES.includes(kind) && form.bareIpam) return { spec };
  const { labels = {}, annotations = {} } = metadata;
  if (kind === "Node" && form.coreNodes) {
    const wanted = Object.keys(original.metadata.annotations ?? {});
    const found = Object.entries(annotations).filter(([key]) => wanted.includes(key));
    return { spec, metadata: { annotations: Object.fromEntries(found) } };
  }
  const status = kind === "Node" && record["status"] ? { status: record["status"] } : {};
  return { spec, metadata: { labels, annotations }, ...status };
}

/** The record as another store is to create it: without what the first store gave to it. */
export function copyOf({ apiVersion, kind, metadata, spec, ...rest }: RecordValue): RecordValue {
  const { name, labels, annotations } = metadata;
  const shown = { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
  return { apiVersion, kind, metadata: { name, ...shown }, spec, ...rest };
}

function specOf({ kind, spec }: RecordValue, { coreNodes }: CommonForm): Fields {
  const given = Object.entries(spec).filter(([, value]) => value !== null && value !== undefined);
  const fields: Record<string, unknown> = { ...DEFAULTS[kind], ...Object.fromEntries(given) };
  if (kind !== "Node" || !coreNodes) return fields;
  for (const name of NODE_OWN) delete fields[name];
  const { bgp } = fields;
  if (typeof bgp === "object" && bgp !== null) fields["bgp"] = texts(bgp);
  return fields;
}

/** An annotation is a text, whatever it says. */
function texts(fields: object): Fields {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== "");
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
