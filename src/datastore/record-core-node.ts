/** Node of Kubernetes itself (apiVersion v1), with Calico's annotations where it has them. */
import type { Node } from "../../tunnels/model/node.ts";
import {
  buildNode,
  type NodeField,
  NodeFields,
  type NodePaths,
  type NodeTexts,
  type RawAddress,
  type RawMetadata,
  readPodCidrs,
  withRollCall,
} from "./record-node.ts";
import type { FieldPath, ProblemList } from "./record-problem.ts";

export interface RawCoreNode {
  readonly metadata?: RawMetadata | null;
  readonly spec?: {
    readonly podCIDR?: string | null;
    readonly podCIDRs?: readonly string[] | null;
  } | null;
  readonly status?: { readonly addresses?: readonly RawAddress[] | null } | null;
}

const PATHS: NodePaths = {
  bgp4: annotationPath("IPv4Address"),
  bgp6: annotationPath("IPv6Address"),
  ipip: annotationPath("IPv4IPIPTunnelAddr"),
  vxlan: annotationPath("IPv4VXLANTunnelAddr"),
  vxlanMac: annotationPath("VXLANTunnelMACAddr"),
  vxlan6: annotationPath("IPv6VXLANTunnelAddr"),
  vxlan6Mac: annotationPath("VXLANTunnelMACAddrV6"),
};

function annotationPath(key: string): FieldPath {
  return ["metadata", "annotations", `projectcalico.org/${key}`];
}

/** Reads a record whose shape is right. A wrong value is passed over with a warning. */
export function readCoreNode(name: string, raw: RawCoreNode, problems: ProblemList): Node {
  const annotation = (field: NodeField): string | undefined => {
    const path = PATHS[field];
    const value = raw.metadata?.annotations?.[path.at(-1) as string];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    problems.warn(path, "must be a string; ignored", value);
    return undefined;
  };
  const texts: NodeTexts = {
    bgp4: annotation("bgp4"),
    bgp6: annotation("bgp6"),
    ipip: annotation("ipip"),
    vxlan: annotation("vxlan"),
    vxlanMac: annotation("vxlanMac"),
    vxlan6: annotation("vxlan6"),
    vxlan6Mac: annotation("vxlan6Mac"),
  };
  const { podCIDR, podCIDRs } = raw.spec ?? {};
  const podCidrs = podCIDRs?.length
    ? readPodCidrs(["spec", "podCIDRs"], podCIDRs, problems, "warning")
    : readPodCidrs(["spec", "podCIDR"], podCIDR ? [podCIDR] : [], problems, "warning");
  const fields = new NodeFields(texts, PATHS, problems, "warning");
  const node = buildNode(name, fields, raw.status?.addresses ?? [], podCidrs);
  return withRollCall(node, raw.metadata);
}
