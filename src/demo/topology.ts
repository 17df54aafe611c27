/**
 * The network that `causeway demo`, the tests and the benchmarks run on, as a description:
 * subnets joined by a router, nodes in them, pods on the nodes.
 *
 *      192.0.2.0/26 ──────── router ──────── 192.0.2.64/26
 *       │         │                            │         │
 *     alder     birch                        cedar    dogwood
 *      │ │       │ │                          │ │       │ │      pods, each with one address
 *                                                                of every pool
 */
import { type Family, IpAddress, parseIp } from "../../encap/address/ip-address.ts";

export interface TopologyPool {
  readonly name: string;
  readonly cidr: string;
  readonly family: Family;
  readonly encapsulation: "vxlan" | "ipip";
  readonly mode: "Always" | "CrossSubnet" | "Never";
}

export interface TopologySubnet {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly router: { readonly ipv4: string; readonly ipv6: string };
}

export interface TopologyBlock {
  readonly pool: TopologyPool;
  readonly cidr: string;
  /** The first address: the node's tunnel address where the pool has one. */
  readonly first: string;
}

export interface TopologyPod {
  readonly name: string;
  readonly node: string;
  /** One address for each pool, by the pool's name. */
  readonly addresses: ReadonlyMap<string, string>;
}

export interface TopologyNode {
  readonly name: string;
  /** Its place in `Topology.subnets`. */
  readonly subnet: number;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly blocks: readonly TopologyBlock[];
  readonly pods: readonly TopologyPod[];
}

export interface Topology {
  readonly pools: readonly TopologyPool[];
  readonly subnets: readonly TopologySubnet[];
  readonly nodes: readonly TopologyNode[];
  readonly underlayMtu: number;
  readonly podMtu: number;
}

export interface TopologyOptions {
  /** Names of the nodes of each subnet: at most four subnets of 30. */
  readonly nodes?: readonly (readonly string[])[];
  readonly pools?: readonly TopologyPool[];
  readonly podsPerNode?: number;
  readonly underlayMtu?: number;
  readonly podMtu?: number;
}

const VXLAN_POOLS: readonly TopologyPool[] = [
  { name: "vxlan", cidr: "10.244.0.0/16", family: 4, encapsulation: "vxlan", mode: "Always" },
  { name: "cross", cidr: "10.245.0.0/16", family: 4, encapsulation: "vxlan", mode: "CrossSubnet" },
];
const IPIP_POOLS: readonly TopologyPool[] = [
  { name: "ipip", cidr: "10.246.0.0/16", family: 4, encapsulation: "ipip", mode: "Always" },
];
const IPV6_POOLS: readonly TopologyPool[] = [
  { name: "vxlan6", cidr: "fd00:10:244::/48", family: 6, encapsulation: "vxlan", mode: "Always" },
  {
    name: "cross6",
    cidr: "fd00:10:245::/48",
    family: 6,
    encapsulation: "vxlan",
    mode: "CrossSubnet",
  },
];

/** The demo's pools, as far as the kernel can carry them. */
export function demoPools(kernel: { ipip: boolean; ipv6: boolean }): readonly TopologyPool[] {
  return [...VXLAN_POOLS, ...(kernel.ipip ? IPIP_POOLS : []), ...(kernel.ipv6 ? IPV6_POOLS : [])];
}

/** Without options: the four nodes drawn above, and every pool. */
export function demoTopology(options: TopologyOptions = {}): Topology {
  const names = options.nodes ?? [
    ["alder", "birch"],
    ["cedar", "dogwood"],
  ];
  const pools = options.pools ?? demoPools({ ipip: true, ipv6: true });
  if (names.length > 4 || names.some((subnet) => subnet.length > 30)) {
    throw new RangeError("a topology has at most 4 subnets of 30 nodes");
  }
  const subnets = names.map((_, subnet) => ({
    ipv4: `192.0.2.${subnet * 64}/26`,
    ipv6: `2001:db8:0:${subnet + 1}::/64`,
    router: { ipv4: `192.0.2.${subnet * 64 + 1}`, ipv6: `2001:db8:0:${subnet + 1}::1` },
  }));
  const nodes = names.flatMap((inSubnet, subnet) =>
    inSubnet.map((name, index): TopologyNode => {
      const blocks = pools.map((pool) => blockOf(pool, subnet, index));
      return {
        name,
        subnet,
        ipv4: `192.0.2.${subnet * 64 + 10 + index}`,
        ipv6: `2001:db8:0:${subnet + 1}::${10 + index}`,
        blocks,
        pods: podsOf(name, blocks, options.podsPerNode ?? 2),
      };
    }),
  );
  const underlayMtu = options.underlayMtu ?? 1500;
  return { pools, subnets, nodes, underlayMtu, podMtu: options.podMtu ?? underlayMtu };
}

/** Four /26 (or /122) blocks to each third octet, which shows the subnet to the reader. */
function blockOf(pool: TopologyPool, subnet: number, index: number): TopologyBlock {
  const third = subnet + 4 * Math.floor(index / 4);
  const offset = third * (pool.family === 4 ? 256 : 0x10000) + (index % 4) * 64;
  const first = addressAt(pool.cidr.replace(/\/.*/, ""), offset);
  return { pool, first, cidr: `${first}/${pool.family === 4 ? 26 : 122}` };
}

function podsOf(node: string, blocks: readonly TopologyBlock[], count: number): TopologyPod[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${node}-${index + 1}`,
    node,
    addresses: new Map(blocks.map((block) => [block.pool.name, addressAt(block.first, 5 + index)])),
  }));
}

function addressAt(base: string, offset: number): string {
  const ip = parseIp(base);
  if (ip.family === 4) return new IpAddress(4, ip.w0 + offset).toString();
  return new IpAddress(6, ip.w0, ip.w1, ip.w2, ip.w3 + offset).toString();
}
