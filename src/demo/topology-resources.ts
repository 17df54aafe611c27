/** A topology as the resources that agents read: Calico's kinds, one YAML file for each kind. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Topology, TopologyBlock, TopologyNode, TopologyPool } from "./topology.ts";

/** Any resource: what a document of the file datastore holds. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function topologyResources(topology: Topology): Resource[] {
  return [
    ...topology.pools.map(poolResource),
    ...topology.nodes.map((node) => nodeResource(node, topology)),
    ...topology.nodes.flatMap((node) => node.blocks.map((block) => blockResource(block, node))),
  ];
}

/** `ippool.yaml`, `node.yaml`, `ipamblock.yaml`. */
export function writeResources(directory: string, resources: readonly Resource[]): void {
  mkdirSync(directory, { recursive: true });
  for (const kind of new Set(resources.map((resource) => resource.kind))) {
    const documents = resources.filter((resource) => resource.kind === kind);
    const text = documents.map((resource) => stringify(resource)).join("---\n");
    writeFileSync(join(directory, `${kind.toLowerCase()}.yaml`), text);
  }
}

export function poolResource(pool: TopologyPool): Resource {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "IPPool",
    metadata: { name: pool.name },
    spec: {
      cidr: pool.cidr,
      vxlanMode: pool.encapsulation === "vxlan" ? pool.mode : "Never",
      ipipMode: pool.encapsulation === "ipip" ? pool.mode : "Never",
    },
  };
}

export function nodeResource(node: TopologyNode, topology: Topology): Resource {
  const subnet = topology.subnets[node.subnet];
  const length = (cidr: string | undefined): string => cidr?.split("/")[1] ?? "";
  const tunnelAddress = (encapsulation: string, family: number): string | undefined =>
    node.blocks.find(({ pool }) => pool.encapsulation === encapsulation && pool.family === family)
      ?.first;
  const hasIpv6 = topology.pools.some((pool) => pool.family === 6);
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "Node",
    metadata: { name: node.name },
    spec: {
      bgp: {
        ipv4Address: `${node.ipv4}/${length(subnet?.ipv4)}`,
        ...(hasIpv6 && { ipv6Address: `${node.ipv6}/${length(subnet?.ipv6)}` }),
        ...named("ipv4IPIPTunnelAddr", tunnelAddress("ipip", 4)),
      },
      ...named("ipv4VXLANTunnelAddr", tunnelAddress("vxlan", 4)),
      ...named("ipv6VXLANTunnelAddr", tunnelAddress("vxlan", 6)),
    },
  };
}

export function blockResource(block: TopologyBlock, node: TopologyNode): Resource {
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPAMBlock",
    metadata: { name: block.cidr.replaceAll(/[.:/]+/g, "-") },
    spec: { cidr: block.cidr, affinity: `host:${node.name}` },
  };
}

function named(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}
