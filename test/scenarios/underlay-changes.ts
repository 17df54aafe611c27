// The node address moves while the agents run: to another link, to another address, away and back.

import assert from "node:assert/strict";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { ipBatch } from "../../src/demo/ip-command.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import { dumpDifference, dumpKernel } from "../support/kernel-dump.ts";
import { assertExact, planOf } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, poolsOf, TUNNEL_MTU } from "./encap.ts";
import { onOneCluster } from "./shared-cluster.ts";
import { deviceTo, lossesDuring } from "./traffic.ts";

/** What moves is birch's address; alder is in its subnet, cedar is not. */
const NODES = [["alder", "birch"], ["cedar"]];
const ADDRESSES = ["192.0.2.11/26", "2001:db8:0:1::11/64"];
const OTHER_ADDRESS = "192.0.2.21";

export function underlayChangeScenarios(encap: Encap): readonly Scenario[] {
  const device = DEVICE[encap];
  return onOneCluster({ pools: poolsOf(encap), nodes: NODES, podsPerNode: 1 }, [
    {
      name: "the node address moves to another link, and devices and routes follow",
      run: async (cluster) => {
        const { others } = pathsOf(cluster);
        const losses = await lossesDuring({ others }, async () => {
          // As when a bridge or a bond is put over the link: the MAC stays the same.
          await ipBatch(cluster.namespace("birch"), [
            "link add br0 type bridge",
            "link set dev eth0 master br0",
            "link set dev br0 up",
            ...move("eth0", "br0"),
          ]);
          await assertExact(cluster);
          assert.deepEqual(await endOf(cluster, device), ["br0", "192.0.2.11"]);
          assert.deepEqual(await endOf(cluster, "vxlan6.causeway"), ["br0", "2001:db8:0:1::11"]);
          await assertAllReach(cluster, encap, "br0");
          await ipBatch(cluster.namespace("birch"), [
            "link set dev eth0 nomaster",
            ...move("br0", "eth0"),
            "link delete br0",
          ]);
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { others: 0 });
        assert.deepEqual(await endOf(cluster, device), ["eth0", "192.0.2.11"]);
        await assertAllReach(cluster, encap, "eth0");
      },
    },
    {
      name: "a node address that is gone for a while takes nothing along",
      run: async (cluster) => {
        const before = await dumpKernel(cluster.namespace("birch"));
        const { others } = pathsOf(cluster);
        const losses = await lossesDuring({ others }, async () => {
          await cluster.ip("birch", "address", "flush", "dev", "eth0", "scope", "global");
          await eventually(async () => {
            const { state, problems } = await cluster.agent("birch").status();
            assert.equal(state, "degraded");
            assert.deepEqual(
              problems.map(({ reason }) => reason),
              ["192.0.2.11", "2001:db8:0:1::11"].map(
                (ip) => `no link holds the node address ${ip}; what was made for it stays`,
              ),
            );
          });
          assert.deepEqual(await planOf(cluster, "birch"), []);
          const gone = dumpDifference(before, await dumpKernel(cluster.namespace("birch")));
          assert.deepEqual(
            gone.filter((line) => /causeway|10\.24[45]|fd00/.test(line)),
            [],
          );
          await ipBatch(cluster.namespace("birch"), move("eth0", "eth0"));
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { others: 0 });
        await assertAllReach(cluster, encap, "eth0");
      },
    },
    {
      name: "the node gets another address, and both ends follow",
      run: async (cluster) => {
        const paths = pathsOf(cluster);
        await cluster.ip("birch", "address", "add", `${OTHER_ADDRESS}/26`, "dev", "eth0");
        const losses = await lossesDuring(paths, async () => {
          await setAddress(cluster, `${OTHER_ADDRESS}/26`);
          assert.deepEqual(await endOf(cluster, device), ["eth0", OTHER_ADDRESS]);
          await assertAllReach(cluster, encap, "eth0");
          await setAddress(cluster, ADDRESSES[0]);
        });
        assert.equal(losses.others, 0);
        // A VXLAN device hears what comes to any address of the node.
        if (encap === "vxlan") assert.deepEqual(losses, { others: 0, near: 0, far: 0, near6: 0 });
        await cluster.ip("birch", "address", "delete", `${OTHER_ADDRESS}/26`, "dev", "eth0");
        await assertAllReach(cluster, encap, "eth0");
      },
    },
    {
      name: "a node that loses its address in the datastore is left out, and the rest goes on",
      run: async (cluster) => {
        const { others, near6 } = pathsOf(cluster);
        const losses = await lossesDuring({ others, near6 }, async () => {
          const { bgp } = cluster.resource("Node", "birch").spec as { bgp: object };
          cluster.change("Node", "birch", { bgp: { ...bgp, ipv4Address: undefined } });
          for (const [from, to] of [
            ["alder", "birch-1"],
            ["cedar", "birch-1"],
            ["birch", "alder-1"],
          ] as const) {
            const target = cluster.address(to, "always");
            await eventually(async () => (await deviceTo(cluster, from, target)) !== device);
          }
          assert.ok((await cluster.ping("alder-1", "birch-1", "always")).reason);
          cluster.change("Node", "birch", { bgp });
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { others: 0, near6: 0 });
        await assertAllReach(cluster, encap, "eth0");
      },
    },
  ]);
}

/** `ip` commands that move birch's addresses and its default routes from one link to another. */
function move(from: string, to: string): string[] {
  return [
    `address flush dev ${from} scope global`,
    ...ADDRESSES.map((address) => `address add ${address} dev ${to}`),
    "route replace default via 192.0.2.1",
    "route replace default via 2001:db8:0:1::1",
  ];
}

async function setAddress(cluster: Cluster, ipv4Address: string | undefined): Promise<void> {
  const { bgp } = cluster.resource("Node", "birch").spec as { bgp: object };
  cluster.change("Node", "birch", { bgp: { ...bgp, ipv4Address } });
  await assertExact(cluster);
}

/** `others` has nothing to do with birch. */
function pathsOf(cluster: Cluster): Record<"others" | "near" | "far" | "near6", EchoPath> {
  return {
    others: cluster.path("alder-1", "cedar-1", "always"),
    near: cluster.path("alder-1", "birch-1", "always"),
    far: cluster.path("cedar-1", "birch-1", "always"),
    near6: cluster.path("alder-1", "birch-1", "always6"),
  };
}

/** Birch and the others reach each other by tunnel, and directly over its link `parent`. */
async function assertAllReach(cluster: Cluster, encap: Encap, parent: string): Promise<void> {
  const alder = cluster.address("alder-1", "cross");
  assert.equal(await deviceTo(cluster, "birch", alder), parent);
  for (const [from, to, pool, largest] of [
    ["alder-1", "birch-1", "always", TUNNEL_MTU[encap]],
    ["cedar-1", "birch-1", "always", TUNNEL_MTU[encap]],
    ["birch-1", "alder-1", "cross", 1500],
    ["birch-1", "cedar-1", "always6", 1430],
  ] as const) {
    assert.equal((await cluster.ping(from, to, pool)).largest, largest, `${from} ${to} ${pool}`);
  }
}

/** What birch's device is bound to: its parent and the local address of its packets. */
async function endOf(
  cluster: Cluster,
  device: string,
): Promise<readonly [string | undefined, string | undefined]> {
  const text = await cluster.ip("birch", "-d", "link", "show", device);
  return [/\bdev (\S+)/.exec(text)?.[1], /\blocal (\S+)/.exec(text)?.[1]];
}
