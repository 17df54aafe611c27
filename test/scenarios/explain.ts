// What `causeway explain` finds missing is what was taken away, and what it says mends it.

import assert from "node:assert/strict";
import type { Explanation } from "../../src/cli/explanation.ts";
import { causeway, nodeFlags, runOn } from "../support/causeway.ts";
import type { Cluster } from "../support/cluster.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type Encap, poolsOf } from "./encap.ts";
import { whileHeld } from "./held-agent.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";

interface Damage {
  /** The link of the chain that is named, the first if several go together. */
  readonly link: string;
  readonly command: (chain: Chain) => string;
}

/** The texts of the links while all is well. */
type Chain = Readonly<Record<string, string>>;

const word = (text: string | undefined, at: number): string => text?.split(" ")[at] ?? "";

const DAMAGES: Readonly<Record<Encap, readonly Damage[]>> = {
  vxlan: [
    { link: "route", command: ({ route }) => `ip route delete ${word(route, 0)}` },
    {
      link: "nexthop",
      command: ({ nexthop }) => `ip nexthop delete id ${word(nexthop, 0)}`,
    },
    {
      link: "neighbour",
      command: ({ neighbour }) =>
        `ip neighbour replace ${word(neighbour, 0)} lladdr 02:00:00:00:00:01 dev vxlan.causeway nud permanent`,
    },
    {
      link: "FDB",
      command: ({ FDB }) =>
        `bridge fdb replace ${word(FDB, 0)} dev vxlan.causeway dst 192.0.2.99 self permanent`,
    },
    { link: "sysctl", command: () => "sysctl -qw net.ipv4.ip_forward=0" },
    { link: "device", command: () => "ip link set vxlan.causeway mtu 1300" },
  ],
  ipip: [
    { link: "route", command: ({ route }) => `ip route delete ${word(route, 0)}` },
    { link: "sysctl", command: () => "sysctl -qw net.ipv4.ip_forward=0" },
  ],
};

export function explainScenarios(encap: Encap): readonly Scenario[] {
  const nodes = [["alder", "birch"], ["cedar"]];
  return onOneCluster({ pools: poolsOf(encap), nodes, podsPerNode: 1 }, [
    damaged(encap),
    otherAddresses,
  ]);
}

function damaged(encap: Encap): ClusterScenario {
  return {
    name: "explain names the link that somebody broke, and its commands mend it",
    run: async (cluster) => {
      const address = cluster.address("cedar-1", "always");
      const whole = await explain(cluster, "alder", address);
      assert.ok(whole.ok, JSON.stringify(whole, undefined, 1));
      const chain = Object.fromEntries(whole.links.map(({ name, text }) => [name, text]));
      await whileHeld(cluster, "alder", async () => {
        for (const { link, command } of DAMAGES[encap]) {
          const done = await runOn(cluster, "alder", ["sh", "-c", command(chain)]);
          assert.equal(done.code, 0, done.stderr);
          const broken = (await explain(cluster, "alder", address)).links.filter(({ ok }) => !ok);
          assert.ok(
            broken.some(({ name }) => name === link),
            `${link} is not named in ${JSON.stringify(broken)}`,
          );
          // From the far end of the chain: a route needs its nexthop.
          const mend = broken.flatMap((one) => one.mend).reverse();
          const mended = await runOn(cluster, "alder", ["sh", "-ec", mend.join("\n")]);
          assert.equal(mended.code, 0, `${mend.join("; ")}: ${mended.stderr}`);
          const after = await explain(cluster, "alder", address);
          assert.ok(after.ok, `${link}: ${JSON.stringify(after.links.filter(({ ok }) => !ok))}`);
        }
      });
      await assertExact(cluster);
    },
  };
}

const otherAddresses: ClusterScenario = {
  name: "explain tells local, unclaimed and foreign addresses apart",
  run: async (cluster) => {
    const local = await explain(cluster, "alder", cluster.address("alder-1", "always"));
    assert.equal(local.ok, true);
    assert.match(local.summary, /of this node, alder/);
    const unclaimed = await explain(cluster, "alder", "10.244.200.1");
    assert.deepEqual([unclaimed.ok, unclaimed.links.map(({ ok }) => ok)], [false, [true, false]]);
    const foreign = await explain(cluster, "alder", "198.51.100.7");
    assert.match(foreign.summary, /in no pool/);
    const wrong = await causeway(
      cluster,
      "alder",
      "explain",
      "10.244.0",
      ...nodeFlags(cluster, "alder"),
    );
    assert.equal(wrong.code, 64);
  },
};

async function explain(cluster: Cluster, node: string, address: string): Promise<Explanation> {
  const args = ["explain", address, "--json", ...nodeFlags(cluster, node)];
  const { code, stdout, stderr } = await causeway(cluster, node, ...args);
  assert.ok(code === 0 || code === 1, stderr);
  const explanation = JSON.parse(stdout) as Explanation;
  assert.equal(code === 0, explanation.ok);
  return explanation;
}
