// Agents on real nodes that read a real etcd, three servers of it, through everything that can happen to it. After each
// fault every kernel holds exactly what is calculated, and no packet was lost.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askAgent } from "../../src/cli/agent-client.ts";
import { eventually } from "../support/cluster.ts";
import { ETCD_PORTS } from "../support/etcd-site.ts";
import { dumpDifference, dumpKernel } from "../support/kernel-dump.ts";
import { statusText } from "../support/status-text.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { Lab, NODE } from "./etcd-lab.ts";

interface Fault {
  readonly name: string;
  happen(lab: Lab): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: "nothing happens",
    happen: (lab) => lab.change(),
  },
  {
    name: "what the agents want to watch is compacted while they cannot reach it",
    async happen(lab) {
      const { etcd } = lab;
      etcd.cut();
      await lab.isLost();
      await lab.change();
      await etcd.compact();
      await lab.change();
      etcd.mend();
    },
  },
  {
    name: "all its servers are killed and started again",
    async happen(lab) {
      const { etcd } = lab;
      await etcd.killMembers();
      await lab.isLost();
      await etcd.startMembers();
      await lab.change();
    },
  },
  {
    name: "its servers are killed and started one after the other",
    async happen(lab) {
      const { etcd } = lab;
      for (const member of etcd.members) {
        await member.kill();
        await lab.change();
        await member.start();
      }
    },
  },
  {
    name: "two of three servers are gone and there is no leader",
    async happen(lab) {
      const { etcd } = lab;
      const [, second, third] = etcd.members;
      await Promise.all([second?.kill(), third?.kill()]);
      await lab.isLost();
      second?.spawn();
      third?.spawn();
      await second?.ready();
      await third?.ready();
      await lab.change();
    },
  },
  {
    name: "packets to it are dropped without a word",
    async happen(lab) {
      const ports = ETCD_PORTS.join(", ");
      const rules =
        `add table inet hole; ` +
        `add chain inet hole in { type filter hook input priority 0; }; ` +
        `add chain inet hole out { type filter hook output priority 0; }; ` +
        `add rule inet hole in tcp dport { ${ports} } drop; ` +
        `add rule inet hole out tcp sport { ${ports} } drop`;
      await lab.cluster.exec("router", "nft", rules);
      await lab.change();
      await lab.isLost();
      await lab.change();
      await lab.cluster.exec("router", "nft", "delete table inet hole");
    },
  },
  {
    name: "its servers are frozen",
    async happen(lab) {
      const { etcd } = lab;
      for (const member of etcd.members) member.freeze();
      await lab.isLost();
      for (const member of etcd.members) member.thaw();
      for (const member of etcd.members) await member.ready();
      await lab.change();
    },
  },
  {
    name: "a server is behind, and then the only one with its neighbour",
    async happen(lab) {
      const { etcd } = lab;
      const [first, , third] = etcd.members;
      third?.freeze();
      for (let count = 0; count < 5; count++) await lab.change();
      await first?.kill();
      third?.thaw();
      // It stands for election as soon as it runs again; a write before that is over may be lost.
      await third?.ready();
      await lab.change();
      await first?.start();
    },
  },
  {
    name: "the tokens have expired and every connection is new",
    async happen(lab) {
      const { etcd } = lab;
      await sleep(3_000);
      etcd.cut();
      etcd.mend();
      await lab.change();
    },
  },
];

/** For how long etcd is away; CAUSEWAY_TEST_ETCD_ABSENCE can make it more, in seconds. */
const ABSENCE_MS = Math.max(20_000, 1_000 * Number(process.env["CAUSEWAY_TEST_ETCD_ABSENCE"] ?? 0));
/** For what was changed meanwhile, once etcd is back. */
const RETURN_MS = 5_000;

