// Two nodes whose tunnels the kernel carries, as far as it can, and two where userspace carries all of them, in one
// overlay: nobody can tell which is which.
//
//      192.0.2.0/26 ──────── router ──────── 192.0.2.64/26
//       │         │                            │         │
//     alder     birch                        cedar    dogwood
//     kernel    userspace                    kernel   userspace

import assert from "node:assert/strict";
import { AgentProcess } from "../../src/demo/agent-process.ts";
import { pairChecks, probePairs } from "../../src/demo/pair-checks.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";
import { assertTcpEcho } from "./tcp-echo.ts";
import { deviceTo, lossesDuring } from "./traffic.ts";

const HUNDRED_MEGABYTES = 100 << 20;
const USERSPACE = ["--dataplane", "userspace"];

/** In a guest a process with a worker and native code takes its time to start. */
const CLUSTER = { nodeFlags: { birch: USERSPACE, dogwood: USERSPACE }, patienceMs: 120_000 };

/** Packets alone: what is worth a try on a kernel that carries IP-in-IP itself. */
export function carryingScenarios(): readonly Scenario[] {
  return onOneCluster(CLUSTER, CARRYING);
}

export function userspaceScenarios(): readonly Scenario[] {
  return onOneCluster(CLUSTER, [...CARRYING, ...CHANGING]);
}

const CARRYING: readonly ClusterScenario[] = [
  {
    name: "every pod reaches every other with packets of the same size, whoever carries them",
    run: async (cluster) => {
      const checks = pairChecks(await probePairs(cluster.site));
      assert.deepEqual(
        checks.filter(({ ok }) => !ok),
        [],
      );
    },
  },
  {
    name: "a stream of data comes back as it was, whoever carries it",
    run: async (cluster) => {
      for (const pool of ["vxlan", "vxlan6", "ipip"]) {
        await assertTcpEcho(cluster, "alder-1", "dogwood-1", pool);
        await assertTcpEcho(cluster, "dogwood-1", "alder-1", pool);
        await assertTcpEcho(cluster, "birch-1", "dogwood-1", pool);
      }
    },
  },
];

const CHANGING: readonly ClusterScenario[] = [
  {
    name: "a hundred megabytes come back as they were, through a node of each kind",
    run: async (cluster) => {
      for (const pool of ["vxlan", "ipip"]) {
        await assertTcpEcho(cluster, "alder-1", "dogwood-1", pool, HUNDRED_MEGABYTES);
      }
      await assertTcpEcho(cluster, "birch-1", "cedar-1", "vxlan", HUNDRED_MEGABYTES);
    },
  },
  {
    name: "an agent that comes back writes nothing to the kernel and carries packets again",
    run: async (cluster) => {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        const agent = cluster.agent("dogwood");
        await agent.end(signal);
        agent.start();
        const { timings, repairs } = await agent.inSync();
        assert.equal(timings.netlinkWrites, 0, signal);
        assert.equal(repairs.count, 0, signal);
        await assertReaches(cluster, "alder-1", "dogwood-1");
      }
    },
  },
  {
    name: "a TUN device that somebody deletes or sets down is back with all that was on it",
    run: async (cluster) => {
      for (const command of ["link delete tun.causeway", "link set tun.causeway down"]) {
        const { repairs } = await cluster.agent("birch").status();
        await cluster.ip("birch", ...command.split(" "));
        const status = await cluster
          .agent("birch")
          .until(({ state, repairs: now }) => state === "in sync" && now.count > repairs.count);
        assert.match(status.repairs.recent.at(-1)?.what ?? "", /tun\.causeway|route/);
        await assertReaches(cluster, "alder-1", "birch-1");
      }
    },
  },
  {
    name: "a node goes from userspace to the kernel and back, and the others notice nothing",
    run: async (cluster) => {
      const others = { others: cluster.path("alder-1", "cedar-1", "vxlan") };
      const target = cluster.address("alder-1", "vxlan");
      const losses = await lossesDuring(others, async () => {
        const usual = cluster.agent("dogwood");
        await usual.end("SIGTERM");
        const other = new AgentProcess({ ...usual.options, flags: [] });
        other.start();
        await other.inSync();
        assert.equal(await deviceTo(cluster, "dogwood", target), "vxlan.causeway");
        await assertReaches(cluster, "alder-1", "dogwood-1");
        await other.end("SIGTERM");
        usual.start();
        await usual.inSync();
        assert.equal(await deviceTo(cluster, "dogwood", target), "tun.causeway");
        await assertReaches(cluster, "alder-1", "dogwood-1");
      });
      assert.deepEqual(losses, { others: 0 });
    },
  },
  {
    name: "blocks that move by the hundred, a thousand times a second, disturb no stream",
    run: async (cluster) => {
      const steady = { steady: cluster.path("birch-1", "dogwood-1", "vxlan") };
      const before = await cluster.agent("birch").inSync();
      const losses = await lossesDuring(steady, async () => {
        const moving = moveBlocks(cluster, ["cedar", "dogwood"]);
        try {
          while (moving.count < MOVES) {
            await assertTcpEcho(cluster, "birch-1", "dogwood-1", "vxlan");
          }
        } finally {
          moving.stop();
        }
      });
      assert.deepEqual(losses, { steady: 0 });
      const after = await cluster.agent("birch").inSync();
      assert.notEqual(after.datastore.revision, before.datastore.revision);
      assert.deepEqual(after.dataplane.dataPath?.restarts, before.dataplane.dataPath?.restarts);
    },
  },
];

/** Tried until it is so: the first packets after a restart may wait for a neighbour of the underlay. */
function assertReaches(cluster: Cluster, from: string, to: string): Promise<void> {
  return eventually(async () => {
    for (const pool of ["vxlan", "vxlan6", "ipip"]) {
      const { milliseconds, reason } = await cluster.ping(from, to, pool);
      assert.notEqual(milliseconds, undefined, `${from} to ${to} in ${pool}: ${reason}`);
    }
  });
}

const BLOCKS = 50;
const INTERVAL_MS = 50;
/** Two seconds of them. */
const MOVES = 40;

/** Gives blocks to one node after the other, all at once, until it is stopped; removes them then. */
function moveBlocks(
  cluster: Cluster,
  nodes: readonly string[],
): { readonly count: number; stop(): void } {
  const names = Array.from({ length: BLOCKS }, (_, at) => `moving-${at}`);
  let turn = 0;
  const move = (): void => {
    const node = nodes[turn++ % nodes.length];
    cluster.write(
      ...names.map((name, at) => ({
        apiVersion: "crd.projectcalico.org/v1",
        kind: "IPAMBlock",
        metadata: { name },
        spec: { cidr: `10.244.200.${at * 4}/30`, affinity: `host:${node}` },
      })),
    );
  };
  const timer = setInterval(move, INTERVAL_MS);
  return {
    get count() {
      return turn;
    },
    stop: () => {
      clearInterval(timer);
      for (const name of names) cluster.remove("IPAMBlock", name);
    },
  };
}
