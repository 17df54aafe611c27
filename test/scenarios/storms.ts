// Many things done behind an agent's back at once, over and over, or while it cannot look: the kernel ends as calculated,
// nodes that have nothing to do with it lose no packet, and what is not ours is not touched.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { ipBatch } from "../../src/demo/ip-command.ts";
import type { StatusReport } from "../../src/observe/status.ts";
import { causeway, runDirFlags } from "../support/causeway.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import { dumpKernel } from "../support/kernel-dump.ts";
import { assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap } from "./encap.ts";
import { assertBack, onFaultCluster, withFreshAgent } from "./fault-cluster.ts";
import { deviceFaults, type Fault, routeFaults, rowFaults } from "./faults.ts";
import { FOREIGN_NAMES, foreignObjects } from "./foreign-objects.ts";
import { whileHeld } from "./held-agent.ts";
import { felixConfiguration } from "./resources.ts";
import { startRival } from "./rival.ts";
import { lossesDuring } from "./traffic.ts";

/** Mending slows down where the same thing breaks again and again. */
const PATIENCE_MS = 60_000;

export function stormScenarios(encap: Encap): readonly Scenario[] {
  return onFaultCluster(encap, [
    {
      name: "any number of faults at once is mended, round after round",
      run: async (cluster) => {
        const before = await withFreshAgent(cluster);
        const { others } = pathsOf(cluster);
        const losses = await lossesDuring({ others }, async () => {
          for (const [round, seed] of [1, 2, 3, 4].entries()) {
            const commands = await randomFaults(cluster, encap, seed);
            const strike = () =>
              cluster.exec("alder", "sh", "-c", [...commands, "true"].join("\n"));
            await (round % 2 === 0 ? strike() : whileHeld(cluster, "alder", strike));
            await assertBack(cluster, before, `seed ${seed}: ${commands.join("; ")}`, PATIENCE_MS);
          }
          await assertExact(cluster, PATIENCE_MS);
        });
        assert.deepEqual(losses, { others: 0 });
        await assertAllReach(cluster);
      },
    },
    {
      name: "a program that keeps changing a route is told, and mended ever more slowly",
      run: async (cluster) => {
        const before = await withFreshAgent(cluster);
        const route = "10.244.1.64/26";
        const { others, near } = pathsOf(cluster);
        const losses = await lossesDuring({ others, near }, async () => {
          const command = `ip route replace ${route} via 192.0.2.1 proto 202`;
          const rival = startRival(cluster, "alder", command);
          try {
            await eventually(async () => {
              const { failing } = await cluster.agent("alder").status();
              return failing.length > 0;
            });
            const { timings: early, ...told } = await statusOf(cluster);
            assertFight(told, `route ${route}`);
            const target = rival.rounds + 40;
            // Everything else is mended as ever.
            await cluster.ip("alder", "route", "delete", "10.244.1.128/26");
            await eventually(async () =>
              assert.notEqual(await cluster.ip("alder", "route", "show", "10.244.1.128/26"), ""),
            );
            await eventually(() => rival.rounds > target, PATIENCE_MS);
            const { timings } = await cluster.agent("alder").status();
            assert.ok(
              timings.netlinkWrites - early.netlinkWrites < 20,
              "as many writes as the rival's",
            );
          } finally {
            await rival.end();
          }
          await assertBack(cluster, before, "after the fight", PATIENCE_MS);
        });
        assert.deepEqual(losses, { others: 0, near: 0 });
        await cluster.agent("alder").inSync(PATIENCE_MS);
      },
    },
    {
      name: "events that were lost leave nothing unmended",
      run: async (cluster) => {
        const before = await withFreshAgent(cluster);
        const { others } = pathsOf(cluster);
        const losses = await lossesDuring({ others }, async () => {
          await whileHeld(cluster, "alder", async () => {
            await flood(cluster);
            const commands = await randomFaults(cluster, encap, 5);
            await cluster.exec("alder", "sh", "-c", [...commands, "true"].join("\n"));
          });
          await assertBack(cluster, before, "after the flood", PATIENCE_MS);
        });
        assert.deepEqual(losses, { others: 0 });
        await assertExact(cluster, PATIENCE_MS);
      },
    },
    {
      name: "what the kernel does not announce is found by the read-back",
      run: async (cluster) => {
        const before = await withFreshAgent(cluster);
        cluster.write(felixConfiguration({ routeRefreshInterval: "1s" }));
        await cluster.exec("alder", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward");
        await assertBack(cluster, before, "forwarding", PATIENCE_MS);
        const { repairs } = await cluster.agent("alder").status();
        const found = repairs.recent.map((repair) => [repair.what, repair.found]);
        assert.deepEqual(found, [["sysctl net.ipv4.ip_forward", "changed"]]);
        cluster.write(felixConfiguration({}));
        await assertExact(cluster);
      },
    },
    {
      name: "what is not ours is not touched",
      run: async (cluster) => {
        await withFreshAgent(cluster);
        await cluster.exec("alder", "sh", "-ec", foreignObjects(DEVICE[encap]).join("\n"));
        // Time for the agent to do what it should not.
        await setTimeout(500);
        const before = await dumpKernel(cluster.namespace("alder"));
        for (const name of FOREIGN_NAMES) assert.ok(before.has(name), name);
        const neighbour = ["-6", "neighbour", "show", "nud", "noarp", "dev", "vxlan6.causeway"];
        assert.match(await cluster.ip("alder", ...neighbour), /fd00:10:244::1:77/);
        // With its last address the kernel takes from a device the routes of everybody.
        const faults = (await faultsOf(cluster, encap)).filter(
          ({ hits, what }) => hits === undefined && !what.startsWith("address"),
        );
        const commands = faults.flatMap((fault) => fault.commands);
        await cluster.exec("alder", "sh", "-c", commands.join("\n"));
        await assertBack(cluster, before, "after the faults", PATIENCE_MS);
        cluster.agent("alder").signal("SIGHUP");
        await cluster.agent("alder").end("SIGTERM");
        cluster.agent("alder").start();
        await cluster.agent("alder").inSync();
        await assertBack(cluster, before, "after a restart", PATIENCE_MS);
        assert.match(await cluster.ip("alder", ...neighbour), /fd00:10:244::1:77/);
        assert.deepEqual((await cluster.agent("alder").status()).repairs.recent, []);
      },
    },
  ]);
}

/** Alder is where it all happens; `others` is none of its business. */
function pathsOf(cluster: Cluster): Record<"others" | "near", EchoPath> {
  return {
    others: cluster.path("birch-1", "cedar-1", "always"),
    near: cluster.path("alder-1", "birch-1", "always"),
  };
}

async function assertAllReach(cluster: Cluster): Promise<void> {
  for (const { name } of cluster.topology.pools) {
    for (const to of ["birch-1", "cedar-1"]) {
      const { reason } = await cluster.ping("alder-1", to, name);
      assert.equal(reason, undefined, `${to} in ${name}`);
    }
  }
}

async function faultsOf(cluster: Cluster, encap: Encap): Promise<readonly Fault[]> {
  const rows = JSON.parse(await cluster.ip("alder", "-j", "nexthop", "show")) as {
    id: number;
    gateway: string;
  }[];
  const idOf = (gateway: string): number =>
    rows.find((row) => row.gateway === gateway)?.id ?? Number.NaN;
  return [...routeFaults(encap, idOf), ...rowFaults(encap), ...deviceFaults(encap)];
}

/** Commands of some faults, the same for the same seed. They may fail: what they are about may be gone. */
async function randomFaults(cluster: Cluster, encap: Encap, seed: number): Promise<string[]> {
  const random = generator(seed);
  const faults = [...(await faultsOf(cluster, encap))];
  return Array.from({ length: 12 }, () => {
    const [fault] = faults.splice(Math.floor(random() * faults.length), 1);
    return fault?.commands ?? [];
  }).flat();
}

/** Numbers from 0 to 1: mulberry32, whose first ones differ for seeds that lie side by side. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mix = Math.imul(state ^ (state >>> 15), 1 | state);
    mix = (mix + Math.imul(mix ^ (mix >>> 7), 61 | mix)) ^ mix;
    return ((mix ^ (mix >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** As `causeway status --json` prints it. */
async function statusOf(cluster: Cluster): Promise<StatusReport> {
  const flags = runDirFlags(cluster, "alder");
  const { stdout } = await causeway(cluster, "alder", "status", "--json", ...flags);
  return JSON.parse(stdout) as StatusReport;
}

function assertFight(
  { state, failing }: Pick<StatusReport, "state" | "failing">,
  name: string,
): void {
  assert.equal(state, "degraded");
  const [held, ...more] = failing;
  assert.deepEqual(more, []);
  assert.deepEqual([held?.name, held?.why, held?.reason], [name, "fight", "changed"]);
}

/** More events than the agent's queue has room for: of each route as it comes, and as it goes with its device. */
async function flood(cluster: Cluster): Promise<void> {
  const routes = Array.from({ length: 12_000 }, (_, at) => {
    return `route add fd00:198::${at.toString(16)} dev flood0 table 4711`;
  });
  await ipBatch(cluster.namespace("alder"), ["link add flood0 up type bridge", ...routes]);
  await cluster.ip("alder", "link", "delete", "flood0");
  assert.ok((await lostEvents(cluster)) > 0, "the queue had room for all of them");
}

/** Events that did not fit into the queue of a listener on alder. */
async function lostEvents(cluster: Cluster): Promise<number> {
  const table = await cluster.exec("alder", "cat", "/proc/net/netlink");
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  const listeners = rows.filter(([, , , groups]) => /[^0]/.test(groups ?? ""));
  return Math.max(0, ...listeners.map((row) => Number(row[8]) || 0));
}
