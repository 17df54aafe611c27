/** Resources of the model as Calico writes them into etcd. */
import type { Block } from "../../../../tunnels/model/block.ts";
import type { IpPool } from "../../../../tunnels/model/ip-pool.ts";
import type { Node, NodeAddress } from "../../../../tunnels/model/node.ts";
import type { Resource } from "../../../../tunnels/model/snapshot.ts";

/** The key below the prefix, and the value. */
export function calicoRecord(resource: Resource): [key: string, value: object] {
  switch (resource.kind) {
    case "IPPool":
      return named("ippools", resource, poolSpec(resource));
    case "Node":
      return named("nodes", resource, nodeSpec(resource));
    case "IPAMBlock": {
      const { cidr } = resource;
      const key = `/ipam/v2/assignment/ipv${cidr.family}/block/${`${cidr}`.replace("/", "-")}`;
      return [key, blockValue(resource)];
    }
    case "FelixConfiguration":
      return named("felixconfigurations", resource, {});
  }
}

function named(plural: string, { kind, name }: Resource, spec: object): [string, object] {
  const value = { kind, apiVersion: "projectcalico.org/v3", metadata: { name }, spec };
  return [`/resources/v3/projectcalico.org/${plural}/${name}`, value];
}

function poolSpec({ cidr, encap, mode, routed, natOutgoing }: IpPool): object {
  return {
    cidr: `${cidr}`,
    vxlanMode: encap === "vxlan" ? mode : "Never",
    ipipMode: encap === "ipip" ? mode : "Never",
    natOutgoing,
    allowedUses: routed ? ["Workload", "Tunnel"] : ["LoadBalancer"],
  };
}

function nodeSpec({ ipv4, ipv6, tunnel, otherAddresses }: Node): object {
  const text = (address: NodeAddress): string =>
    address.subnetLength === undefined
      ? `${address.address}`
      : `${address.address}/${address.subnetLength}`;
  return {
    bgp: {
      ...(ipv4 && { ipv4Address: text(ipv4) }),
      ...(ipv6 && { ipv6Address: text(ipv6) }),
      ...(tunnel.ipip && { ipv4IPIPTunnelAddr: `${tunnel.ipip}` }),
    },
    ...(tunnel.vxlan && { ipv4VXLANTunnelAddr: `${tunnel.vxlan}` }),
    ...(tunnel.vxlan6 && { ipv6VXLANTunnelAddr: `${tunnel.vxlan6}` }),
    ...(tunnel.vxlanMac && { vxlanTunnelMACAddr: tunnel.vxlanMac }),
    ...(tunnel.vxlan6Mac && { vxlanTunnelMACAddrV6: tunnel.vxlan6Mac }),
    addresses: otherAddresses.map((address) => ({ address: `${address}`, type: "ExternalIP" })),
  };
}

/** Addresses of the block that others use stand as its first allocations that they can be. */
function blockValue({ cidr, node, borrowed }: Block): object {
  const ordinals = borrowed.map(({ address }) =>
    cidr.family === 4 ? address.w0 - cidr.address.w0 : address.w3 - cidr.address.w3,
  );
  const allocations = Array.from({ length: Math.max(0, ...ordinals) + 1 }, (_, ordinal) => {
    const index = ordinals.indexOf(ordinal);
    return index < 0 ? null : index;
  });
  const attributes = borrowed.map(({ node: user }) => ({
    handle_id: `k8s-pod-network.${user}`,
    secondary: { node: user, namespace: "shop", pod: "cart-0" },
  }));
  const affinity = node === undefined ? null : `host:${node}`;
  return { cidr: `${cidr}`, affinity, allocations, unallocated: [], attributes, deleted: false };
}
