// Neighbours and FDB entries, the rows that tell where a VTEP is: what of them is kept, mended, removed or left alone.

import assert from "node:assert/strict";
import { runOn } from "../support/causeway.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import { dumpDifference, dumpKernel } from "../support/kernel-dump.ts";
import { assertCalculated, assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type Encap, poolsOf } from "./encap.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";
import { lossesDuring } from "./traffic.ts";

const NODE = "alder";
const BIRCH = "66:f6:22:6e:f9:86";
const CEDAR = "66:9a:2a:29:1e:07";

/** IP-in-IP has no such rows. */
export function vtepRowScenarios(encap: Encap): readonly Scenario[] {
  if (encap === "ipip") return [];
  const options = { pools: poolsOf(encap), nodes: [[NODE, "birch"], ["cedar"]], podsPerNode: 1 };
  return onOneCluster(options, [rowsAtStart, lateLink, contested]);
}

const rowsAtStart: ClusterScenario = {
  name: "an agent that starts keeps right rows, mends wrong ones, removes stale ones and leaves those that age",
  run: async (cluster) => {
    await assertExact(cluster);
    const agent = cluster.agent(NODE);
    const before = await dumpKernel(cluster.namespace(NODE));
    await agent.end("SIGTERM");
    await shell(cluster, [
      `bridge fdb replace ${BIRCH} dev vxlan.causeway dst 192.0.2.77 self permanent`,
      "ip neighbour delete 10.244.1.0 dev vxlan.causeway",
      "bridge fdb add 66:00:00:00:00:66 dev vxlan.causeway dst 192.0.2.66 self permanent",
      "ip neighbour add 10.244.9.66 lladdr 66:00:00:00:00:66 dev vxlan.causeway nud permanent",
      "bridge fdb add 66:00:00:00:00:55 dev vxlan.causeway dst 192.0.2.55 self dynamic",
      "ip neighbour add 10.244.9.55 lladdr 66:00:00:00:00:55 dev vxlan.causeway nud stale",
      "ip neighbour add 10.244.9.54 dev vxlan.causeway nud failed",
    ]);
    agent.start();
    const { timings, repairs } = await agent.inSync();
    assert.deepEqual([timings.netlinkWrites, repairs.count], [4, 0]);
    assert.deepEqual(await othersIn(cluster), [
      "10.244.9.54 FAILED",
      "10.244.9.55 STALE",
      "66:00:00:00:00:55 192.0.2.55",
    ]);
    await shell(cluster, [
      "bridge fdb delete 66:00:00:00:00:55 dev vxlan.causeway",
      "ip neighbour flush dev vxlan.causeway nud stale nud failed",
    ]);
    assert.deepEqual(dumpDifference(before, await dumpKernel(cluster.namespace(NODE))), []);
    assert.notEqual((await cluster.ping("alder-1", "birch-1", "always")).largest, undefined);
  },
};

const lateLink: ClusterScenario = {
  name: "an agent that starts before its underlay is there works once the addresses are there and the link is up",
  run: async (cluster) => {
    const agent = cluster.agent(NODE);
    const before = await dumpKernel(cluster.namespace(NODE));
    await agent.end("SIGTERM");
    for (const device of ["vxlan.causeway", "vxlan6.causeway"]) {
      await cluster.ip(NODE, "link", "delete", device);
    }
    await cluster.ip(NODE, "link", "set", "eth0", "down");
    await cluster.ip(NODE, "address", "flush", "dev", "eth0");
    agent.start();
    const { problems } = await agent.until(({ state }) => state === "degraded");
    const subjects = problems.filter(({ severity }) => severity === "error");
    assert.deepEqual(subjects.map(({ subject }) => subject).slice(0, 2), [
      "IPv4 underlay",
      "IPv6 underlay",
    ]);
    assert.ok(!(await cluster.ip(NODE, "-brief", "link", "show")).includes("causeway"));
    await shell(cluster, [
      "ip address add 192.0.2.10/26 dev eth0",
      "ip address add 2001:db8:0:1::10/64 dev eth0",
      "ip link set eth0 up",
      "ip route add default via 192.0.2.1",
      "ip -6 route add default via 2001:db8:0:1::1",
    ]);
    await assertExact(cluster);
    await eventually(async () =>
      assert.deepEqual(dumpDifference(before, await dumpKernel(cluster.namespace(NODE))), []),
    );
    assert.notEqual((await cluster.ping("alder-1", "cedar-1", "always6")).largest, undefined);
  },
};

