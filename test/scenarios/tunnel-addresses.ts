// Nodes whose tunnel addresses are not in their own blocks: what a node sends from there is answered all the same.

import assert from "node:assert/strict";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { probePaths } from "../../src/demo/probe.ts";
import type { Resource } from "../../src/demo/topology-resources.ts";
import type { Cluster } from "../support/cluster.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type Encap, MODE_FIELD, poolsOf, TUNNEL_MTU } from "./encap.ts";
import { addressBlock, blockName, borrow } from "./resources.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";

const NODES = ["alder", "birch", "cedar"] as const;
type NodeName = (typeof NODES)[number];
/** IPv4, then IPv6. */
type Addresses = readonly [string, string];

export function tunnelAddressScenarios(encap: Encap): readonly Scenario[] {
  const nodes = [["alder", "birch"], ["cedar"]];
  return onOneCluster({ pools: poolsOf(encap), nodes, podsPerNode: 1 }, [
    borrowedAddress(encap),
    poolOfTheirOwn(encap),
  ]);
}

function borrowedAddress(encap: Encap): ClusterScenario {
  const birch: Addresses = ["10.244.1.9", "fd00:10:244::1:9"];
  return {
    name: "a node with tunnel addresses borrowed from another node's blocks reaches all pods, and is reached",
    run: async (cluster) => {
      const before = cluster.resource("Node", "birch");
      const lenders = ["always", "always6"].map((pool) =>
        cluster.resource("IPAMBlock", blockName(cluster.block("cedar", pool))),
      );
      cluster.write(...lenders.map((block) => borrow(block, 9, "birch")));
      setTunnelAddresses(cluster, encap, "birch", birch);
      await assertExact(cluster);
      await assertHostsReachPods(cluster, encap, {
        alder: ["10.244.0.0", "fd00:10:244::"],
        birch,
        cedar: ["10.244.1.0", "fd00:10:244::1:0"],
      });
      cluster.write(before, ...lenders);
      await assertExact(cluster);
    },
  };
}

function poolOfTheirOwn(encap: Encap): ClusterScenario {
  return {
    name: "tunnel addresses that are blocks of one address in pools of their own reach all pods, and each other",
    run: async (cluster) => {
      const before = NODES.map((name) => cluster.resource("Node", name));
      const own = Object.fromEntries(
        NODES.map((name, at) => [name, [`10.250.0.${at + 1}`, `fd00:10:250::${at + 1}`]]),
      ) as unknown as Record<NodeName, Addresses>;
      const blocks = NODES.flatMap((name) => [
        addressBlock(`${own[name][0]}/32`, name),
        addressBlock(`${own[name][1]}/128`, name),
      ]);
      const pools = [
        tunnelPool("tunnels", "10.250.0.0/24", { [MODE_FIELD[encap]]: "Always" }),
        tunnelPool("tunnels6", "fd00:10:250::/112", { vxlanMode: "Always" }),
      ];
      cluster.write(...pools, ...blocks);
      for (const name of NODES) setTunnelAddresses(cluster, encap, name, own[name]);
      await assertExact(cluster);
      await assertHostsReachPods(cluster, encap, own);
      const paths = pairs().flatMap(([from, to]) =>
        own[from].map((source, at) => ({
          namespace: cluster.namespace(from),
          source,
          target: own[to][at] ?? "",
        })),
      );
      await assertPass(encap, paths);
      cluster.write(...before);
      for (const { kind, metadata } of [...pools, ...blocks]) cluster.remove(kind, metadata.name);
      await assertExact(cluster);
    },
  };
}

function tunnelPool(name: string, cidr: string, mode: object): Resource {
  const spec = { cidr, allowedUses: ["Tunnel"], ...mode };
  return { apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata: { name }, spec };
}

function setTunnelAddresses(
  cluster: Cluster,
  encap: Encap,
  node: NodeName,
  [ipv4, ipv6VXLANTunnelAddr]: Addresses,
): void {
  const { bgp } = cluster.resource("Node", node).spec as { bgp: object };
  const own =
    encap === "vxlan"
      ? { ipv4VXLANTunnelAddr: ipv4 }
      : { bgp: { ...bgp, ipv4IPIPTunnelAddr: ipv4 } };
  cluster.change("Node", node, { ...own, ipv6VXLANTunnelAddr });
}

/** From every node, sent from its tunnel address, to the pods of the others. */
async function assertHostsReachPods(
  cluster: Cluster,
  encap: Encap,
  addresses: Readonly<Record<NodeName, Addresses>>,
): Promise<void> {
  const paths = pairs().flatMap(([from, to]) =>
    addresses[from].map((source, at) => ({
      namespace: cluster.namespace(from),
      source,
      target: cluster.address(`${to}-1`, at === 0 ? "always" : "always6"),
    })),
  );
  await assertPass(encap, paths);
}

async function assertPass(encap: Encap, paths: readonly EchoPath[]): Promise<void> {
  const probes = await probePaths(paths, 1500);
  const found = paths.map(({ source, target }, at) => [source, target, probes[at]?.largest]);
  const expected = paths.map(({ source, target }) => {
    return [source, target, target.includes(":") ? 1430 : TUNNEL_MTU[encap]];
  });
  assert.deepEqual(found, expected);
}

function pairs(): (readonly [NodeName, NodeName])[] {
  return NODES.flatMap((from) =>
    NODES.filter((to) => to !== from).map((to) => [from, to] as const),
  );
}
