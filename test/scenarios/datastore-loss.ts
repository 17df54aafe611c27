// The datastore is lost, as a whole or in part. What the kernel holds goes on as it is; what is known to be gone, and
// only that, goes.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import { dumpDifference, dumpKernel, type KernelDump } from "../support/kernel-dump.ts";
import { assertExact } from "../support/node-plan.ts";
import { statusText } from "../support/status-text.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, poolsOf } from "./encap.ts";
import { type ClusterScenario, onOneCluster } from "./shared-cluster.ts";
import { lossesDuring } from "./traffic.ts";

const NODE = "alder";
const NODES = [[NODE, "birch"], ["cedar"]];
/** Longer than the agent waits for a vanished file to come back. */
const PATIENCE_MS = 2_500;

/** Name of a file -> its text. */
type Files = ReadonlyMap<string, string>;

interface Loss {
  readonly name: string;
  happen(directory: string, files: Files): void;
  readonly state: string;
  /** What `causeway status` says of it. */
  readonly text: RegExp;
}

const LOSSES: readonly Loss[] = [
  {
    name: "its directory is removed",
    happen: (directory) => rmSync(directory, { recursive: true }),
    state: "unreachable",
    text: /datastore unreachable: .*\/cluster does not exist; going on with .*, \d+ resources/,
  },
  {
    name: "all its files are removed",
    happen: (directory, files) => {
      for (const name of files.keys()) rmSync(join(directory, name));
    },
    state: "empty",
    text: /datastore empty: no .yaml or .json file below .*\/cluster; going on with/,
  },
  {
    name: "its files are emptied",
    happen: (directory, files) => {
      for (const name of files.keys()) writeFileSync(join(directory, name), "");
    },
    state: "incomplete",
    text: /datastore incomplete: ipamblock\.yaml: file is empty; its last good version is in force, and 2 more/,
  },
  {
    name: "its files are filled with garbage",
    happen: (directory, files) => {
      for (const name of files.keys()) writeFileSync(join(directory, name), "\0\x01}{: - [\n\t&*");
    },
    state: "incomplete",
    text: /datastore incomplete: ipamblock\.yaml: cannot be read to its end; its last good version is in force, and 2 more/,
  },
];

export function datastoreLossScenarios(encap: Encap): readonly Scenario[] {
  const scenarios = [...LOSSES.map(lossScenario), removedResource, removedFile(encap)];
  // What is read does not depend on the encapsulation; User Mode Linux need not see all of it.
  const once = encap === "vxlan" ? [brokenResource, brokenFile] : [];
  const options = { pools: poolsOf(encap), nodes: NODES, podsPerNode: 1 };
  return onOneCluster(options, [...scenarios.slice(encap === "vxlan" ? 0 : 3), ...once]);
}

function lossScenario({ name, happen, state, text }: Loss): ClusterScenario {
  return {
    name: `nothing leaves the kernel when ${name}, nor when the agent starts then`,
    run: async (cluster) => {
      await assertExact(cluster);
      const agent = cluster.agent(NODE);
      const before = await dump(cluster);
      const files = readFiles(cluster);
      const losses = await lossesDuring(pathsOf(cluster), async () => {
        happen(cluster.site.datastore, files);
        const told = async (): Promise<void> => {
          const report = await agent.status();
          assert.equal(report.datastore.condition.state, state);
          assert.match(statusText(report), text);
        };
        await eventually(told);
        await sleep(PATIENCE_MS);
        assert.deepEqual(dumpDifference(before, await dump(cluster)), []);

        await agent.end("SIGKILL");
        agent.start();
        const { timings, counts } = await agent.inSync();
        await eventually(told);
        assert.equal(counts.nodes, 3);
        assert.equal(timings.netlinkWrites, 0);
        await sleep(PATIENCE_MS);
        assert.deepEqual(dumpDifference(before, await dump(cluster)), []);

        restore(cluster, files);
        await eventually(async () =>
          assert.equal((await agent.status()).datastore.condition.state, "ok"),
        );
        await assertExact(cluster);
        assert.equal((await agent.status()).timings.netlinkWrites, 0);
      });
      assert.deepEqual(losses, { near: 0, far: 0, direct: 0, far6: 0 });
      assert.deepEqual(dumpDifference(before, await dump(cluster)), []);
    },
  };
}

const removedResource: ClusterScenario = {
  name: "a pool removed among others takes its routes along and nothing else",
  run: async (cluster) => {
    await assertExact(cluster);
    const before = await dump(cluster);
    const pool = cluster.resource("IPPool", "cross6");
    const losses = await lossesDuring(pathsOf(cluster), async () => {
      cluster.remove("IPPool", "cross6");
      await eventually(async () =>
        assert.deepEqual(dumpDifference(before, await dump(cluster)), [
          "- nexthop 2001:db8:0:1::11 on eth0",
          "- route blackhole fd00:10:245::/122",
          "- route fd00:10:245::1:0/122",
          "- route fd00:10:245::40/122",
        ]),
      );
      cluster.write(pool);
      await assertExact(cluster);
    });
    assert.deepEqual(losses, { near: 0, far: 0, direct: 0, far6: 0 });
    assert.deepEqual(dumpDifference(before, await dump(cluster)), []);
  },
};

