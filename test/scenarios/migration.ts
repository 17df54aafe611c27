// A node that another program has routed until now: what stands exactly where ours must is taken over or, on request,
// only named; everything else of other programs stays, and a cleanup leaves nothing but that.

import assert from "node:assert/strict";
import { causeway, runDirFlags, runOn } from "../support/causeway.ts";
import { type Cluster, type ClusterOptions, eventually, startCluster } from "../support/cluster.ts";
import { dumpDifference, dumpKernel, type KernelDump } from "../support/kernel-dump.ts";
import { assertExact } from "../support/node-plan.ts";
import { statusText } from "../support/status-text.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, poolsOf } from "./encap.ts";
import { lossesDuring } from "./traffic.ts";

const NODE = "alder";

/** What another program has at our destinations, in words of `ip route`; and what it has elsewhere. */
const AT_OURS: Readonly<Record<string, string>> = {
  "10.245.0.64/26": "via 192.0.2.11 dev eth0 proto static",
  "10.244.1.0/26": "via 192.0.2.1 dev eth0 proto boot",
  "10.245.1.0/26": "via 192.0.2.1 dev eth0 proto bird",
  "fd00:10:245::40/122": "via 2001:db8:0:1::11 dev eth0 proto static",
  "fd00:10:244::1:0/122": "via 2001:db8:0:1::1 dev eth0 proto boot",
};
const ELSEWHERE = [
  "ip route add 10.99.0.0/16 via 192.0.2.1 proto static",
  "ip route add 10.244.0.64/27 via 192.0.2.11 proto static",
  "ip route add 10.244.0.64/26 via 192.0.2.11 proto static metric 50",
  "ip route add 10.244.0.64/26 via 192.0.2.11 proto static table 100",
  "ip route add unreachable 10.244.0.0/16 proto static metric 4000",
  "ip -6 route add fd00:10:244::40/123 via 2001:db8:0:1::11 proto static",
  "ip nexthop add id 5 via 192.0.2.11 dev eth0 protocol static",
  "ip route add 10.98.0.0/16 nhid 5",
  "ip neighbour add 192.0.2.50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent",
  "ip address add 192.0.2.51/26 dev eth0",
  "ip link add other0 type vxlan id 99 dstport 4999 local 192.0.2.10 dev eth0 nolearning",
  "ip link set other0 up",
  "bridge fdb add 02:00:00:00:00:99 dev other0 dst 192.0.2.11 self permanent",
];

export function migrationScenarios(encap: Encap): readonly Scenario[] {
  const options: ClusterOptions = {
    pools: poolsOf(encap),
    nodes: [[NODE, "birch"], ["cedar"]],
    podsPerNode: 1,
    agents: ["birch", "cedar"],
  };
  return [
    {
      name: "foreign routes at our destinations are taken over without a lost packet, all else stays",
      run: async () => {
        await using cluster = await startCluster(options);
        const clean = await dump(cluster);
        await makeForeign(cluster);
        await forward(cluster);
        const foreign = await dump(cluster);
        const agent = cluster.agent(NODE);
        const paths = {
          direct: cluster.path("alder-1", "birch-1", "cross"),
          direct6: cluster.path("alder-1", "birch-1", "cross6"),
        };
        const losses = await lossesDuring(paths, async () => {
          agent.start();
          await agent.inSync();
        });
        assert.deepEqual(losses, { direct: 0, direct6: 0 });
        await assertExact(cluster);
        await assertTakenOver(cluster, await dump(cluster), foreign);
        assert.notEqual((await cluster.ping("alder-1", "cedar-1", "always")).largest, undefined);

        await agent.end("SIGKILL");
        agent.start();
        const { timings, takenOver } = await agent.inSync();
        assert.deepEqual([timings.netlinkWrites, takenOver], [0, []]);
        await assertCleanup(cluster, encap, clean, foreign);
      },
    },
    {
      name: "with --no-take-over foreign routes at our destinations are named, and ours follow theirs",
      run: async () => {
        await using cluster = await startCluster({ ...options, agentFlags: ["--no-take-over"] });
        await makeForeign(cluster);
        const foreign = await dump(cluster);
        const agent = cluster.agent(NODE);
        agent.start();
        await eventually(async () => {
          const report = await agent.status();
          assert.equal(report.state, "degraded");
          assert.equal(report.leftAlone.length, Object.keys(AT_OURS).length);
          assert.deepEqual(report.failing, []);
        });
        const report = await agent.status();
        const text = statusText(report);
        for (const destination of Object.keys(AT_OURS)) {
          const route = report.leftAlone.find((line) => line.startsWith(`${destination} via `));
          assert.ok(route, `${destination} is among ${report.leftAlone}`);
          assert.ok(text.includes(`${route} stands where ours should`), text);
        }
        assert.deepEqual(report.takenOver, []);
        assert.deepEqual(lossesIn(foreign, await dump(cluster)), []);
        for (const destination of Object.keys(AT_OURS)) {
          const family = destination.includes(":") ? ["-6"] : [];
          await cluster.ip(NODE, ...family, "route", "delete", destination);
        }
        await assertExact(cluster);
        assert.deepEqual((await agent.status()).leftAlone, []);
      },
    },
  ];
}

