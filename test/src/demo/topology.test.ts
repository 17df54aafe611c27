import { expect, test } from "vitest";
import { allPairs } from "../../../src/demo/pairs.ts";
import { demoPools, demoTopology } from "../../../src/demo/topology.ts";
import { topologyResources } from "../../../src/demo/topology-resources.ts";

const kernel = { ipip: false, ipv6: true };

test("demoTopology gives each node one block of every pool, in its subnet's third octet", () => {
  const { nodes } = demoTopology();
  expect(nodes.map(({ name, ipv4 }) => [name, ipv4])).toEqual([
    ["alder", "192.0.2.10"],
    ["birch", "192.0.2.11"],
    ["cedar", "192.0.2.74"],
    ["dogwood", "192.0.2.75"],
  ]);
  expect(nodes[3]?.blocks.map(({ cidr }) => cidr)).toEqual([
    "10.244.1.64/26",
    "10.245.1.64/26",
    "10.246.1.64/26",
    "fd00:10:244::1:40/122",
    "fd00:10:245::1:40/122",
  ]);
  expect(nodes[3]?.pods[1]?.addresses.get("vxlan6")).toBe("fd00:10:244::1:46");
});

test("demoTopology gives no address twice, in four subnets of thirty nodes", () => {
  const names = [0, 1, 2, 3].map((subnet) =>
    Array.from({ length: 30 }, (_, n) => `n${subnet}-${n}`),
  );
  const { nodes } = demoTopology({ nodes: names });
  const addresses = nodes.flatMap(({ ipv4, ipv6, blocks, pods }) => [
    ipv4,
    ipv6,
    ...blocks.map(({ first }) => first),
    ...pods.flatMap((pod) => [...pod.addresses.values()]),
  ]);
  expect(new Set(addresses).size).toBe(addresses.length);
});

test("demoTopology refuses more nodes than its subnets hold", () => {
  const names = Array.from({ length: 31 }, (_, n) => `n${n}`);
  expect(() => demoTopology({ nodes: [names] })).toThrow(RangeError);
});

test("topologyResources writes Calico's names of the tunnel addresses", () => {
  const resources = topologyResources(demoTopology());
  const dogwood = resources.find(({ metadata }) => metadata.name === "dogwood");
  expect(dogwood?.spec).toEqual({
    bgp: {
      ipv4Address: "192.0.2.75/26",
      ipv6Address: "2001:db8:0:2::11/64",
      ipv4IPIPTunnelAddr: "10.246.1.64",
    },
    ipv4VXLANTunnelAddr: "10.244.1.64",
    ipv6VXLANTunnelAddr: "fd00:10:244::1:40",
  });
});

test("allPairs expects a tunnel across subnets only where the pool asks for that", () => {
  const pairs = allPairs(demoTopology({ pools: demoPools(kernel) }));
  const wanted = (pool: string, to: string): unknown => {
    const pair = pairs.find(
      (one) => one.pool.name === pool && one.from.name === "alder-1" && one.to.name === to,
    );
    return [pair?.wanted, pair?.mtu];
  };
  expect(pairs.length).toBe(4 * 8 * 7);
  expect(wanted("cross", "alder-2")).toEqual(["local", 1500]);
  expect(wanted("cross", "birch-1")).toEqual(["direct", 1500]);
  expect(wanted("cross6", "cedar-1")).toEqual(["vxlan", 1430]);
  expect(wanted("vxlan", "birch-1")).toEqual(["vxlan", 1450]);
});
