/** Node of Kubernetes itself (apiVersion v1), with Calico's annotations where it has them. */
import type { Node } from "../../tunnels/model/node.ts";
import {
  buildNode,
  type RawAddress,
  type RawMetadata,
  readPodCidrs,
  type TextField,
  withRollCall,
} from "./record-node.ts";
import type { ProblemList } from "./record-problem.ts";

export interface RawCoreNode {
  readonly metadata?: RawMetadata | null;
  readonly spec?: {
    readonly podCIDR?: string | null;
    readonly podCIDRs?: readonly string[] | null;
  } | null;
  readonly status?: { readonly addresses?: readonly RawAddress[] | null } | null;
}

/** Reads a record whose shape is right. A wrong value is passed over with a warning. */
export function readCoreNode(name: string, raw: RawCoreNode, problems: ProblemList): Node {
  const annotation = (key: string): TextField => {
    const full = `projectcalico.org/${key}`;
    const path = ["metadata", "annotations", full];
    const value = raw.metadata?.annotations?.[full];
    if (value === undefined || value === null) return { path, text: undefined };
    if (typeof value === "string") return { path, text: value };
    problems.warn(path, "must be a string; ignored", value);
    return { path, text: undefined };
  };
  const { podCIDR, podCIDRs } = raw.spec ?? {};
  const podCidrs = podCIDRs?.length
    ? readPodCidrs(["spec", "podCIDRs"], podCIDRs, problems, "warning")
    : readPodCidrs(["spec", "podCIDR"], podCIDR ? [podCIDR] : [], problems, "warning");
  const node = buildNode(
    name,
    {
      bgp4: annotation("IPv4Address"),
      bgp6: annotation("IPv6Address"),
      ipip: annotation("IPv4IPIPTunnelAddr"),
      vxlan: annotation("IPv4VXLANTunnelAddr"),
      vxlanMac: annotation("VXLANTunnelMACAddr"),
      vxlan6: annotation("IPv6VXLANTunnelAddr"),
      vxlan6Mac: annotation("VXLANTunnelMACAddrV6"),
    },
    raw.status?.addresses ?? [],
    podCidrs,
    problems,
    "warning",
  );
  return withRollCall(node, raw.metadata);
}
