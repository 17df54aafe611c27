/** Every pod to every other pod, in every pool: what there is to probe, and what should come out. */
import { type EncapMode, encapOverhead } from "../../encap/encap-mode.ts";
import type { EchoPath } from "./echo-socket.ts";
import { ipQueries } from "./ip-command.ts";
import { type Namespaces, podLink } from "./namespaces.ts";
import type { Topology, TopologyNode, TopologyPod, TopologyPool } from "./topology.ts";

/** How a packet leaves the first pod's node. */
export type PathTaken = "local" | "direct" | "vxlan" | "ipip" | "none";

export interface PodPair {
  readonly pool: TopologyPool;
  readonly from: TopologyPod;
  readonly to: TopologyPod;
  readonly source: string;
  readonly target: string;
  /** What the pool's mode and the nodes' subnets ask for. */
  readonly wanted: PathTaken;
  /** The largest packet that this path can carry. */
  readonly mtu: number;
}

const MODE_OF_PATH: Readonly<Record<PathTaken, EncapMode>> = {
  local: "none",
  direct: "none",
  none: "none",
  vxlan: "vxlan",
  ipip: "ipip",
};

export function allPairs(topology: Topology): PodPair[] {
  const nodes = new Map(topology.nodes.map((node) => [node.name, node]));
  const pods = topology.nodes.flatMap((node) => node.pods);
  return topology.pools.flatMap((pool) =>
    pods.flatMap((from) =>
      pods
        .filter((to) => to !== from)
        .map((to): PodPair => {
          const wanted = wantedPath(pool, nodes.get(from.node), nodes.get(to.node));
          return {
            pool,
            from,
            to,
            source: from.addresses.get(pool.name) ?? "",
            target: to.addresses.get(pool.name) ?? "",
            wanted,
            mtu: Math.min(topology.podMtu, mtuOf(wanted, pool, topology)),
          };
        }),
    ),
  );
}

export function echoPath(pair: PodPair, namespaces: Namespaces): EchoPath {
  const { source, target } = pair;
  return { namespace: namespaces.of(pair.from.name), source, target };
}

function wantedPath(
  pool: TopologyPool,
  from: TopologyNode | undefined,
  to: TopologyNode | undefined,
): PathTaken {
  if (from === to) return "local";
  if (pool.mode === "Never") return "direct";
  if (pool.mode === "CrossSubnet" && from?.subnet === to?.subnet) return "direct";
  return pool.encapsulation;
}

function mtuOf(path: PathTaken, pool: TopologyPool, topology: Topology): number {
  if (path === "local") return topology.podMtu;
  return topology.underlayMtu - encapOverhead(MODE_OF_PATH[path], pool.family);
}

/**
 * The path that each pair's first node takes, by its kernel's own routing decision. What goes to the
 * TUN device is as its pool has it: the size of the packets that pass tells whether that is so.
 */
export async function pathsTaken(
  pairs: readonly PodPair[],
  topology: Topology,
  namespaces: Namespaces,
): Promise<PathTaken[]> {
  const targetsOf = (node: string): string[] => [
    ...new Set(pairs.filter(({ from }) => from.node === node).map(({ target }) => target)),
  ];
  const tables = await Promise.all(
    topology.nodes.map(async ({ name }): Promise<[string, Map<string, string>]> => {
      const lines = targetsOf(name).map((target) => `route get ${target}`);
      return [name, readRoutes(await ipQueries(namespaces.of(name), lines))];
    }),
  );
  const byNode = new Map(tables);
  return pairs.map(({ from, target, pool }) => {
    return pathOf(byNode.get(from.node)?.get(target) ?? "", pool);
  });
}

/** `10.244.0.70 via 10.244.0.64 dev vxlan.causeway src …`, with more about it on indented lines. */
function readRoutes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, target, device] of text.matchAll(/^(\S+) .*?\bdev (\S+)/gm)) {
    if (target !== undefined && device !== undefined) found.set(target, device);
  }
  return found;
}

function pathOf(device: string, pool: TopologyPool): PathTaken {
  if (device.startsWith("tun")) return pool.encapsulation;
  if (device === "eth0") return "direct";
  if (device.startsWith(podLink(0).slice(0, -1))) return "local";
  if (device.startsWith("vxlan")) return "vxlan";
  return device.startsWith("ipip") ? "ipip" : "none";
}
