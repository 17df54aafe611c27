// `causeway plan` is the agent's own work in words: piped into a shell it leaves the kernel as the agent does.

import assert from "node:assert/strict";
import type { Resource } from "../../src/demo/topology-resources.ts";
import { causeway, nodeFlags, runOn } from "../support/causeway.ts";
import { type Cluster, eventually, startCluster } from "../support/cluster.ts";
import { dumpDifference, dumpKernel } from "../support/kernel-dump.ts";
import { planOf } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, MODE_FIELD, poolsOf } from "./encap.ts";
import { addressBlock, blockName, borrow, felixConfiguration } from "./resources.ts";

const NODE = "alder";

interface Step {
  readonly name: string;
  /** Changes the datastore. */
  change?(cluster: Cluster, encap: Encap): void;
  /** Commands on the node, behind everybody's back. */
  disturb?(encap: Encap): readonly string[];
}

/** Each on top of what the last one left in the kernel. */
const STEPS: readonly Step[] = [
  { name: "everything is new" },
  {
    name: "devices and rows were changed",
    disturb: (encap) => [
      encap === "vxlan"
        ? "ip link set vxlan.causeway type vxlan learning ageing 100 ttl 5 tos 8"
        : "ip link set ipip.causeway type ipip ttl 64 tos 8",
      `ip link set ${DEVICE[encap]} mtu 1300`,
      `ip address add 10.9.9.9/32 dev ${DEVICE[encap]}`,
      `ip address delete 10.244.0.0/32 dev ${DEVICE[encap]}`,
      "ip route delete 10.244.0.64/26",
      "ip route replace 10.244.1.0/26 via 192.0.2.1 proto 202",
      "ip route add 10.244.7.0/26 via 192.0.2.1 proto 202",
      "ip neighbour replace fe80::6481:c6ff:feeb:7d74 lladdr 66:00:00:00:00:02 dev vxlan6.causeway nud permanent",
      "ip neighbour delete fe80::6470:25ff:fe07:6cf4 dev vxlan6.causeway",
      "ip nexthop replace id 3398473652 via 2001:db8:0:1::1 dev eth0 protocol 202",
      "bridge fdb add 66:00:00:00:00:03 dev vxlan6.causeway dst 2001:db8:0:1::77 self permanent",
    ],
  },
  {
    // A new MAC costs a device its neighbours, so those put back here are lost with the right MAC again.
    name: "a device has another MAC",
    disturb: () => [
      "ip link set vxlan6.causeway address 66:00:00:00:00:01",
      "ip neighbour add fe80::6481:c6ff:feeb:7d74 lladdr 66:81:c6:eb:7d:74 dev vxlan6.causeway nud permanent",
      "ip neighbour add fe80::6470:25ff:fe07:6cf4 lladdr 66:70:25:07:6c:f4 dev vxlan6.causeway nud permanent",
    ],
  },
  {
    name: "a device is down and another is gone",
    disturb: (encap) => ["ip link set vxlan6.causeway down", `ip link delete ${DEVICE[encap]}`],
  },
  {
    name: "pools go from Always to CrossSubnet and the other way",
    change: (cluster, encap) => {
      cluster.change("IPPool", "always", { [MODE_FIELD[encap]]: "CrossSubnet" });
      cluster.change("IPPool", "always6", { vxlanMode: "CrossSubnet" });
      cluster.change("IPPool", "cross6", { vxlanMode: "Always" });
    },
  },
  {
    name: "the pool with the tunnel addresses goes from CrossSubnet to Always",
    change: (cluster) => cluster.change("IPPool", "always6", { vxlanMode: "Always" }),
  },
  {
    name: "a node goes, and what it had borrowed with it",
    change: (cluster) => {
      cluster.remove("Node", "birch");
      for (const { name } of poolsOf("vxlan")) {
        cluster.remove("IPAMBlock", blockName(cluster.block("birch", name)));
      }
      for (const [lender, pool] of [
        [NODE, "always"],
        ["cedar", "cross"],
      ] as const) {
        const name = blockName(cluster.block(lender, pool));
        cluster.change("IPAMBlock", name, { allocations: undefined, attributes: undefined });
      }
    },
  },
  {
    name: "VNI, port and MTU change",
    change: (cluster) =>
      cluster.write(
        felixConfiguration({ vxlanVNI: 77, vxlanPort: 4790, ipipMTU: 1400, vxlanMTUV6: 1400 }),
      ),
  },
  {
    name: "a node's tunnel and node addresses change",
    change: (cluster, encap) => {
      const { bgp } = cluster.resource("Node", "cedar").spec as { bgp: Record<string, unknown> };
      cluster.change("Node", "cedar", {
        ...(encap === "ipip"
          ? { bgp: { ...bgp, ipv4Address: "192.0.2.99/26" } }
          : { ipv4VXLANTunnelAddr: "10.244.1.9" }),
        ipv6VXLANTunnelAddr: "fd00:10:244::1:9",
      });
    },
  },
  {
    name: "a pool goes, and another takes another mode or encapsulation",
    change: (cluster, encap) => {
      cluster.remove("IPPool", "always6");
      const other = encap === "vxlan" ? "CrossSubnet" : "Always";
      cluster.change("IPPool", "always", { ipipMode: "Never", vxlanMode: other });
      cluster.change("Node", NODE, { ipv4VXLANTunnelAddr: "10.244.0.7" });
      cluster.change("Node", "cedar", { ipv4VXLANTunnelAddr: "10.244.1.7" });
    },
  },
];