const absence: LabScenario = {
  name:
    `etcd is away for ${ABSENCE_MS / 1_000} s: status shows the age, an agent that starts then writes nothing, ` +
    `and what changed arrives within ${RETURN_MS / 1_000} s of its return`,
  async run(lab) {
    const { etcd, cluster } = lab;
    const agent = cluster.agent(NODE);
    await lab.change();
    await lab.becomesExact();
    await eventually(async () => {
      const { revision } = (await agent.status()).datastore;
      const snapshot = readFileSync(join(agent.options.runDir, "snapshot.ndjson"), "utf8");
      assert.match(snapshot.split("\n", 1)[0] ?? "", new RegExp(`"revision":"${revision}"`));
    });
    await lab.withoutLoss(async () => {
      const before = await dumpKernel(cluster.namespace(NODE));
      const end = Date.now() + ABSENCE_MS;
      etcd.cut();
      await lab.isLost();
      await lab.change();
      await agent.end("SIGKILL");
      agent.start();
      const { timings, counts, datastore } = await agent.inSync();
      assert.match(
        JSON.stringify(datastore.condition),
        /no connection .*; going on with the snapshot of /,
      );
      assert.equal(counts.nodes, 4);
      assert.equal(timings.netlinkWrites, 0);
      await sleep(end - Date.now());
      const report = await cluster.agent("birch").status();
      assert.ok((report.datastore.age ?? 0) > ABSENCE_MS - 2_000, `age ${report.datastore.age}`);
      const text = statusText(report);
      const [, ago] = /, read (\d+) s ago/.exec(text) ?? [];
      assert.ok(Number(ago) > ABSENCE_MS / 1_000 - 3, text);
      assert.match(text, /datastore unreachable: etcd 192\.0\.2\.1:\d+: no connection/);
      assert.deepEqual(dumpDifference(before, await dumpKernel(cluster.namespace(NODE))), []);
      etcd.mend();
      await lab.becomesExact(RETURN_MS);
    });
  },
};

const lostData: LabScenario = {
  name: "an etcd that comes back without its data removes nothing before an operator says so",
  async run(lab) {
    const { etcd, cluster } = lab;
    const agent = cluster.agent(NODE);
    const before = await dumpKernel(cluster.namespace(NODE));
    const isUnchanged = async (): Promise<void> =>
      assert.deepEqual(dumpDifference(before, await dumpKernel(cluster.namespace(NODE))), []);
    await lab.withoutLoss(async () => {
      await etcd.killMembers();
      for (const member of etcd.members) member.loseData();
      await etcd.startMembers();
      await etcd.askForUsers();
      const told = async (): Promise<void> => {
        const report = await agent.status();
        assert.equal(report.datastore.condition.state, "empty");
        const text = statusText(report);
        assert.match(text, /datastore empty: .* has lost all its resources/);
        assert.match(text, /causeway resync --accept-empty/);
      };
      await eventually(told);
      assert.match(agent.log, /has lost all its resources/);
      await agent.end("SIGKILL");
      agent.start();
      await agent.inSync();
      await eventually(told);
      await sleep(3_000);
      await isUnchanged();
    });
    const { runDir } = cluster.agent("birch").options;
    await askAgent(runDir, "POST", "/resync?acceptEmpty=true");
    await eventually(async () =>
      assert.equal(await cluster.ip("birch", "route", "show", "proto", "202"), ""),
    );
    await isUnchanged();
  },
};

interface LabScenario {
  readonly name: string;
  run(lab: Lab): Promise<void>;
}

/** They share servers and a cluster, and begin anew after one that fails. */
export function etcdScenarios(): readonly Scenario[] {
  let lab: Lab | undefined;
  const remove = async (): Promise<void> => {
    const old = lab;
    lab = undefined;
    await old?.dispose();
  };
  const faults = FAULTS.map(({ name, happen }) => ({
    name: `every kernel is as calculated, and no packet lost, when ${name}`,
    run: (one: Lab) =>
      one.withoutLoss(async () => {
        await happen(one);
        await one.becomesExact();
      }),
  }));
  const scenarios = [...faults, absence, lostData];
  return scenarios.map(({ name, run }, index) => ({
    name,
    run: async () => {
      try {
        lab ??= await Lab.start();
        await run(lab);
      } catch (error) {
        await remove();
        throw error;
      }
      if (index === scenarios.length - 1) await remove();
    },
  }));
}
