// What is done behind an agent's back, while packets flow: it is mended at once, told in `status`, and nothing else is
// touched.

import assert from "node:assert/strict";
import { type Cluster, eventually } from "../support/cluster.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import type { Encap } from "./encap.ts";
import { assertBack, onFaultCluster, withFreshAgent } from "./fault-cluster.ts";
import { deviceFaults, type Fault, routeFaults, rowFaults } from "./faults.ts";
import { whileHeld } from "./held-agent.ts";
import { lossesDuring } from "./traffic.ts";

export function repairScenarios(encap: Encap): readonly Scenario[] {
  return onFaultCluster(encap, [
    {
      name: "routes and nexthops are mended one by one",
      run: async (cluster) => {
        const ids = await nexthopIds(cluster);
        await assertMended(
          cluster,
          routeFaults(encap, (gateway) => ids.get(gateway) ?? 0),
        );
      },
    },
    {
      name: "neighbours and FDB entries are mended one by one",
      run: async (cluster) => {
        await assertMended(cluster, rowFaults(encap));
      },
    },
    {
      name: "devices and addresses are mended one by one",
      run: async (cluster) => {
        await assertMended(cluster, deviceFaults(encap));
      },
    },
  ]);
}

/** Alder and birch may notice no fault but those that hit the device. */
async function assertMended(cluster: Cluster, faults: readonly Fault[]): Promise<void> {
  const before = await withFreshAgent(cluster);
  const paths = {
    near: cluster.path("alder-1", "birch-1", "always"),
    near6: cluster.path("alder-1", "birch-1", "always6"),
  };
  const losses = await lossesDuring(paths, async () => {
    for (const fault of faults) if (fault.hits === undefined) await strike(cluster, fault);
  });
  assert.deepEqual(losses, { near: 0, near6: 0 });
  for (const fault of faults) if (fault.hits !== undefined) await strike(cluster, fault);
  await assertBack(cluster, before, "after all of them");
}

/** Does what the fault is, and waits until it is told as mended. */
async function strike(cluster: Cluster, fault: Fault): Promise<void> {
  const agent = cluster.agent("alder");
  const started = Date.now();
  const run = () => cluster.exec("alder", "sh", "-ec", fault.commands.join("\n"));
  await (fault.held ? whileHeld(cluster, "alder", run) : run());
  await eventually(async () => {
    const { repairs } = await agent.status();
    const named = repairs.recent.find(
      ({ what, found, at }) => what === fault.what && found === fault.found && at >= started,
    );
    assert.ok(named, `${fault.name}: not among ${JSON.stringify(repairs.recent)}`);
    assert.ok(named.milliseconds >= 0);
  });
  await agent.inSync();
}

/** Gateway -> id of alder's nexthop objects. */
async function nexthopIds(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const rows = JSON.parse(await cluster.ip("alder", "-j", "nexthop", "show")) as {
    id: number;
    gateway: string;
  }[];
  return new Map(rows.map(({ gateway, id }) => [gateway, id]));
}