const contested: ClusterScenario = {
  name: "of two nodes with one MAC, or one node address, the first by name keeps its rows, and both are named",
  run: async (cluster) => {
    await assertExact(cluster);
    const { spec } = cluster.resource("Node", "cedar");
    const before = await dumpKernel(cluster.namespace(NODE));
    const paths = {
      near: cluster.path("alder-1", "birch-1", "always"),
      near6: cluster.path("alder-1", "birch-1", "always6"),
    };
    const losses = await lossesDuring(paths, async () => {
      cluster.change("Node", "cedar", { vxlanTunnelMACAddr: BIRCH });
      await assertCalculated(cluster);
      assert.deepEqual(await conflictsOf(cluster), [`VTEP MAC ${BIRCH}: birch before cedar`]);
      await assertRowsOf(cluster, ["birch"]);

      const { bgp } = spec as { bgp: object };
      cluster.change("Node", "cedar", {
        vxlanTunnelMACAddr: undefined,
        bgp: { ...bgp, ipv4Address: "192.0.2.11/26" },
      });
      await assertCalculated(cluster);
      assert.deepEqual(await conflictsOf(cluster), ["node address 192.0.2.11: birch before cedar"]);
      await assertRowsOf(cluster, ["birch"]);

      cluster.change("Node", "cedar", { bgp });
      await assertExact(cluster);
      assert.deepEqual(await conflictsOf(cluster), []);
      await assertRowsOf(cluster, ["birch", "cedar"]);
    });
    assert.deepEqual(losses, { near: 0, near6: 0 });
    assert.deepEqual(dumpDifference(before, await dumpKernel(cluster.namespace(NODE))), []);
  },
};

async function conflictsOf(cluster: Cluster): Promise<string[]> {
  const { conflicts } = await cluster.agent(NODE).status();
  return conflicts.map(({ kind, value, winner, losers }) => {
    return `${kind} ${value}: ${winner} before ${losers.join()}`;
  });
}

/** The rows of vxlan.causeway are exactly those of these nodes. */
async function assertRowsOf(cluster: Cluster, nodes: readonly string[]): Promise<void> {
  const expected = [
    { node: "birch", mac: BIRCH, rows: ["10.244.0.64", "192.0.2.11"] },
    { node: "cedar", mac: CEDAR, rows: ["10.244.1.0", "192.0.2.74"] },
  ]
    .filter(({ node }) => nodes.includes(node))
    .map(({ mac, rows: [ip, destination] }) => [`${ip} ${mac}`, `${mac} ${destination}`]);
  await eventually(async () => {
    const { neighbours, entries } = await rowsIn(cluster);
    const found = [
      ...neighbours.map(({ dst, lladdr }) => `${dst} ${lladdr}`),
      ...entries.map(({ mac, dst }) => `${mac} ${dst}`),
    ];
    assert.deepEqual(found.sort(), expected.flat().sort());
  });
}

/** Rows that are not permanent. */
async function othersIn(cluster: Cluster): Promise<string[]> {
  const { neighbours, entries } = await rowsIn(cluster);
  return [
    ...neighbours
      .filter(({ state }) => !state.includes("PERMANENT"))
      .map(({ dst, state }) => `${dst} ${state}`),
    ...entries.filter(({ state }) => state !== "permanent").map(({ mac, dst }) => `${mac} ${dst}`),
  ].sort();
}

async function rowsIn(cluster: Cluster): Promise<{
  neighbours: { dst: string; lladdr?: string; state: string[] }[];
  entries: { mac: string; dst: string; state: string }[];
}> {
  const device = ["dev", "vxlan.causeway"];
  const [neighbours, entries] = await Promise.all([
    cluster.ip(NODE, "-4", "-j", "neighbour", "show", ...device),
    cluster.exec(NODE, "bridge", "-j", "fdb", "show", ...device),
  ]);
  return { neighbours: JSON.parse(neighbours), entries: JSON.parse(entries) };
}

async function shell(cluster: Cluster, commands: readonly string[]): Promise<void> {
  const { code, stderr } = await runOn(cluster, NODE, ["sh", "-e"], commands.join("\n"));
  assert.deepEqual([code, stderr], [0, ""]);
}
