/**
 * A record of Calico's and the custom resource that it is in a cluster. The two groups differ in
 * little: in `crd.projectcalico.org/v1` an affinity's `deleted` is a text, IPAMConfig has its old
 * name, and Calico packs the metadata of some kinds into an annotation.
 */
import type { RecordKind, RecordValue } from "../record-store.ts";
import type { CalicoGroup } from "./api-kinds.ts";
import type { ApiObject } from "./kind-list.ts";

export type CustomKind = Exclude<RecordKind, "Node">;

type Fields = Readonly<Record<string, unknown>>;

/** Where Calico keeps labels and annotations of a record in the v1 form. */
const PACKED = "projectcalico.org/metadata";

const plurals: Readonly<Record<CustomKind, string>> = {
  IPPool: "ippools",
  FelixConfiguration: "felixconfigurations",
  IPAMBlock: "ipamblocks",
  BlockAffinity: "blockaffinities",
  IPAMHandle: "ipamhandles",
  IPAMConfig: "ipamconfigs",
};

/** What the v1 schemas demand, and a record may go without. */
const DEMANDED: { readonly [Kind in CustomKind]?: Fields } = {
  IPAMBlock: { allocations: [], unallocated: [], attributes: [], strictAffinity: false },
  BlockAffinity: { deleted: false },
  IPAMConfig: { strictAffinity: false, autoAllocateBlocks: true },
};

export function pluralOf(kind: CustomKind, group: CalicoGroup): string {
  return kind === "IPAMConfig" && isV3(group) ? "ipamconfigurations" : plurals[kind];
}

/** Names of objects are in lower case; a handle has its own in `spec.handleID`. */
export function objectName(kind: CustomKind, name: string): string {
  return kind === "IPAMHandle" ? name.toLowerCase() : name;
}

/** The record that an object is. */
export function customRecord(kind: CustomKind, object: ApiObject): RecordValue {
  const { resourceVersion: _, managedFields: __, ...own } = object.metadata ?? {};
  const spec = (object["spec"] ?? {}) as Fields;
  const { handleID } = spec;
  const name = kind === "IPAMHandle" && typeof handleID === "string" ? handleID : own.name;
  const { [PACKED]: packed, ...annotations } = (own["annotations"] ?? {}) as Record<string, string>;
  const hasAnnotations = Object.keys(annotations).length > 0;
  const metadata = { ...own, name: name ?? "" } as Record<string, unknown> & { name: string };
  delete metadata["annotations"];
  const unpacked = packed === undefined ? {} : unpack(packed);
  return {
    ...object,
    apiVersion: "projectcalico.org/v3",
    kind,
    metadata: { ...metadata, ...(hasAnnotations ? { annotations } : {}), ...unpacked },
    spec:
      typeof spec["deleted"] === "string" ? { ...spec, deleted: spec["deleted"] === "true" } : spec,
  };
}

/** @param before the object as it is now, whose metadata stay what they are in all else */
export function customObject(
  value: RecordValue & { readonly kind: CustomKind },
  group: CalicoGroup,
  before: ApiObject | undefined,
): ApiObject {
  const { kind, metadata, spec } = value;
  const { labels, annotations } = metadata;
  const kept = before?.metadata ?? {};
  const packed = ((kept["annotations"] ?? {}) as Record<string, string>)[PACKED];
  // Where they were packed they go back there.
  const shown =
    packed === undefined
      ? { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) }
      : { annotations: { [PACKED]: pack(packed, { labels, annotations }) } };
  return {
    ...before,
    ...value,
    apiVersion: group,
    kind: kind === "IPAMConfig" && isV3(group) ? "IPAMConfiguration" : kind,
    metadata: { ...kept, ...shown, name: objectName(kind, metadata.name) },
    spec: encodeSpec(kind, spec, group),
  };
}

function encodeSpec(kind: CustomKind, spec: Fields, group: CalicoGroup): Fields {
  // A schema takes no null for a text.
  const given = Object.entries(spec).filter(([, value]) => value !== null);
  const fields: Record<string, unknown> = { ...DEMANDED[kind], ...Object.fromEntries(given) };
  if (kind === "BlockAffinity" && !isV3(group)) fields["deleted"] = String(fields["deleted"]);
  return fields;
}

function unpack(packed: string): object {
  try {
    const { labels, annotations } = JSON.parse(packed) as { labels?: object; annotations?: object };
    return { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
  } catch {
    return {};
  }
}

function pack(packed: string, shown: object): string {
  let old: object = {};
  try {
    old = JSON.parse(packed);
  } catch {
    // Of no use to anybody as it was.
  }
  return JSON.stringify({ ...old, ...shown });
}

function isV3(group: CalicoGroup): boolean {
  return group === "projectcalico.org/v3";
}
