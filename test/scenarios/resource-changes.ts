// Nodes, blocks and addresses change in the datastore while the agents run. What does not concern a packet costs none,
// and neither does what can be replaced in place.

import assert from "node:assert/strict";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { probePaths } from "../../src/demo/probe.ts";
import type { Resource } from "../../src/demo/topology-resources.ts";
import type { Cluster } from "../support/cluster.ts";
import { assertCalculated, assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, poolsOf, TUNNEL_MTU } from "./encap.ts";
import { routeChangesDuring } from "./route-monitor.ts";
import { onOneCluster } from "./shared-cluster.ts";
import { deviceTo, lossesDuring } from "./traffic.ts";

/** Two nodes in one subnet, and one in another. */
const NODES = [["alder", "birch"], ["cedar"]];
/** An address of cedar's block in the pool "always" that birch answers for as well. */
const SHARED = "10.244.1.40";

export function resourceChangeScenarios(encap: Encap): readonly Scenario[] {
  const mtu = TUNNEL_MTU[encap];
  return onOneCluster({ pools: poolsOf(encap), nodes: NODES, podsPerNode: 1 }, [
    {
      name: "a block moves to another node without a lost packet",
      run: async (cluster) => {
        const block = cluster.resource("IPAMBlock", "10-244-1-0-26");
        for (const node of ["birch", "cedar"]) {
          await cluster.ip(node, "address", "add", SHARED, "dev", "lo");
        }
        const shared = { ...cluster.path("alder-1", "cedar-1", "always"), target: SHARED };
        // Cedar's tunnel address is in the block, and stays with cedar.
        const host = hostPath(cluster, "cedar", tunnelIp(cluster, encap, "cedar"), "alder-1");
        let changes: string[] = [];
        const losses = await lossesDuring({ ...othersOf(cluster), shared, host }, async () => {
          changes = await routeChangesDuring(cluster, "alder", async () => {
            cluster.write({ ...block, spec: { ...block.spec, affinity: "host:birch" } });
            await assertExact(cluster);
            assert.match(await cluster.ip("birch", "route", "show", "10.244.1.0/26"), /^blackhole/);
            assert.equal(await deviceTo(cluster, "cedar", "10.244.1.41"), DEVICE[encap]);
            cluster.write(block);
            await assertExact(cluster);
          });
        });
        assert.deepEqual(losses, { near: 0, direct: 0, near6: 0, shared: 0, host: 0 });
        // The address is never left to a block that is another node's.
        assert.deepEqual(
          changes.map((line) => /^(Deleted )?\S+/.exec(line)?.[0]),
          ["10.244.1.0", "10.244.1.0/26", "10.244.1.0/26", "Deleted 10.244.1.0"],
        );
        for (const node of ["birch", "cedar"]) {
          await cluster.ip(node, "address", "delete", `${SHARED}/32`, "dev", "lo");
        }
      },
    },
    {
      name: "an address borrowed from another node's block is routed to the borrower",
      run: async (cluster) => {
        const block = cluster.resource("IPAMBlock", "10-244-1-0-26");
        await cluster.ip("birch", "address", "add", SHARED, "dev", "lo");
        const losses = await lossesDuring(othersOf(cluster), async () => {
          const allocations = Array.from({ length: 64 }, (_, at) => (at === 40 ? 0 : null));
          const attributes = [{ secondary: { node: "birch" } }];
          cluster.write({ ...block, spec: { ...block.spec, allocations, attributes } });
          await assertExact(cluster);
          for (const from of ["alder-1", "cedar-1"]) {
            const path = { ...cluster.path(from, "birch-1", "always"), target: SHARED };
            assert.equal(await largestOn(path), mtu, from);
          }
          cluster.write(block);
          await assertExact(cluster);
          assert.equal(await cluster.ip("alder", "route", "show", SHARED), "");
        });
        assert.deepEqual(losses, { near: 0, direct: 0, near6: 0 });
        await cluster.ip("birch", "address", "delete", `${SHARED}/32`, "dev", "lo");
      },
    },
    {
      name: "tunnel addresses move to a pool of their own without a lost packet",
      run: async (cluster) => {
        const pods = { far: cluster.path("alder-1", "cedar-1", "always"), ...othersOf(cluster) };
        const before = ["alder", "birch", "cedar"].map((name) => cluster.resource("Node", name));
        const losses = await lossesDuring(pods, async () => {
          moveTunnelAddresses(cluster, encap);
          await assertExact(cluster);
          for (const [from, to] of [
            ["10.250.0.1", "cedar-1"],
            ["10.250.0.1", "birch-1"],
          ] as const) {
            assert.equal(await largestOn(hostPath(cluster, "alder", from, to)), mtu, to);
          }
          const ends = { source: "10.250.0.1", target: "10.250.0.3" };
          assert.equal(await largestOn({ namespace: cluster.namespace("alder"), ...ends }), mtu);
          cluster.write(...before);
          for (const { metadata } of tunnelBlocks()) cluster.remove("IPAMBlock", metadata.name);
          cluster.remove("IPPool", "tunnels");
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { far: 0, near: 0, direct: 0, near6: 0 });
      },
    },
    {
      name: "a VTEP loses its address of one family, and the other family goes on",
      run: async (cluster) => {
        const { spec } = cluster.resource("Node", "cedar");
        const far = cluster.path("alder-1", "cedar-1", "always");
        const losses = await lossesDuring({ ...othersOf(cluster), far }, async () => {
          cluster.change("Node", "cedar", { ipv6VXLANTunnelAddr: undefined });
          await assertCalculated(cluster);
          assert.ok(!(await rowsOf(cluster, "alder")).includes("2001:db8:0:2::10"));
          const { problems } = await cluster.agent("alder").status();
          const reason = "it has no IPv6 VXLAN tunnel address: 2 blocks are not routed";
          assert.deepEqual(
            problems.map((problem) => [problem.subject, problem.reason]),
            [["node cedar", reason]],
          );
          cluster.change("Node", "cedar", spec);
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { near: 0, direct: 0, near6: 0, far: 0 });
        assert.equal((await cluster.ping("alder-1", "cedar-1", "always6")).largest, 1430);
      },
    },
    {
      name: "a node gets a VTEP MAC of its own, and loses it again",
      run: async (cluster) => {
        const macs = {
          vxlanTunnelMACAddr: "02:00:00:00:00:04",
          vxlanTunnelMACAddrV6: "02:00:00:00:00:06",
        };
        const none = { vxlanTunnelMACAddr: undefined, vxlanTunnelMACAddrV6: undefined };
        const losses = await lossesDuring(othersOf(cluster), async () => {
          cluster.change("Node", "cedar", macs);
          await assertExact(cluster);
          const shown = await cluster.ip("cedar", "link", "show", "vxlan6.causeway");
          assert.match(shown, /link\/ether 02:00:00:00:00:06 /);
          assert.equal((await cluster.ping("alder-1", "cedar-1", "always6")).largest, 1430);
          assert.equal((await cluster.ping("alder-1", "cedar-1", "always")).largest, mtu);
          cluster.change("Node", "cedar", none);
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { near: 0, direct: 0, near6: 0 });
        assert.equal((await cluster.ping("birch-1", "cedar-1", "always6")).largest, 1430);
        // The neighbours that a device loses with its MAC are no other program's doing.
        assert.deepEqual((await cluster.agent("cedar").status()).repairs.recent, []);
      },
    },
    {
      name: "a node leaves, and nothing of it stays",
      run: async (cluster) => {
        const blocks = ["10-244-1-0-26", "10-245-1-0-26"].map((name) =>
          cluster.resource("IPAMBlock", name),
        );
        const node = cluster.resource("Node", "cedar");
        const traces = ["192.0.2.74", "10.244.1.", "10.245.1.", "2001:db8:0:2::10"];
        const found = await rowsOf(cluster, "alder");
        for (const trace of traces) assert.ok(found.includes(trace), `no ${trace} in ${found}`);
        const losses = await lossesDuring(othersOf(cluster), async () => {
          await cluster.agent("cedar").end("SIGTERM");
          for (const { metadata } of blocks) cluster.remove("IPAMBlock", metadata.name);
          cluster.remove("Node", "cedar");
          await assertCalculated(cluster);
          const left = await rowsOf(cluster, "alder");
          for (const trace of traces) assert.ok(!left.includes(trace), `${trace} in ${left}`);
          cluster.write(node, ...blocks);
          cluster.agent("cedar").start();
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { near: 0, direct: 0, near6: 0 });
        assert.equal((await cluster.ping("alder-1", "cedar-1", "always")).largest, mtu);
      },
    },
  ]);
}

/** Between alder and birch, by tunnel and directly: none of cedar's business. */
function othersOf(cluster: Cluster): Record<"near" | "direct" | "near6", EchoPath> {
  return {
    near: cluster.path("alder-1", "birch-1", "always"),
    direct: cluster.path("alder-1", "birch-1", "cross"),
    near6: cluster.path("alder-1", "birch-1", "always6"),
  };
}

function hostPath(cluster: Cluster, node: string, source: string, pod: string): EchoPath {
  const target = cluster.address(pod, "always");
  return { namespace: cluster.namespace(node), source, target };
}

async function largestOn(path: EchoPath): Promise<number | undefined> {
  const [probe] = await probePaths([path], 1500);
  return probe?.largest;
}

function tunnelIp(cluster: Cluster, encap: Encap, node: string): string {
  const { spec } = cluster.resource("Node", node);
  const { ipv4VXLANTunnelAddr, bgp } = spec as {
    ipv4VXLANTunnelAddr: string;
    bgp: { ipv4IPIPTunnelAddr: string };
  };
  return encap === "vxlan" ? ipv4VXLANTunnelAddr : bgp.ipv4IPIPTunnelAddr;
}

/** A pool for tunnel addresses alone, each in a block of one address. */
function moveTunnelAddresses(cluster: Cluster, encap: Encap): void {
  const apiVersion = "projectcalico.org/v3";
  const mode = encap === "vxlan" ? { vxlanMode: "Always" } : { ipipMode: "Always" };
  const spec = { cidr: "10.250.0.0/24", blockSize: 32, ...mode };
  const pool = { apiVersion, kind: "IPPool", metadata: { name: "tunnels" }, spec };
  cluster.write(pool, ...tunnelBlocks());
  for (const [at, name] of ["alder", "birch", "cedar"].entries()) {
    const ip = `10.250.0.${at + 1}`;
    const { bgp } = cluster.resource("Node", name).spec as { bgp: object };
    if (encap === "vxlan") cluster.change("Node", name, { ipv4VXLANTunnelAddr: ip });
    else cluster.change("Node", name, { bgp: { ...bgp, ipv4IPIPTunnelAddr: ip } });
  }
}

function tunnelBlocks(): Resource[] {
  const kind = "IPAMBlock";
  return ["alder", "birch", "cedar"].map((name, at) => ({
    apiVersion: "crd.projectcalico.org/v1",
    kind,
    metadata: { name: `tunnel-${name}` },
    spec: { cidr: `10.250.0.${at + 1}/32`, affinity: `host:${name}` },
  }));
}

/** Everything on a node that could name another one. */
async function rowsOf(cluster: Cluster, node: string): Promise<string> {
  const shown = await Promise.all([
    cluster.ip(node, "route", "show"),
    cluster.ip(node, "-6", "route", "show"),
    cluster.ip(node, "nexthop", "show"),
    cluster.ip(node, "neighbour", "show", "nud", "permanent"),
    cluster.exec(node, "bridge", "fdb", "show"),
  ]);
  return shown.join("");
}
