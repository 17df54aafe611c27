// What the reverse-path filter of a node drops is reported, and nothing else is: packets say which it is.

import assert from "node:assert/strict";
import { askAgent } from "../../src/cli/agent-client.ts";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { probePaths } from "../../src/demo/probe.ts";
import { type Cluster, eventually } from "../support/cluster.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, MODE_FIELD, poolsOf } from "./encap.ts";
import { onOneCluster } from "./shared-cluster.ts";

const NODES = [["alder", "birch"], ["cedar"]];
const [OFF, STRICT, LOOSE] = ["0", "1", "2"];
const [ALDER, BIRCH] = ["192.0.2.10", "192.0.2.11"];

/** Which packets get through, there and back. */
interface Passing {
  /** From pod to pod: through the tunnel, and directly. */
  readonly tunnel: boolean;
  readonly direct: boolean;
  /** From a pod of another node to alder's own address: they come by the parent device. */
  readonly toNode: boolean;
  /** From a pod of alder to another node's own address: the answers come by the tunnel. */
  readonly fromNode: boolean;
}

const ALL: Passing = { tunnel: true, direct: true, toNode: true, fromNode: true };

export function reversePathScenarios(encap: Encap): readonly Scenario[] {
  const device = DEVICE[encap];
  const off = { all: OFF, eth0: OFF, [device]: OFF };
  return onOneCluster({ pools: poolsOf(encap), nodes: NODES, podsPerNode: 1 }, [
    {
      name: "a strict reverse-path filter drops what is reported, and a loose one nothing",
      run: async (cluster) => {
        const cases: [Record<string, string>, string[], Passing][] = [
          [{}, [], ALL],
          [{ [device]: STRICT }, [device], { ...ALL, fromNode: false }],
          [{ eth0: STRICT }, ["eth0"], { ...ALL, toNode: false }],
          [{ all: STRICT }, ["eth0", device], { ...ALL, toNode: false, fromNode: false }],
          [{ all: STRICT, eth0: LOOSE, [device]: LOOSE }, [], ALL],
          [{ all: LOOSE, eth0: STRICT, [device]: STRICT }, [], ALL],
        ];
        for (const [modes, reported, passing] of cases) {
          await setModes(cluster, { ...off, ...modes });
          assert.deepEqual(await reportedDevices(cluster), reported, JSON.stringify(modes));
          assert.deepEqual(await passingOf(cluster), passing, JSON.stringify(modes));
        }
        await setModes(cluster, off);
      },
    },
    {
      name: "a strict reverse-path filter is not reported where nothing is encapsulated",
      run: async (cluster) => {
        await setPoolModes(cluster, encap, "Never");
        await setModes(cluster, { all: STRICT, eth0: OFF });
        assert.deepEqual(await reportedDevices(cluster), []);
        const { direct, toNode, fromNode } = await passingOf(cluster);
        assert.deepEqual(
          { direct, toNode, fromNode },
          { direct: true, toNode: true, fromNode: true },
        );
        await setPoolModes(cluster, encap, "Always");
        await setModes(cluster, off);
      },
    },
    {
      name: "encapsulation one way only is an error where the filter drops what comes back",
      run: async (cluster) => {
        const path = [cluster.path("alder-1", "birch-1", "cross")];
        const reaches = async (): Promise<boolean> =>
          (await probePaths(path, 500))[0]?.milliseconds !== undefined;
        const prefixes = {
          shorter: [`${ALDER}/26`, `${BIRCH}/32`],
          longer: [`${ALDER}/32`, `${BIRCH}/26`],
        };
        // alder's answers go directly and birch sends through the tunnel; then the other way round.
        for (const [where, [alder, birch]] of Object.entries(prefixes)) {
          const filtering = where === "shorter" ? device : "eth0";
          setAddress(cluster, "alder", alder);
          setAddress(cluster, "birch", birch);
          await setModes(cluster, off);
          await eventually(async () => assert.deepEqual(await oneWay(cluster), ["warning"]));
          assert.ok(await reaches());
          await setModes(cluster, { ...off, [filtering]: STRICT });
          await eventually(async () => assert.deepEqual(await oneWay(cluster), ["error"]));
          assert.ok(!(await reaches()));
          await setModes(cluster, { ...off, [filtering === "eth0" ? device : "eth0"]: STRICT });
          await eventually(async () => assert.deepEqual(await oneWay(cluster), ["warning"]));
          assert.ok(await reaches());
        }
        for (const [node, address] of [
          ["alder", ALDER],
          ["birch", BIRCH],
        ] as const) {
          setAddress(cluster, node, `${address}/26`);
        }
        await setModes(cluster, off);
        await eventually(async () => assert.deepEqual(await oneWay(cluster), []));
      },
    },
  ]);
}

