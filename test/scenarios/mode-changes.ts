// What the operator changes for a whole pool or cluster while the agents run: how pools encapsulate, the VXLAN network,
// the MTU. Each is changed, and changed back.

import assert from "node:assert/strict";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { CAUSEWAY_DEVICES } from "../../tunnels/kernel/ownership.ts";
import type { Cluster } from "../support/cluster.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, MODE_FIELD, poolsOf, TUNNEL_MTU } from "./encap.ts";
import { routeChangesDuring } from "./route-monitor.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";
import { deviceTo, lossesDuring } from "./traffic.ts";

/** Two nodes in one subnet, and one in another. */
const NODES = [["alder", "birch"], ["cedar"]];

export function modeChangeScenarios(encap: Encap): readonly Scenario[] {
  return onOneCluster({ pools: poolsOf(encap), nodes: NODES, podsPerNode: 1 }, [
    ...poolScenarios(encap),
    // There is a tunnel of family 6 in any case; these need none of family 4.
    ...(encap === "vxlan" ? networkScenarios : encapScenarios),
    ...mtuScenarios(encap),
  ]);
}

function poolScenarios(encap: Encap): readonly ClusterScenario[] {
  const setMode = (cluster: Cluster, mode: string): void =>
    cluster.change("IPPool", "always", { [MODE_FIELD[encap]]: mode });
  return [
    {
      name: "a pool goes from Always to CrossSubnet and back without a lost packet",
      run: async (cluster) => {
        let changes: string[] = [];
        const losses = await lossesDuring(pathsOf(cluster), async () => {
          changes = await routeChangesDuring(cluster, "alder", async () => {
            setMode(cluster, "CrossSubnet");
            await assertExact(cluster);
            await assertWay(cluster, "birch", "eth0", 1500);
            await assertWay(cluster, "cedar", DEVICE[encap], TUNNEL_MTU[encap]);
            setMode(cluster, "Always");
            await assertExact(cluster);
          });
        });
        assert.deepEqual(losses, { near: 0, far: 0, direct: 0, cross: 0, far6: 0 });
        assert.deepEqual(
          changes.map((line) => line.split(" ")[0]),
          ["10.244.0.64/26", "10.244.0.64/26"],
        );
        await assertWay(cluster, "birch", DEVICE[encap], TUNNEL_MTU[encap]);
      },
    },
    {
      name: "a pool that goes Never keeps what needs no tunnel",
      run: async (cluster) => {
        const { far: _, ...others } = pathsOf(cluster);
        const losses = await lossesDuring(others, async () => {
          setMode(cluster, "Never");
          await assertExact(cluster);
          await assertWay(cluster, "birch", "eth0", 1500);
          assert.notEqual(await deviceTo(cluster, "alder", "10.244.1.5"), DEVICE[encap]);
          setMode(cluster, "Always");
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { near: 0, direct: 0, cross: 0, far6: 0 });
        await assertWay(cluster, "cedar", DEVICE[encap], TUNNEL_MTU[encap]);
      },
    },
    {
      name: "a device goes when its last pool goes Never, and comes back",
      run: async (cluster) => {
        const setBoth = (modes: readonly [string, string]): void => {
          for (const [at, name] of (["always", "cross"] as const).entries()) {
            cluster.change("IPPool", name, { [MODE_FIELD[encap]]: modes[at] });
          }
        };
        const { direct, far6 } = pathsOf(cluster);
        const losses = await lossesDuring({ direct, far6 }, async () => {
          setBoth(["Never", "Never"]);
          await assertExact(cluster);
          assert.deepEqual(await devicesOf(cluster), ["vxlan6.causeway"]);
          setBoth(["Always", "CrossSubnet"]);
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { direct: 0, far6: 0 });
        await assertWay(cluster, "cedar", DEVICE[encap], TUNNEL_MTU[encap]);
      },
    },
  ];
}

const networkScenarios: readonly ClusterScenario[] = [
  {
    name: "VNI and port change on every node",
    run: async (cluster) => {
      const { direct } = pathsOf(cluster);
      const losses = await lossesDuring({ direct }, async () => {
        setFelix(cluster, { vxlanVNI: 4097, vxlanPort: 4790 });
        await assertExact(cluster);
        for (const node of ["alder", "birch", "cedar"]) {
          for (const device of ["vxlan.causeway", "vxlan6.causeway"]) {
            const shown = await cluster.ip(node, "-d", "link", "show", device);
            assert.match(shown, /vxlan id 4097 .* dstport 4790 /);
          }
        }
        await assertWay(cluster, "cedar", "vxlan.causeway", 1450);
        setFelix(cluster, {});
        await assertExact(cluster);
      });
      assert.deepEqual(losses, { direct: 0 });
      await assertWay(cluster, "birch", "vxlan.causeway", 1450);
      await assertNoRepairs(cluster);
    },
  },
];

const encapScenarios: readonly ClusterScenario[] = [
  {
    name: "a pool goes from IP-in-IP to VXLAN and back",
    run: async (cluster) => {
      const { direct, cross, far6 } = pathsOf(cluster);
      const losses = await lossesDuring({ direct, cross, far6 }, async () => {
        // The tunnel address of the new encapsulation is there before a pool needs it.
        for (const [node, ip] of [
          ["alder", "10.244.0.1"],
          ["birch", "10.244.0.65"],
          ["cedar", "10.244.1.1"],
        ] as const) {
          cluster.change("Node", node, { ipv4VXLANTunnelAddr: ip });
        }
        cluster.change("IPPool", "always", { ipipMode: "Never", vxlanMode: "Always" });
        await assertExact(cluster);
        await assertWay(cluster, "birch", "vxlan.causeway", 1450);
        await assertWay(cluster, "cedar", "vxlan.causeway", 1450);
        cluster.change("IPPool", "always", { ipipMode: "Always", vxlanMode: "Never" });
        await assertExact(cluster);
      });
      assert.deepEqual(losses, { direct: 0, cross: 0, far6: 0 });
      await assertWay(cluster, "cedar", "ipip.causeway", 1480);
      assert.deepEqual(await devicesOf(cluster), ["ipip.causeway", "vxlan6.causeway"]);
    },
  },
];

function mtuScenarios(encap: Encap): readonly ClusterScenario[] {
  const overhead = 1500 - TUNNEL_MTU[encap];
  return [
    {
      name: "the MTU of a device follows its parent's without a lost packet",
      run: async (cluster) => {
        const losses = await lossesDuring(pathsOf(cluster), async () => {
          for (const mtu of [1400, 9000, 1500]) {
            await cluster.ip("alder", "link", "set", "eth0", "mtu", String(mtu));
            await assertExact(cluster);
            assert.equal(await mtuOf(cluster, DEVICE[encap]), mtu - overhead);
            assert.equal(await mtuOf(cluster, "vxlan6.causeway"), mtu - 70);
            // The rest of the underlay stays at 1500.
            if (mtu <= 1500) await assertWay(cluster, "cedar", DEVICE[encap], mtu - overhead);
          }
        });
        assert.deepEqual(losses, { near: 0, far: 0, direct: 0, cross: 0, far6: 0 });
        await assertNoRepairs(cluster);
      },
    },
    {
      name: "the MTU that the configuration sets holds for devices and packets",
      run: async (cluster) => {
        const losses = await lossesDuring(pathsOf(cluster), async () => {
          setFelix(cluster, { vxlanMTU: 1300, ipipMTU: 1300, vxlanMTUV6: 1310 });
          await assertExact(cluster);
          assert.equal(await mtuOf(cluster, DEVICE[encap]), 1300);
          assert.equal(await mtuOf(cluster, "vxlan6.causeway"), 1310);
          await assertWay(cluster, "cedar", DEVICE[encap], 1300);
          const { largest } = await cluster.ping("alder-1", "cedar-1", "always6");
          assert.equal(largest, 1310);
          setFelix(cluster, {});
          await assertExact(cluster);
        });
        assert.deepEqual(losses, { near: 0, far: 0, direct: 0, cross: 0, far6: 0 });
        await assertWay(cluster, "cedar", DEVICE[encap], TUNNEL_MTU[encap]);
      },
    },
  ];
}

/** From alder: to the node of its subnet and to the other, by tunnel and, where the pool allows it, directly. */
function pathsOf(
  cluster: Cluster,
): Readonly<Record<"near" | "far" | "direct" | "cross" | "far6", EchoPath>> {
  return {
    near: cluster.path("alder-1", "birch-1", "always"),
    far: cluster.path("alder-1", "cedar-1", "always"),
    direct: cluster.path("alder-1", "birch-1", "cross"),
    cross: cluster.path("alder-1", "cedar-1", "cross"),
    far6: cluster.path("alder-1", "cedar-1", "always6"),
  };
}

/** From alder to the node's pod in the pool "always". */
async function assertWay(
  cluster: Cluster,
  node: string,
  device: string,
  largest: number,
): Promise<void> {
  const pod = `${node}-1`;
  assert.equal(await deviceTo(cluster, "alder", cluster.address(pod, "always")), device);
  assert.equal((await cluster.ping("alder-1", pod, "always")).largest, largest);
}

/** Alder's tunnel devices, by name. */
async function devicesOf(cluster: Cluster): Promise<string[]> {
  const links = JSON.parse(await cluster.ip("alder", "-j", "link", "show")) as { ifname: string }[];
  return links
    .map(({ ifname }) => ifname)
    .filter(CAUSEWAY_DEVICES.isOurs)
    .sort();
}

async function mtuOf(cluster: Cluster, device: string): Promise<number> {
  const [link] = JSON.parse(await cluster.ip("alder", "-j", "link", "show", device));
  return (link as { mtu: number }).mtu;
}

function setFelix(cluster: Cluster, spec: Readonly<Record<string, unknown>>): void {
  const kind = "FelixConfiguration";
  const apiVersion = "projectcalico.org/v3";
  cluster.write({ apiVersion, kind, metadata: { name: "default" }, spec });
}

/** What the agents change themselves is nobody else's doing. */
async function assertNoRepairs(cluster: Cluster): Promise<void> {
  for (const { name } of cluster.topology.nodes) {
    const { repairs } = await cluster.agent(name).status();
    assert.deepEqual(repairs.recent, [], name);
  }
}
