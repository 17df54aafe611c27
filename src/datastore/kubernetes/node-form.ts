/**
 * A core Node as a record and back. Calico keeps what it knows of a node in annotations of the core
 * Node, which belongs to Kubernetes: it is never created or deleted here, and nothing of it is
 * written but annotations. One without any of them is no record yet.
 */
import type { RecordValue } from "../record-store.ts";
import type { ApiObject } from "./kind-list.ts";

type Fields = Readonly<Record<string, unknown>>;
type Annotations = Readonly<Record<string, string>>;

/** Null takes an annotation away. */
export type AnnotationPatch = Readonly<Record<string, string | null>>;

const PREFIX = "projectcalico.org/";
/** Marks that agents of Causeway leave. */
const OWN_PREFIX = "causeway/";

/** Annotation -> where the text stands in a record. */
const TEXTS: Readonly<Record<string, readonly [section: string, field: string]>> = {
  IPv4Address: ["bgp", "ipv4Address"],
  IPv6Address: ["bgp", "ipv6Address"],
  IPv4IPIPTunnelAddr: ["bgp", "ipv4IPIPTunnelAddr"],
  ASNumber: ["bgp", "asNumber"],
  RouteReflectorClusterID: ["bgp", "routeReflectorClusterID"],
  IPv4VXLANTunnelAddr: ["", "ipv4VXLANTunnelAddr"],
  VXLANTunnelMACAddr: ["", "vxlanTunnelMACAddr"],
  IPv6VXLANTunnelAddr: ["", "ipv6VXLANTunnelAddr"],
  VXLANTunnelMACAddrV6: ["", "vxlanTunnelMACAddrV6"],
  IPv4WireguardInterfaceAddr: ["wireguard", "interfaceIPv4Address"],
  IPv6WireguardInterfaceAddr: ["wireguard", "interfaceIPv6Address"],
};

/** True if somebody has registered the node. */
export function isRegistered(node: ApiObject): boolean {
  return Object.keys(annotationsOf(node)).some(isRecordAnnotation);
}

/** The record of a core Node that has one. */
export function nodeRecord(node: ApiObject): RecordValue {
  const { name = "", resourceVersion: _, managedFields: __, ...metadata } = node.metadata ?? {};
  const annotations = annotationsOf(node);
  const spec: Record<string, Record<string, unknown> | unknown> = {};
  for (const [key, [section, field]] of Object.entries(TEXTS)) {
    const text = annotations[`${PREFIX}${key}`];
    if (text === undefined) continue;
    if (section === "") spec[field] = text;
    else spec[section] = { ...(spec[section] as object | undefined), [field]: text };
  }
  const others = Object.entries(annotations).filter(
    ([key]) => TEXTS[key.slice(PREFIX.length)] === undefined || !key.startsWith(PREFIX),
  );
  const { podCIDRs } = (node["spec"] ?? {}) as Fields;
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "Node",
    metadata: { ...metadata, name, annotations: Object.fromEntries(others) },
    spec: {
      ...spec,
      orchRefs: [{ nodeName: name, orchestrator: "k8s" }],
      addresses: listedAddresses(spec["bgp"] as Fields | undefined, node),
    },
    ...(podCIDRs === undefined ? {} : { status: { podCIDRs } }),
  };
}

/** What to write so that the node's record becomes this one; undefined takes all of it away. */
export function annotationPatch(node: ApiObject, record: RecordValue | undefined): AnnotationPatch {
  const before = annotationsOf(node);
  const after = record === undefined ? {} : recordAnnotations(record);
  const patch: Record<string, string | null> = {};
  for (const [key, text] of Object.entries(after)) {
    if (before[key] !== text) patch[key] = text;
  }
  for (const key of Object.keys(before)) {
    if (isRecordAnnotation(key) && after[key] === undefined) patch[key] = null;
  }
  return patch;
}

function recordAnnotations({ metadata, spec }: RecordValue): Annotations {
  const found: Record<string, string> = { ...metadata.annotations };
  for (const [key, [section, field]] of Object.entries(TEXTS)) {
    const fields = (section === "" ? spec : (spec[section] ?? {})) as Fields;
    const value = fields[field];
    if (value !== undefined && value !== null && value !== "")
      found[`${PREFIX}${key}`] = `${value}`;
  }
  return found;
}

function isRecordAnnotation(key: string): boolean {
  return key.startsWith(PREFIX) || key.startsWith(OWN_PREFIX);
}

function annotationsOf({ metadata }: ApiObject): Annotations {
  return (metadata?.["annotations"] ?? {}) as Annotations;
}

/** As Calico lists them: its own address first, then those that Kubernetes knows of. */
function listedAddresses(bgp: Fields | undefined, node: ApiObject): object[] {
  const own = [bgp?.["ipv4Address"], bgp?.["ipv6Address"]].filter(Boolean);
  const { addresses } = (node["status"] ?? {}) as {
    addresses?: readonly { readonly type?: string }[];
  };
  const others = (addresses ?? []).filter(({ type }) => /^(Internal|External)IP$/.test(type ?? ""));
  return [...own.map((address) => ({ address, type: "CalicoNodeIP" })), ...others];
}
