// Nodes that join an empty cluster by themselves: real agents, real datastores, pods through the reference plugins.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkIpam } from "../support/check-ipam.ts";
import { eventually } from "../support/cluster.ts";
import {
  type EmptyCluster,
  type JoinedDatastore,
  joinedEtcd,
  joinedKubernetes,
} from "../support/joined-cluster.ts";
import { JoiningLab } from "../support/joining-lab.ts";
import { vxlanPool } from "../support/register-lab.ts";

/** What is left of the underlay's 1500 bytes by VXLAN over IPv6. */
const MTU = 1430;

describe.each<[string, () => Promise<JoinedDatastore>, number]>([
  ["etcd", joinedEtcd, 20],
  ["Kubernetes", joinedKubernetes, 20],
])("four nodes with an empty %s", (_, start, rounds) => {
  let datastore: JoinedDatastore;
  let lab: JoiningLab;

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return;
    datastore = await start();
    lab = await JoiningLab.build(datastore.port);
  });
  beforeEach((context) => {
    if (process.getuid?.() !== 0) context.skip("needs root");
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await datastore?.[Symbol.asyncDispose]();
  });

  /** Nothing in it but two pools, of eight blocks each. */
  async function emptyCluster(nodes: readonly string[] = lab.nodes): Promise<EmptyCluster> {
    const cluster = await datastore.emptyCluster(nodes);
    await cluster.store.create(vxlanPool("four", "10.244.0.0/23"));
    await cluster.store.create(vxlanPool("six", "fd00:10:244::/119"));
    return cluster;
  }

  test(`started at the same instant ${rounds} times over never claim a thing twice`, async () => {
    for (let round = 0; round < rounds; round++) {
      await using cluster = await emptyCluster();
      const { store } = cluster;
      lab.startAgents(cluster, "--register");
      const reports = await lab.joined();
      expect(await checkIpam(store)).toEqual([]);
      expect(reports.flatMap(({ conflicts }) => conflicts)).toEqual([]);
      const nodes = (await store.list("Node")).map(({ value }) => value.metadata.name);
      expect(nodes).toEqual(lab.nodes);
      expect(await store.list("IPAMBlock")).toHaveLength(8);
      await lab.stopAgents();
    }
  }, 600_000);

  test("carry their pods, through restarts and a node address that changes", async () => {
    await using cluster = await emptyCluster();
    const { store } = cluster;
    lab.startAgents(cluster);
    await lab.joined();
    await lab.addPods();
    expect(lab.pods.flatMap(({ addresses }) => addresses)).toHaveLength(16);
    await eventually(async () => expect(await lab.unreachable(MTU)).toEqual([]));

    const before = await Promise.all([store.list("Node"), store.list("IPAMBlock")]);
    for (const agent of lab.agents.values()) await agent.end("SIGKILL");
    expect(await lab.unreachable(MTU)).toEqual([]);
    for (const agent of lab.agents.values()) agent.start();
    await lab.joined();
    expect(await Promise.all([store.list("Node"), store.list("IPAMBlock")])).toEqual(before);

    const [first = ""] = lab.nodes;
    await lab.ip(first, "address", "delete", "192.0.2.10/26", "dev", "eth0");
    await lab.ip(first, "address", "add", "192.0.2.33/26", "dev", "eth0");
    await lab.ip(first, "route", "add", "default", "via", "192.0.2.1");
    await eventually(async () => {
      const node = await store.get("Node", first);
      expect(node?.value.spec["bgp"]).toMatchObject({ ipv4Address: "192.0.2.33/26" });
    });
    await lab.joined();
    await eventually(async () => expect(await lab.unreachable(MTU)).toEqual([]));
    expect(await checkIpam(store)).toEqual([]);
    await lab.deletePods();

    const last = lab.nodes.at(-1) ?? "";
    const flags = ["--datastore", cluster.datastore, ...cluster.flags, "--patience", "3"];
    const remove = () => lab.causeway(first, "node", "delete", last, ...flags);
    await expect(remove()).rejects.toThrow(`the agent of node ${last} lives; nothing is removed`);
    expect(await store.list("IPAMBlock")).toHaveLength(8);
    await lab.agent(last).end("SIGKILL");
    expect(await remove()).toMatch(
      /^node dogwood is out: its record, 2 blocks .* 2 addresses removed/,
    );
    expect(await checkIpam(store)).toEqual([]);
    expect(await store.list("IPAMBlock")).toHaveLength(6);
    await lab.agent(first).until(({ state, counts }) => state === "in sync" && counts.blocks === 6);
    await lab.stopAgents();
  }, 300_000);

  test("follow a host that gets another name, with the same blocks", async () => {
    await using cluster = await emptyCluster(["elm", "oak"]);
    const { store } = cluster;
    const [node = ""] = lab.nodes;
    await using host = lab.startHost(node, "elm", cluster, "--register");
    await eventually(async () => {
      expect(await store.list("IPAMBlock")).toHaveLength(2);
      expect((await host.status()).state).toBe("in sync");
    });
    const cidrs = async () =>
      (await store.list("IPAMBlock")).map(({ value }) => value.spec["cidr"]);
    const before = await cidrs();
    await host.rename("oak");
    await eventually(async () => {
      const { state, node: name } = await host.status();
      expect([state, name]).toEqual(["in sync", "oak"]);
    });
    const names = (await store.list("Node")).map(({ value }) => value.metadata.name);
    expect(names).toEqual(["oak"]);
    expect(await cidrs()).toEqual(before);
    expect(await checkIpam(store)).toEqual([]);
  }, 180_000);
});
