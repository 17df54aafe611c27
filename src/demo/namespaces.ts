/**
 * Builds a topology out of network namespaces: one for the router, one for each node and each
 * pod. A pod has a link to its node and nothing else; its gateway is 169.254.1.1 (fe80::1), an
 * address that nobody holds, behind a fixed MAC, so that no ARP is needed. Forwarding is on in
 * the router alone: on the nodes it is the agent's job.
 */
import { existsSync } from "node:fs";
import { closeDescriptor, openSocket } from "../native/linux.ts";
import { ipBatch } from "./ip-command.ts";
import { removeNamespaces } from "./namespace-removal.ts";
import { writeSysctls } from "./network-namespace.ts";
import type { Topology, TopologyNode, TopologyPod } from "./topology.ts";

const AF_INET6 = 10;
const SOCK_DGRAM = 2;

/** The MAC of the node's end of every pod's link, and of the pod's end. */
const GATEWAY_MAC = "ee:ee:ee:ee:ee:ee";
const POD_MAC = "ee:ee:ee:ee:ee:01";

export interface Namespaces {
  readonly router: string;
  /** The namespace of a node or pod, by its name in the topology. */
  of(name: string): string;
  /** Kills what runs inside and removes everything. Happens at the end of the process at last. */
  remove(): void;
  /** Leaves everything in place when the process ends. */
  keep(): void;
}

/** Builds it all, or removes what it had built and throws. */
export async function buildNamespaces(topology: Topology, prefix: string): Promise<Namespaces> {
  const of = (name: string): string => `${prefix}${name}`;
  const router = of("router");
  const pods = topology.nodes.flatMap((node) => node.pods);
  const names = [router, ...[...topology.nodes, ...pods].map(({ name }) => of(name))];
  const keep = (): void => void process.off("exit", remove);
  const remove = (): void => {
    keep();
    removeNamespaces(names);
  };
  process.once("exit", remove);
  try {
    await ipBatch(
      undefined,
      names.map((name) => `netns add ${name}`),
    );
    for (const name of names) writeSysctls(name, hostSettings());
    writeSysctls(router, {
      "ipv4/ip_forward": 1,
      ...(hasIpv6() && { "ipv6/conf/all/forwarding": 1 }),
    });
    await ipBatch(undefined, links(topology, of));
    await Promise.all([
      ipBatch(router, routerLines(topology)),
      ...topology.nodes.map((node) => ipBatch(of(node.name), nodeLines(node, topology))),
      ...pods.map((pod) => ipBatch(of(pod.name), podLines(pod, topology))),
    ]);
  } catch (error) {
    remove();
    throw error;
  }
  return { router, of, remove, keep };
}

/** Opening a socket loads the module, where IPv6 is one. */
export function hasIpv6(): boolean {
  try {
    closeDescriptor(openSocket(AF_INET6, SOCK_DGRAM, 0));
    return existsSync("/proc/sys/net/ipv6");
  } catch {
    return false;
  }
}

/** What a new namespace may have inherited from this machine's settings, made the same anywhere. */
function hostSettings(): Record<string, number> {
  const ipv4 = {
    "ipv4/ip_forward": 0,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
  };
  if (!hasIpv6()) return ipv4;
  // Without duplicate address detection an address can be used at once.
  const perLink = ["all", "default"].map((link) => [
    [`ipv6/conf/${link}/disable_ipv6`, 0],
    [`ipv6/conf/${link}/accept_dad`, 0],
    [`ipv6/conf/${link}/accept_ra`, 0],
    [`ipv6/conf/${link}/forwarding`, 0],
  ]);
  return { ...ipv4, ...Object.fromEntries(perLink.flat()) };
}

/** Links are made with both ends in their namespaces: none appears here, not even for a moment. */
function links(topology: Topology, of: (name: string) => string): string[] {
  const { underlayMtu, podMtu } = topology;
  return topology.nodes.flatMap((node) => [
    `link add name eth0 mtu ${underlayMtu} netns ${of(node.name)} type veth` +
      ` peer name ${port(node)} mtu ${underlayMtu} netns ${of("router")}`,
    ...node.pods.map(
      (pod, index) =>
        `link add name eth0 mtu ${podMtu} address ${POD_MAC} netns ${of(pod.name)} type veth` +
        ` peer name ${podLink(index)} mtu ${podMtu} address ${GATEWAY_MAC} netns ${of(node.name)}`,
    ),
  ]);
}

/** The router's end of the link to a node; the kernel's names have at most 15 characters. */
function port(node: TopologyNode): string {
  return node.name.slice(0, 15);
}

/** The node's end of the link to its nth pod. */
export function podLink(index: number): string {
  return `pod${index + 1}`;
}

function routerLines(topology: Topology): string[] {
  const v6 = hasIpv6();
  return [
    "link set dev lo up",
    ...topology.subnets.flatMap((subnet, index) => [
      `link add name subnet${index + 1} type bridge`,
      `address add ${subnet.router.ipv4}/${lengthOf(subnet.ipv4)} dev subnet${index + 1}`,
      ...(v6
        ? [`address add ${subnet.router.ipv6}/${lengthOf(subnet.ipv6)} dev subnet${index + 1}`]
        : []),
      `link set dev subnet${index + 1} up`,
    ]),
    ...topology.nodes.map(
      (node) => `link set dev ${port(node)} master subnet${node.subnet + 1} up`,
    ),
  ];
}

function nodeLines(node: TopologyNode, topology: Topology): string[] {
  const subnet = topology.subnets[node.subnet];
  if (subnet === undefined) throw new RangeError(`node ${node.name}: no subnet ${node.subnet}`);
  const v6 = hasIpv6();
  return [
    "link set dev lo up",
    "link set dev eth0 up",
    `address add ${node.ipv4}/${lengthOf(subnet.ipv4)} dev eth0`,
    `route add default via ${subnet.router.ipv4}`,
    ...(v6 ? [`address add ${node.ipv6}/${lengthOf(subnet.ipv6)} dev eth0`] : []),
    ...(v6 ? [`route add default via ${subnet.router.ipv6}`] : []),
    ...node.pods.flatMap((pod, index) => {
      const link = podLink(index);
      return [
        `link set dev ${link} up`,
        ...[...pod.addresses.values()].flatMap((address) => [
          `neighbour add ${address} lladdr ${POD_MAC} dev ${link} nud permanent`,
          `route add ${address} dev ${link} proto static`,
        ]),
      ];
    }),
  ];
}

function podLines(pod: TopologyPod, topology: Topology): string[] {
  const addresses = topology.pools.map((pool) => pod.addresses.get(pool.name) ?? "");
  const gateways = ["169.254.1.1", ...(hasIpv6() ? ["fe80::1"] : [])];
  return [
    "link set dev lo up",
    "link set dev eth0 up",
    ...addresses.map(
      (address) => `address add ${address}/${address.includes(":") ? 128 : 32} dev eth0`,
    ),
    ...gateways.map(
      (gateway) => `neighbour add ${gateway} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`,
    ),
    ...gateways.map((gateway) => `route add default via ${gateway} dev eth0 onlink`),
  ];
}

function lengthOf(cidr: string): string {
  return cidr.split("/")[1] ?? "";
}