export function planScenarios(encap: Encap): readonly Scenario[] {
  return [
    {
      name: "a plan piped into a shell leaves the kernel as the agent does, also on top of what is there",
      run: async () => {
        await using byHand = await clusterOf(encap);
        await using byAgent = await clusterOf(encap);
        byAgent.agent(NODE).start();
        for (const [at, { name, change, disturb }] of STEPS.entries()) {
          for (const cluster of [byHand, byAgent]) change?.(cluster, encap);
          await shell(byHand, disturb?.(encap).join("\n") ?? "");
          await carryOutPlan(byHand, at === 0 ? printedPlan : madePlan);
          await eventually(async () => assert.deepEqual(await planOf(byAgent, NODE), []));
          assert.deepEqual(await compare(byHand, byAgent), [], name);
        }
        for (const cluster of [byHand, byAgent]) assert.equal((await plan(cluster)).code, 0);
      },
    },
  ];
}

/** No agent runs; there are blocks of three nodes, a borrowed address of each family, and a /32 as a tunnel address. */
async function clusterOf(encap: Encap): Promise<Cluster> {
  const nodes = [[NODE, "birch"], ["cedar"]];
  const cluster = await startCluster({ pools: poolsOf(encap), nodes, podsPerNode: 0, agents: [] });
  const lent = (node: string, pool: string): Resource =>
    cluster.resource("IPAMBlock", blockName(cluster.block(node, pool)));
  cluster.write(
    borrow(lent(NODE, "always"), 9, "birch"),
    borrow(lent("cedar", "cross"), 9, "birch"),
    borrow(lent("birch", "always6"), 9, "cedar"),
    borrow(lent("cedar", "cross6"), 9, NODE),
    addressBlock("10.244.9.9/32", "cedar"),
    addressBlock("10.245.9.9/32", NODE),
  );
  // The kernel loads a module when it first hears of its kind, and that of ipip brings a device along.
  await plan(cluster);
  return cluster;
}

function plan(cluster: Cluster) {
  return causeway(cluster, NODE, "plan", "--exit-code", ...nodeFlags(cluster, NODE));
}

/** Plans, carries it out, and then finds nothing more to do. */
async function carryOutPlan(cluster: Cluster, commandsOf: typeof printedPlan): Promise<void> {
  const before = await dumpKernel(cluster.namespace(NODE));
  const commands = await commandsOf(cluster);
  const after = await dumpKernel(cluster.namespace(NODE));
  assert.deepEqual(dumpDifference(before, after), [], "a plan changes nothing");
  await shell(cluster, commands);
  assert.deepEqual(await planOf(cluster, NODE), [], commands);
}

/** What the program prints. */
async function printedPlan(cluster: Cluster): Promise<string> {
  const { code, stdout, stderr } = await plan(cluster);
  assert.deepEqual([code, stderr], [2, ""]);
  return stdout;
}

/** The same commands without starting the program, which takes seconds in User Mode Linux. */
async function madePlan(cluster: Cluster): Promise<string> {
  const commands = await planOf(cluster, NODE);
  assert.notDeepEqual(commands, []);
  return commands.join("\n");
}

async function shell(cluster: Cluster, commands: string): Promise<void> {
  const { code, stderr } = await runOn(cluster, NODE, ["sh", "-e"], commands);
  assert.deepEqual([code, stderr], [0, ""], commands);
}

async function compare(byHand: Cluster, byAgent: Cluster): Promise<string[]> {
  const [left, right] = await Promise.all([
    dumpKernel(byHand.namespace(NODE)),
    dumpKernel(byAgent.namespace(NODE)),
  ]);
  return dumpDifference(left, right);
}