/** Sets alder's filters and lets its agent look. */
async function setModes(cluster: Cluster, modes: Readonly<Record<string, string>>): Promise<void> {
  const words = Object.entries(modes).map(
    ([device, mode]) => `net/ipv4/conf/${device}/rp_filter=${mode}`,
  );
  await cluster.exec("alder", "sysctl", "-qw", ...words);
  await look(cluster);
}

/** Lets alder's agent read everything again, and waits until it has. */
async function look(cluster: Cluster): Promise<void> {
  const agent = cluster.agent("alder");
  await askAgent(agent.options.runDir, "POST", "/resync");
  await eventually(async () => (await agent.status()).state !== "syncing");
}

async function reportedDevices(cluster: Cluster): Promise<string[]> {
  const { problems } = await cluster.agent("alder").status();
  const found = problems.filter(({ reason }) => reason.startsWith("strict rp_filter"));
  for (const { hint, severity } of found) {
    assert.match(hint ?? "", /^sysctl -w net\/ipv4\/conf\/\S+\/rp_filter=2$/);
    assert.equal(severity, "warning");
  }
  return found.map(({ subject }) => subject.replace("device ", ""));
}

async function passingOf(cluster: Cluster): Promise<Passing> {
  const towards = (from: string, pool: string, target: string): EchoPath => {
    return { namespace: cluster.namespace(from), source: cluster.address(from, pool), target };
  };
  const paths: Record<keyof Passing, EchoPath> = {
    tunnel: cluster.path("alder-1", "cedar-1", "always"),
    direct: cluster.path("alder-1", "birch-1", "cross"),
    toNode: towards("birch-1", "always", ALDER),
    fromNode: towards("alder-1", "always", BIRCH),
  };
  const probes = await probePaths(Object.values(paths), 500);
  const passing = Object.keys(paths).map((name, at) => [
    name,
    probes[at]?.milliseconds !== undefined,
  ]);
  return Object.fromEntries(passing) as Passing;
}

async function oneWay(cluster: Cluster): Promise<string[]> {
  const { problems } = await cluster.agent("alder").status();
  return problems
    .filter(({ reason }) => reason.includes("one way only"))
    .map(({ severity }) => severity);
}

async function setPoolModes(cluster: Cluster, encap: Encap, mode: string): Promise<void> {
  cluster.change("IPPool", "always", { [MODE_FIELD[encap]]: mode });
  cluster.change("IPPool", "cross", {
    [MODE_FIELD[encap]]: mode === "Always" ? "CrossSubnet" : mode,
  });
  await eventually(async () => {
    const { problems } = await cluster.agent("alder").status();
    const beyond = problems.filter(({ reason }) => reason.includes("is Never"));
    assert.equal(beyond.length > 0, mode === "Never");
  });
  await look(cluster);
}

function setAddress(cluster: Cluster, node: string, address: string | undefined): void {
  const { bgp } = cluster.resource("Node", node).spec as { bgp: object };
  cluster.change("Node", node, { bgp: { ...bgp, ipv4Address: address } });
}
