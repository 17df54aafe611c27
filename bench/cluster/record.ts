/**
 * The cluster's records as Calico writes them: `calicoctl get` for nodes and pools, `kubectl get`
 * for blocks. Minimal records hold what somebody writing by hand would need; full ones also carry
 * what a real cluster has and the overlay does not read, 64 allocations per IPv4 block included.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import type { Cluster, Pool } from "./cluster.ts";
import { seededRandom } from "./random.ts";

export type RecordDetail = "minimal" | "full";

/** A resource, ready for JSON or YAML. */
export interface ResourceRecord {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly spec: { readonly [field: string]: unknown };
}

const CREATED = "2026-01-05T10:00:00Z";

export function poolRecord(pool: Pool, detail: RecordDetail): ResourceRecord {
  const isIpv6 = pool.cidr.family === 6;
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "IPPool",
    metadata: metadataOf(pool.name, detail, 0),
    spec: {
      cidr: pool.cidr.toString(),
      vxlanMode: pool.encap === "vxlan" ? pool.mode : "Never",
      ipipMode: pool.encap === "ipip" ? pool.mode : "Never",
      ...(detail === "full" && {
        natOutgoing: true,
        blockSize: isIpv6 ? 122 : 26,
        nodeSelector: "all()",
        allowedUses: ["Workload", "Tunnel"],
      }),
    },
  };
}

export function nodeRecord(cluster: Cluster, node: number, detail: RecordDetail): ResourceRecord {
  const name = cluster.nameOf(node);
  const { families, pools } = cluster.options;
  const underlay = (family: Family): string =>
    `${cluster.underlayAddress(node, family)}/${cluster.underlayLength(node, family)}`;
  const hasVxlan = pools.some((pool) => pool.encap === "vxlan");
  const hasIpip = pools.some((pool) => pool.encap === "ipip");
  const hasIpv4 = families.includes(4);
  const hasIpv6 = families.includes(6);
  const tunnel = (family: Family): string => cluster.tunnelAddress(node, family).toString();
  const spec = {
    bgp: {
      ...(hasIpv4 && { ipv4Address: underlay(4) }),
      ...(hasIpv4 && hasIpip && { ipv4IPIPTunnelAddr: cluster.ipipTunnelAddress(node).toString() }),
      ...(hasIpv6 && { ipv6Address: underlay(6) }),
    },
    ...(hasIpv4 && hasVxlan && { ipv4VXLANTunnelAddr: tunnel(4) }),
    ...(hasIpv6 && { ipv6VXLANTunnelAddr: tunnel(6) }),
    ...(detail === "full" && {
      orchRefs: [{ nodeName: name, orchestrator: "k8s" }],
      addresses: families.flatMap((family) => [
        { address: underlay(family), type: "CalicoNodeIP" },
        { address: cluster.underlayAddress(node, family).toString(), type: "InternalIP" },
      ]),
    }),
  };
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "Node",
    metadata: metadataOf(name, detail, node),
    spec,
  };
}

export function blockRecord(
  cluster: Cluster,
  block: number,
  family: Family,
  detail: RecordDetail,
): ResourceRecord {
  const cidr = cluster.blockCidr(block, family).toString();
  const owner = cluster.ownerOf(block);
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPAMBlock",
    metadata: metadataOf(cidr.replace(/[.:/]/g, "-"), detail, block),
    spec: {
      cidr,
      affinity: `host:${cluster.nameOf(owner)}`,
      ...(detail === "full" && allocationsOf(cluster, block, owner)),
    },
  };
}

function metadataOf(
  name: string,
  detail: RecordDetail,
  serial: number,
): ResourceRecord["metadata"] {
  if (detail === "minimal") return { name };
  const uid = `11111111-0000-4000-8000-${String(serial).padStart(12, "0")}`;
  return { name, uid, creationTimestamp: CREATED, resourceVersion: String(1000 + serial) };
}

/** 64 allocations, each used with the probability that the seed gave this block. */
function allocationsOf(cluster: Cluster, block: number, owner: number): object {
  const random = seededRandom(cluster.options.seed + block * 7919 + 1);
  const node = cluster.nameOf(owner);
  const allocations: (number | null)[] = new Array<null>(64).fill(null);
  const attributes: object[] = [];
  const secondary = { node, namespace: "default", timestamp: "2026-01-05 10:02:11.5 +0000 UTC" };
  if (cluster.firstBlockOf(owner) === block) {
    attributes.push({
      handle_id: `vxlan-tunnel-addr-${node}`,
      secondary: { node, type: "vxlanTunnelAddress" },
    });
    allocations[0] = 0;
  }
  const used = random();
  for (let ordinal = 2; ordinal < 64; ordinal++) {
    if (random() >= used) continue;
    const serial = Math.floor(random() * 2 ** 32).toString(16);
    allocations[ordinal] = attributes.length;
    attributes.push({
      handle_id: `k8s-pod-network.${serial}${ordinal}`,
      secondary: { ...secondary, pod: `shop-${serial}-${ordinal}` },
    });
  }
  const unallocated = allocations.flatMap((index, ordinal) => (index === null ? [ordinal] : []));
  return {
    allocations,
    unallocated,
    attributes,
    sequenceNumber: block + 1,
    deleted: false,
    strictAffinity: false,
  };
}
