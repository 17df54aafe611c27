/** Manifests of projectcalico.org/v3 as the objects that a cluster with Calico has for them. */
import type { Manifest } from "../../conformance/manifests.ts";
import type { KubeObject, ObjectStore } from "./object-store.ts";

const PLURALS: Readonly<Record<string, string>> = {
  IPPool: "ippools",
  IPAMBlock: "ipamblocks",
  FelixConfiguration: "felixconfigurations",
};

/** Fields of a Node's spec, and the annotations that they are in. */
const ANNOTATIONS: Readonly<Record<string, string>> = {
  "bgp.ipv4Address": "IPv4Address",
  "bgp.ipv6Address": "IPv6Address",
  "bgp.ipv4IPIPTunnelAddr": "IPv4IPIPTunnelAddr",
  ipv4VXLANTunnelAddr: "IPv4VXLANTunnelAddr",
  vxlanTunnelMACAddr: "VXLANTunnelMACAddr",
  ipv6VXLANTunnelAddr: "IPv6VXLANTunnelAddr",
  vxlanTunnelMACAddrV6: "VXLANTunnelMACAddrV6",
};

/** Adds or replaces an object, as `kubectl apply` does. */
export function putManifest(store: ObjectStore, group: string, manifest: Manifest): void {
  const kind = storeKind(group, manifest.kind);
  const object = manifest.kind === "Node" ? coreNode(manifest) : calicoObject(group, manifest);
  const exists = store.get(kind, object.metadata.name) !== undefined;
  const done = exists ? store.update(kind, object, undefined) : store.create(kind, object);
  if (typeof done === "string") throw new Error(`${kind} ${object.metadata.name}: ${done}`);
}

export function removeManifest(
  store: ObjectStore,
  group: string,
  { kind, metadata }: Pick<Manifest, "kind" | "metadata">,
): void {
  store.delete(storeKind(group, kind), metadata.name, undefined);
}

function storeKind(group: string, kind: string): string {
  return kind === "Node" ? "v1 nodes" : `${group} ${PLURALS[kind]}`;
}

function calicoObject(apiVersion: string, manifest: Manifest): KubeObject {
  return { ...manifest, apiVersion };
}

/** As the kubelet registers it and calico-node annotates it. */
function coreNode({ metadata, ...manifest }: Manifest): KubeObject {
  const spec = (manifest["spec"] ?? {}) as Record<string, unknown>;
  const flat: Record<string, unknown> = { ...spec };
  for (const [name, value] of Object.entries((spec["bgp"] ?? {}) as object)) {
    flat[`bgp.${name}`] = value;
  }
  const annotations: Record<string, string> = {};
  for (const [field, annotation] of Object.entries(ANNOTATIONS)) {
    if (flat[field] !== undefined)
      annotations[`projectcalico.org/${annotation}`] = `${flat[field]}`;
  }
  const podCIDRs = spec["podCIDRs"];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { ...metadata, annotations },
    spec: podCIDRs === undefined ? {} : { podCIDRs },
    status: { nodeInfo: { kubeletVersion: "v1.33.0" } },
  };
}
