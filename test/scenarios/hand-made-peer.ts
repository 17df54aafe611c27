// A node that no agent of ours looks after: cedar is set up by hand, with `ip` and `bridge`, as Calico sets its nodes up.
// Alder's agent knows no more of it than the datastore says, and the two exchange packets.

import assert from "node:assert/strict";
import { ipBatch } from "../../src/demo/ip-command.ts";
import { writeSysctls } from "../../src/demo/network-namespace.ts";
import { probePaths } from "../../src/demo/probe.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type Encap, poolsOf, TUNNEL_MTU } from "./encap.ts";
import { assertTcpEcho } from "./tcp-echo.ts";

/** 0x66 and the first five bytes of SHA-1 of the name, for IPv6 of the name and "-v6": `printf alder | sha1sum`. */
const MAC = {
  alder: "66:50:a5:70:90:ab",
  alder6: "66:74:d2:f5:51:9d",
  cedar: "66:9a:2a:29:1e:07",
  cedar6: "66:70:25:07:6c:f4",
} as const;

/** The remote end of what is set up on cedar is alder. */
interface Setup {
  readonly name: string;
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
}

/** The names, numbers and flags of Calico's VXLAN devices. */
const CALICO_VXLAN: Setup = {
  name: "vxlan.calico",
  ip: [
    "link add vxlan.calico type vxlan id 4096 local 192.0.2.74 dev eth0 dstport 4789 nolearning",
    `link set vxlan.calico address ${MAC.cedar} mtu 1450 up`,
    "address add 10.244.1.0/32 dev vxlan.calico",
    `neighbour add 10.244.0.0 lladdr ${MAC.alder} dev vxlan.calico nud permanent`,
    "route add 10.244.0.0/26 via 10.244.0.0 dev vxlan.calico onlink proto 80 mtu 1450",
  ],
  bridge: [`fdb add ${MAC.alder} dev vxlan.calico dst 192.0.2.10 self permanent`],
};

const CALICO_VXLAN6: Setup = {
  name: "vxlan-v6.calico",
  ip: [
    "link add vxlan-v6.calico type vxlan id 4096 local 2001:db8:0:2::10 dev eth0 dstport 4789 nolearning",
    `link set vxlan-v6.calico address ${MAC.cedar6} mtu 1430 up`,
    "address add fd00:10:244::1:0/128 dev vxlan-v6.calico nodad",
    `neighbour add fd00:10:244:: lladdr ${MAC.alder6} dev vxlan-v6.calico nud permanent`,
    "route add fd00:10:244::/122 via fd00:10:244:: dev vxlan-v6.calico onlink proto 80 mtu 1430",
  ],
  bridge: [`fdb add ${MAC.alder6} dev vxlan-v6.calico dst 2001:db8:0:1::10 self permanent`],
};

/** The kernel's own device, that every namespace has. */
const TUNL0: Setup = {
  name: "tunl0",
  ip: [
    "link set tunl0 mtu 1480 up",
    "address add 10.244.1.0/32 dev tunl0",
    "route add 10.244.0.0/26 via 192.0.2.10 dev tunl0 onlink proto 80 mtu 1480",
  ],
  bridge: [],
};

const NAMED_IPIP: Setup = {
  name: "a device with one remote end",
  ip: [
    "link add to-alder type ipip local 192.0.2.74 remote 192.0.2.10 dev eth0 pmtudisc",
    "link set to-alder mtu 1480 up",
    "address add 10.244.1.0/32 dev to-alder",
    "route add 10.244.0.0/26 dev to-alder",
  ],
  bridge: [],
};

export function handMadePeerScenarios(encap: Encap): readonly Scenario[] {
  const setups = encap === "vxlan" ? [CALICO_VXLAN] : [TUNL0, NAMED_IPIP];
  const nodes = [["alder"], ["cedar"]];
  return setups.map((setup) => ({
    name: `a peer set up by hand exchanges packets with us: ${setup.name}`,
    run: async () => {
      const options = { pools: poolsOf(encap), nodes, podsPerNode: 1, agents: ["alder"] };
      await using cluster = await startCluster(options);
      await assertExact(cluster);
      const cedar = cluster.namespace("cedar");
      writeSysctls(cedar, { "ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1 });
      for (const { ip, bridge } of [setup, CALICO_VXLAN6]) {
        await ipBatch(cedar, ip);
        for (const command of bridge) await cluster.exec("cedar", "bridge", ...command.split(" "));
      }
      await assertExchange(cluster, "always", TUNNEL_MTU[encap]);
      await assertExchange(cluster, "always6", 1430);
    },
  }));
}

/** Both ways, up to the largest packet that needs no fragments; from the hosts' tunnel addresses as well. */
async function assertExchange(cluster: Cluster, pool: string, mtu: number): Promise<void> {
  const paths = [
    cluster.path("alder-1", "cedar-1", pool),
    cluster.path("cedar-1", "alder-1", pool),
    hostPath(cluster, "alder", "cedar-1", pool),
    hostPath(cluster, "cedar", "alder-1", pool),
  ];
  for (const [at, probe] of (await probePaths(paths, 1500)).entries()) {
    const path = JSON.stringify(paths[at]);
    assert.deepEqual([probe.largest, probe.beyond], [mtu, "EMSGSIZE"], path);
  }
  await assertTcpEcho(cluster, "alder-1", "cedar-1", pool);
}

/** From a node itself: its tunnel address is the first of its block. */
function hostPath(cluster: Cluster, node: string, pod: string, pool: string) {
  const source = cluster.block(node, pool).replace(/\/.*/, "");
  return { namespace: cluster.namespace(node), source, target: cluster.address(pod, pool) };
}
