/**
 * A record and what stands for it in a file: Calico's v3 form as it is, the form of Calico's custom
 * resources, or a core Node with annotations, as kubectl prints them.
 */
import { parseCidr } from "../../../encap/address/cidr.ts";
import { customObject, customRecord } from "../kubernetes/custom-form.ts";
import type { ApiObject } from "../kubernetes/kind-list.ts";
import { annotationPatch, isRegistered, nodeRecord } from "../kubernetes/node-form.ts";
import { defaultBlockName } from "../record-block.ts";
import type { RecordKind, RecordValue } from "../record-store.ts";
import type { RecordClaim } from "./record-claim.ts";

type Fields = Readonly<Record<string, unknown>>;

const V3 = "projectcalico.org/v3";
const V1 = "crd.projectcalico.org/v1";

const kinds: Readonly<Record<string, RecordKind>> = {
  IPPool: "IPPool",
  Node: "Node",
  FelixConfiguration: "FelixConfiguration",
  IPAMBlock: "IPAMBlock",
  BlockAffinity: "BlockAffinity",
  IPAMHandle: "IPAMHandle",
  IPAMConfig: "IPAMConfig",
  IPAMConfiguration: "IPAMConfig",
};

export interface RecordKey {
  readonly kind: RecordKind;
  readonly name: string;
}

/** What record it is; undefined for other kinds, and where that cannot be told. */
export function keyOfClaim({ raw, inherited }: RecordClaim): RecordKey | undefined {
  const { apiVersion = inherited?.apiVersion, kind = inherited?.kind } = fieldsOf(raw);
  const known = typeof kind === "string" && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  const isKnown =
    apiVersion === V3 || apiVersion === V1 || (kind === "Node" && apiVersion === "v1");
  if (known === undefined || !isKnown) return undefined;
  const name = nameOf(known, fieldsOf(raw));
  return name === undefined ? undefined : { kind: known, name };
}

/** The record; undefined for a core Node that nobody has registered. */
export function recordOfClaim(
  { raw, inherited }: RecordClaim,
  key: RecordKey,
): RecordValue | undefined {
  const { kind, name } = key;
  const fields = fieldsOf(raw);
  const apiVersion = fields["apiVersion"] ?? inherited?.apiVersion;
  const object = { ...fields, metadata: { ...fieldsOf(fields["metadata"]), name } } as ApiObject;
  if (kind === "Node") {
    if (apiVersion === "v1") return isRegistered(object) ? nodeRecord(object) : undefined;
  } else if (apiVersion === V1) {
    const record = customRecord(kind, object);
    return { ...record, metadata: { ...record.metadata, name } };
  }
  const { resourceVersion: _, managedFields: __, ...metadata } = fieldsOf(object.metadata);
  const spec = { ...fieldsOf(fields["spec"]) };
  return { ...fields, apiVersion: V3, kind, metadata: { ...metadata, name }, spec };
}

/**
 * What to write where `claim` stands; undefined takes the text away.
 * @param value undefined: the record is to go
 */
export function rawOf(claim: RecordClaim, value: RecordValue | undefined): unknown {
  const before = fieldsOf(claim.raw);
  const apiVersion = before["apiVersion"] ?? claim.inherited?.apiVersion;
  if (apiVersion === "v1") return annotated(before, value);
  if (value === undefined) return undefined;
  const { kind } = value;
  const after: Fields =
    apiVersion === V1 && kind !== "Node"
      ? { ...customObject({ ...value, kind }, V1, before as ApiObject) }
      : { ...value };
  const { apiVersion: _, kind: __, metadata, ...rest } = after;
  const own = fieldsOf(before["metadata"]);
  // A block may have a name of its own, or none.
  const name = "name" in own ? { name: own["name"] } : {};
  const { name: ___, ...others } = fieldsOf(metadata);
  const named = { ...others, ...name };
  return {
    ...("apiVersion" in before ? { apiVersion: before["apiVersion"] } : {}),
    ...("kind" in before ? { kind: before["kind"] } : {}),
    ...(Object.keys(named).length > 0 ? { metadata: named } : {}),
    ...rest,
  };
}

/** A core Node belongs to Kubernetes: nothing of it is written but annotations. */
function annotated(before: Fields, value: RecordValue | undefined): unknown {
  const annotations: Record<string, unknown> = {
    ...fieldsOf(fieldsOf(before["metadata"])["annotations"]),
    ...annotationPatch(before as ApiObject, value),
  };
  for (const [key, text] of Object.entries(annotations)) if (text === null) delete annotations[key];
  const { annotations: _, ...metadata } = fieldsOf(before["metadata"]);
  const hasAny = Object.keys(annotations).length > 0;
  return { ...before, metadata: hasAny ? { ...metadata, annotations } : metadata };
}

/** A block is known by its prefix, whatever its record is called. */
function nameOf(kind: RecordKind, { metadata, spec }: Fields): string | undefined {
  const { name } = fieldsOf(metadata);
  const { cidr, node, handleID } = fieldsOf(spec);
  if (kind === "IPAMBlock" && typeof cidr === "string") return defaultBlockName(canonical(cidr));
  if (kind === "IPAMHandle" && typeof handleID === "string") return handleID;
  if (typeof name === "string" && name !== "") return name;
  if (kind !== "BlockAffinity" || typeof cidr !== "string") return undefined;
  return `${node}-${defaultBlockName(canonical(cidr))}`;
}

function canonical(cidr: string): string {
  try {
    return parseCidr(cidr).toString();
  } catch {
    return cidr;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}
