// An agent ends and comes back, in every way: the overlay is the kernel's, and packets do not wait for the agent.

import assert from "node:assert/strict";
import { linkSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { writeSysctls } from "../../src/demo/network-namespace.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import { dumpDifference, dumpKernel } from "../support/kernel-dump.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { type Encap, poolsOf } from "./encap.ts";
import { addressBlock, blockName, borrow } from "./resources.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";
import { lossesDuring } from "./traffic.ts";

const NODES = [["alder", "birch"], ["cedar"]];
/** Long enough for a packet to meet everything that is not in the kernel for good. */
const ABSENCE_MS = 3_000;

export function restartScenarios(encap: Encap): readonly Scenario[] {
  return onOneCluster({ pools: poolsOf(encap), nodes: NODES, podsPerNode: 1 }, [
    restart("SIGTERM", 0),
    restart("SIGKILL", null),
    catchUp,
    reread,
  ]);
}

function restart(signal: NodeJS.Signals, exitCode: number | null): ClusterScenario {
  return {
    name: `${signal} and a start with nothing to change write nothing and lose no packet`,
    run: async (cluster) => {
      const agent = cluster.agent("alder");
      await assertExact(cluster);
      const before = await dumpKernel(cluster.namespace("alder"));
      const losses = await lossesDuring(pathsOf(cluster), async () => {
        assert.equal(await agent.end(signal), exitCode);
        assert.deepEqual(await differenceOnAlder(cluster, before), []);
        await sleep(ABSENCE_MS);
        agent.start();
        const { timings, repairs } = await agent.inSync();
        assert.equal(timings.netlinkWrites, 0);
        assert.equal(timings.firstWrite, undefined);
        assert.equal(repairs.count, 0);
      });
      assert.deepEqual(losses, { near: 0, far: 0, direct: 0, near6: 0, far6: 0, direct6: 0 });
      assert.deepEqual(await differenceOnAlder(cluster, before), []);
    },
  };
}

const catchUp: ClusterScenario = {
  name: "an agent that comes back catches up with what changed in its absence, and only that",
  run: async (cluster) => {
    const agent = cluster.agent("alder");
    await assertExact(cluster);
    const before = await dumpKernel(cluster.namespace("alder"));
    const lent = cluster.resource("IPAMBlock", blockName(cluster.block("cedar", "always")));
    const losses = await lossesDuring(pathsOf(cluster), async () => {
      await agent.end("SIGKILL");
      cluster.write(addressBlock("10.244.9.0/26", "cedar"), borrow(lent, 9, "birch"));
      await cluster.ip("alder", "route", "del", cluster.block("cedar", "cross"));
      agent.start();
      await assertExact(cluster);
      assert.deepEqual(await differenceOnAlder(cluster, before), [
        "+ route 10.244.1.9",
        "+ route 10.244.9.0/26",
      ]);
      const { timings } = await agent.status();
      assert.equal(timings.netlinkWrites, 3);
      cluster.remove("IPAMBlock", blockName("10.244.9.0/26"));
      cluster.write(lent);
      await assertExact(cluster);
    });
    assert.deepEqual(losses, { near: 0, far: 0, direct: 0, near6: 0, far6: 0, direct6: 0 });
    assert.deepEqual(await differenceOnAlder(cluster, before), []);
  },
};

const reread: ClusterScenario = {
  name: "SIGHUP reads the datastore and the kernel again, also where nothing announced a change",
  run: async (cluster) => {
    const agent = cluster.agent("alder");
    const namespace = cluster.namespace("alder");
    const before = await dumpKernel(namespace);
    const { timings } = await agent.status();
    agent.signal("SIGHUP");
    await eventually(async () => {
      const { lastReadBack } = (await agent.status()).timings;
      assert.notDeepEqual(lastReadBack, timings.lastReadBack);
    });
    assert.equal((await agent.inSync()).timings.netlinkWrites, timings.netlinkWrites);

    writeSysctls(namespace, { "ipv4/ip_forward": 0 });
    agent.signal("SIGHUP");
    await eventually(async () => assert.deepEqual(await differenceOnAlder(cluster, before), []));

    // Written through another name, a file changes without a word to who watches its directory.
    const file = join(cluster.site.datastore, "ipamblock.yaml");
    const otherName = `${cluster.site.datastore}.other-name`;
    linkSync(file, otherName);
    const text = readFileSync(file, "utf8");
    const moved = text.replace("cidr: 10.245.1.0/26", "cidr: 10.245.9.0/26");
    assert.notEqual(moved, text);
    writeFileSync(otherName, moved);
    agent.signal("SIGHUP");
    const difference = ["+ route 10.245.9.0/26", "- route 10.245.1.0/26"];
    // Sooner than the directory is looked through in any case.
    await eventually(
      async () => assert.deepEqual(await differenceOnAlder(cluster, before), difference),
      10_000,
    );
    cluster.write(cluster.resource("IPAMBlock", blockName("10.245.1.0/26")));
    await assertExact(cluster);
    assert.deepEqual(await differenceOnAlder(cluster, before), []);
  },
};

function pathsOf(cluster: Cluster): Record<string, EchoPath> {
  return {
    near: cluster.path("alder-1", "birch-1", "always"),
    far: cluster.path("alder-1", "cedar-1", "always"),
    direct: cluster.path("alder-1", "birch-1", "cross"),
    near6: cluster.path("alder-1", "birch-1", "always6"),
    far6: cluster.path("alder-1", "cedar-1", "always6"),
    direct6: cluster.path("alder-1", "birch-1", "cross6"),
  };
}

async function differenceOnAlder(
  cluster: Cluster,
  before: Awaited<ReturnType<typeof dumpKernel>>,
): Promise<string[]> {
  return dumpDifference(before, await dumpKernel(cluster.namespace("alder")));
}