const ELM = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: elm }
spec:
  bgp: { ipv4Address: 192.0.2.99/26, ipv4IPIPTunnelAddr: 10.244.7.0 }
  ipv4VXLANTunnelAddr: 10.244.7.0
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: { name: elm }
spec: { cidr: 10.244.7.0/26, affinity: "host:elm" }
`;

function removedFile(encap: Encap): ClusterScenario {
  const device = DEVICE[encap];
  const ofElm =
    encap === "ipip"
      ? [`nexthop 192.0.2.99 on ${device}`]
      : [
          `FDB entry 66:8b:cb:59:f2:d8 on ${device}`,
          `neighbour 10.244.7.0 on ${device}`,
          `nexthop 10.244.7.0 on ${device}`,
        ];
  const difference = [...ofElm, "route 10.244.7.0/26"].map((name) => `+ ${name}`);
  return {
    name: "a file removed among others takes along what only it held",
    run: async (cluster) => {
      await assertExact(cluster);
      const before = await dump(cluster);
      const path = join(cluster.site.datastore, "elm.yaml");
      const losses = await lossesDuring(pathsOf(cluster), async () => {
        writeFileSync(path, ELM);
        await eventually(async () =>
          assert.deepEqual(dumpDifference(before, await dump(cluster)), difference),
        );
        rmSync(path);
        await eventually(async () =>
          assert.deepEqual(dumpDifference(before, await dump(cluster)), []),
        );
      });
      assert.deepEqual(losses, { near: 0, far: 0, direct: 0, far6: 0 });
    },
  };
}

const brokenResource: ClusterScenario = {
  name: "a broken resource keeps its last good version and is named with file, line and field",
  run: async (cluster) => {
    await assertExact(cluster);
    const agent = cluster.agent(NODE);
    const before = await dump(cluster);
    const files = readFiles(cluster);
    const losses = await lossesDuring(pathsOf(cluster), async () => {
      const nodes = (files.get("node.yaml") ?? "").replace("192.0.2.11/26", "192.0.2.311/26");
      const blocks = (files.get("ipamblock.yaml") ?? "").replace("10.245.1.0/26", "10.245.9.0/26");
      restore(cluster, new Map([...files, ["node.yaml", nodes], ["ipamblock.yaml", blocks]]));
      const line = nodes.split("\n").findIndex((text) => text.includes("192.0.2.311")) + 1;
      await eventually(async () =>
        assert.deepEqual(dumpDifference(before, await dump(cluster)), [
          "+ route 10.245.9.0/26",
          "- route 10.245.1.0/26",
        ]),
      );
      const report = await agent.inSync();
      const [fault, ...others] = report.datastore.faults;
      assert.deepEqual(others, []);
      assert.equal(fault?.where, `node.yaml:${line}`);
      assert.equal(fault?.what, 'Node "birch"');
      assert.equal(fault?.field, "spec.bgp.ipv4Address");
      assert.equal(fault?.keptLastGood, true);
      assert.match(
        statusText(report),
        /node\.yaml:\d+ Node "birch" spec\.bgp\.ipv4Address .*its last good version is in force/,
      );
      restore(cluster, files);
      await assertExact(cluster);
    });
    assert.deepEqual(losses, { near: 0, far: 0, direct: 0, far6: 0 });
    assert.deepEqual(dumpDifference(before, await dump(cluster)), []);
    assert.deepEqual((await agent.status()).datastore.faults, []);
  },
};

const brokenFile: ClusterScenario = {
  name: "a file that cannot be read to its end keeps its last good version and is named with its line",
  run: async (cluster) => {
    await assertExact(cluster);
    const agent = cluster.agent(NODE);
    const before = await dump(cluster);
    const files = readFiles(cluster);
    const losses = await lossesDuring(pathsOf(cluster), async () => {
      const blocks = files.get("ipamblock.yaml") ?? "";
      const broken = `${blocks}---\nkind: IPAMBlock\nspec: {cidr: [\n`;
      restore(cluster, new Map([["ipamblock.yaml", broken]]));
      await eventually(async () => {
        const [fault] = (await agent.status()).datastore.faults;
        assert.match(fault?.where ?? "", /^ipamblock\.yaml:\d+$/);
      });
      await sleep(PATIENCE_MS);
      const { datastore } = await agent.inSync();
      const at = Number(datastore.faults[0]?.where.split(":")[1]);
      const first = blocks.split("\n").length;
      assert.ok(at >= first && at <= first + 3, `line ${at} is near ${first}`);
      assert.equal(datastore.faults[0]?.keptLastGood, true);
      assert.deepEqual(dumpDifference(before, await dump(cluster)), []);
      restore(cluster, files);
      await assertExact(cluster);
    });
    assert.deepEqual(losses, { near: 0, far: 0, direct: 0, far6: 0 });
    assert.deepEqual((await agent.status()).datastore.faults, []);
  },
};

function pathsOf(cluster: Cluster): Record<string, EchoPath> {
  return {
    near: cluster.path("alder-1", "birch-1", "always"),
    far: cluster.path("alder-1", "cedar-1", "always"),
    direct: cluster.path("alder-1", "birch-1", "cross"),
    far6: cluster.path("alder-1", "cedar-1", "always6"),
  };
}

function dump(cluster: Cluster): Promise<KernelDump> {
  return dumpKernel(cluster.namespace(NODE));
}

function readFiles(cluster: Cluster): Files {
  const { datastore } = cluster.site;
  return new Map(
    readdirSync(datastore).map((name) => [name, readFileSync(join(datastore, name), "utf8")]),
  );
}

/** Writes files as a careful writer does: each appears whole. */
function restore(cluster: Cluster, files: Files): void {
  const { datastore } = cluster.site;
  mkdirSync(datastore, { recursive: true });
  for (const [name, text] of files) {
    writeFileSync(join(datastore, `${name}.new`), text);
    renameSync(join(datastore, `${name}.new`), join(datastore, name));
  }
}