async function makeForeign(cluster: Cluster): Promise<void> {
  const routes = Object.entries(AT_OURS).map(([destination, words]) => {
    return `ip ${destination.includes(":") ? "-6 " : ""}route add ${destination} ${words}`;
  });
  const { code, stderr } = await runOn(
    cluster,
    NODE,
    ["sh", "-e"],
    [...ELSEWHERE, ...routes].join("\n"),
  );
  assert.deepEqual([code, stderr], [0, ""]);
}

/** As the other program has it; the agent's own doing is no part of what is looked at here. */
async function forward(cluster: Cluster): Promise<void> {
  for (const name of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]) {
    await cluster.exec(NODE, "sysctl", "-qw", `${name}=1`);
  }
}

async function assertTakenOver(
  cluster: Cluster,
  now: KernelDump,
  foreign: KernelDump,
): Promise<void> {
  const taken = Object.keys(AT_OURS).map((destination) => `route ${destination}`);
  assert.deepEqual(lossesIn(foreign, now).sort(), taken.sort());
  for (const name of taken) {
    const rows = now.get(name)?.split(" and ") ?? [];
    assert.equal(rows.length, 1);
    assert.match(rows[0] ?? "", /"nhid":\d+.*"protocol":"202"/);
  }

  const agent = cluster.agent(NODE);
  const report = await agent.status();
  const text = statusText(report);
  const logged = agent.log.split("\n").filter((line) => line.includes("took over a foreign route"));
  assert.equal(report.takenOver.length, Object.keys(AT_OURS).length);
  for (const [destination, words] of Object.entries(AT_OURS)) {
    const entry = report.takenOver.find((one) => one.destination === destination);
    const [gateway = ""] = /via \S+/.exec(words) ?? [];
    assert.ok(entry?.foreign.startsWith(`${destination} ${gateway} dev eth0 proto `));
    assert.match(entry?.ours ?? "", /nhid \d+ proto 202/);
    assert.ok(text.includes(`${entry?.foreign}, now ${entry?.ours}`), text);
    assert.ok(
      logged.some((line) => line.includes(`${entry?.foreign}`) && line.includes(`${entry?.ours}`)),
    );
  }
}

async function assertCleanup(
  cluster: Cluster,
  encap: Encap,
  clean: KernelDump,
  foreign: KernelDump,
): Promise<void> {
  const agent = cluster.agent(NODE);
  const flags = runDirFlags(cluster, NODE);
  const refused = await causeway(cluster, NODE, "cleanup", ...flags);
  assert.equal(refused.code, 70);
  assert.match(refused.stderr, /an agent runs with --run-dir .*\n.*stop it first/);
  await agent.end("SIGTERM");

  const before = await dump(cluster);
  const planned = await causeway(cluster, NODE, "cleanup", "--dry-run", ...flags);
  assert.equal(planned.code, 0);
  assert.deepEqual(dumpDifference(before, await dump(cluster)), []);
  const done = await causeway(cluster, NODE, "cleanup", ...flags);
  assert.deepEqual([done.code, done.stderr], [0, ""]);
  const commands = commandsIn(done.stdout);
  assert.deepEqual(commandsIn(planned.stdout), commands);
  for (const device of [DEVICE[encap], "vxlan6.causeway"]) {
    assert.ok(commands.includes(`ip link delete ${device}`), done.stdout);
  }

  const after = await dump(cluster);
  assert.deepEqual(
    dumpDifference(foreign, after),
    Object.keys(AT_OURS)
      .map((destination) => `- route ${destination}`)
      .sort(),
  );
  const left = dumpDifference(clean, after).filter((line) => /causeway|"202"/.test(line));
  assert.deepEqual(left, []);
  const again = await causeway(cluster, NODE, "cleanup", ...flags);
  assert.deepEqual(commandsIn(again.stdout), []);
  assert.match(again.stdout, /nothing of ours is here/);
}

function commandsIn(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

function dump(cluster: Cluster): Promise<KernelDump> {
  return dumpKernel(cluster.namespace(NODE));
}

/**
 * Objects of before that are gone or different. More of one name is no loss: a route of another metric, what the
 * kernel has for every device. Sysctls are left out: forwarding changes them by the dozen.
 */
function lossesIn(before: KernelDump, after: KernelDump): string[] {
  return [...before]
    .filter(([name, row]) => {
      const now = after.get(name)?.split(" and ") ?? [];
      return !name.startsWith("sysctl") && row.split(" and ").some((one) => !now.includes(one));
    })
    .map(([name]) => name);
}
