/** An agent that registers its node, with a datastore that shows what it wrote. */
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import type { Config } from "../../../src/config/settings.ts";
import { readRecord } from "../../../src/datastore/record.ts";
import type { RecordKind, RecordValue } from "../../../src/datastore/record-store.ts";
import { buildStatus } from "../../../src/observe/build-status.ts";
import { releaseAddresses } from "../../../src/register/own-addresses.ts";
import { releaseBlock } from "../../../src/register/own-blocks.ts";
import { Registrar } from "../../../src/register/registrar.ts";
import { answersRollCall } from "../../../src/register/roll-call.ts";
import type { ResourceChange, ResourceKind } from "../../../tunnels/model/snapshot.ts";
import { AgentLab } from "../../support/agent-lab.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";
import type { SharedRecords } from "../../support/memory-record-store.ts";
import { OtherProgram } from "../../support/other-program.ts";
import { records, register, vxlanPool } from "../../support/register-lab.ts";

const POOL = vxlanPool("a", "10.244.0.0/16");

const labs: AgentLab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.stop();
});

const followed: readonly RecordKind[] = ["Node", "IPPool", "IPAMBlock"];

function changeOf(kind: RecordKind, name: string, value?: RecordValue): ResourceChange {
  const resource = value && readRecord(value).resource;
  return { kind: kind as ResourceKind, name, resource };
}

function agent(shared: SharedRecords, config: Partial<Config> = {}): AgentLab {
  const kernel = new FakeKernel();
  new OtherProgram(kernel).do(
    "link eth0 mtu 1500",
    "link eth1 mtu 1500",
    "address 192.0.2.1/24 dev eth0",
    "address 203.0.113.1/24 dev eth1",
    "route 0.0.0.0/0 via 192.0.2.254 dev eth0 proto 3",
  );
  const { node = "alder", register: asked, nodeAddress: wish = {} } = config;
  const log = pino({ level: "silent" });
  const lab = new AgentLab(kernel, config, () => {
    return new Registrar({ store: shared.open(), node, machine: "m", asked, wish, kernel, log });
  });
  labs.push(lab);
  const all = followed.flatMap((kind) => shared.all(kind));
  lab.tell(all.map(({ value }) => changeOf(value.kind, value.metadata.name, value)));
  shared.onWrite = (kind, name, value) => {
    if (followed.includes(kind)) lab.tell([changeOf(kind, name, value)]);
  };
  return lab;
}

/** Until the agent says so. */
async function until(claim: () => unknown): Promise<void> {
  for (const end = Date.now() + 20_000; !claim(); await sleep(5)) {
    if (Date.now() > end) throw new Error(`not true: ${claim}`);
  }
}

const nodeSpec = (shared: SharedRecords) => shared.get("Node", "alder")?.value.spec as never;
const problems = ({ agent: one }: AgentLab): string[] =>
  one.problems().map(({ subject, reason }) => `${subject}: ${reason}`);

test("an agent registers its node and has the overlay it registered", async () => {
  const shared = records(POOL);
  const lab = agent(shared);
  await until(() => lab.readyCount > 0 && lab.agent.problems().length === 0);
  expect(await checkIpam(shared.open())).toEqual([]);
  const { ipv4VXLANTunnelAddr: tunnel } = nodeSpec(shared);
  expect(lab.others.holds()).toContain(`address ${tunnel}/32 dev vxlan.causeway`);
  const context = { agent: lab.agent, kernel: lab.kernel, node: "alder", datastoreUrl: "told:" };
  expect(buildStatus(context).registration).toEqual({
    on: true,
    why: "because nobody else registers nodes here",
    addresses: [{ address: "192.0.2.1/24", how: "the default route through eth0" }],
    blocks: [expect.stringMatching(/^10\.244\..*\/26$/)],
  });
});

test("an agent writes nothing into a datastore that has lost data, until that is settled", async () => {
  const shared = records(POOL);
  const lab = agent(shared);
  lab.tell([], { lost: 2 });
  await until(() => lab.readyCount > 0 || lab.agent.isIdle);
  await sleep(50);
  expect(shared.get("Node", "alder")).toBeUndefined();
  lab.tell([], { lost: 0 });
  await until(() => shared.get("Node", "alder") !== undefined);
});

test("an agent corrects its record when its address changes, and the parent follows", async () => {
  const shared = records(POOL);
  const lab = agent(shared);
  await until(() => lab.agent.isIdle && lab.agent.problems().length === 0);
  // The last address of a link takes its routes along.
  lab.others.do("-address 192.0.2.1/24 dev eth0", "address 192.0.2.77/24 dev eth0");
  const isLacking = /^no IPv4 address to register/;
  await until(() => lab.agent.problems().some(({ reason }) => isLacking.test(reason)));
  expect(nodeSpec(shared)["bgp"]["ipv4Address"]).toBe("192.0.2.1/24");
  lab.others.do("route 0.0.0.0/0 via 192.0.2.254 dev eth0 proto 3");
  await until(() => nodeSpec(shared)["bgp"]["ipv4Address"] === "192.0.2.77/24");
  await until(() => lab.others.holds().some((line) => /^link vxlan.*local 192.0.2.77/.test(line)));
});

test("an agent keeps registering what somebody else takes away or changes", async () => {
  const shared = records(POOL);
  const lab = agent(shared);
  await until(() => lab.agent.isIdle && lab.agent.problems().length === 0);
  const before = shared.get("Node", "alder");
  shared.remove("Node", "alder", before?.revision ?? "");
  await until(() => shared.get("Node", "alder") !== undefined);
  expect(nodeSpec(shared)).toEqual(before?.value.spec);
});

test("an agent says what it lacks while a pool is full, and takes a block that comes free", async () => {
  const shared = records(vxlanPool("a", "10.244.0.0/26"));
  await register(shared.open(), "birch", "192.0.2.2/24");
  const lab = agent(shared, { register: true });
  await until(() => problems(lab).some((line) => line.includes("is left for this node")));
  const store = shared.open();
  await releaseAddresses(store, "10.244.0.0/26", "vxlan-tunnel-addr-birch", new Map());
  await releaseBlock(store, "birch", parseCidr("10.244.0.0/26"));
  await until(() => problems(lab).every((line) => !line.includes("is left")));
  expect(nodeSpec(shared)["ipv4VXLANTunnelAddr"]).toBe("10.244.0.0");
});

test("an agent waits for a datastore that cannot be reached, and says so", async () => {
  const shared = records(POOL);
  shared.isDown = true;
  const lab = agent(shared);
  await until(() =>
    problems(lab).includes("node alder: not registered: memory: the call was lost"),
  );
  shared.isDown = false;
  await until(() => lab.agent.problems().length === 0 && shared.get("Node", "alder"));
});

describe("an agent that is not told whether to register", () => {
  const decisionOf = async (shared: SharedRecords, config: Partial<Config> = {}) => {
    const lab = agent(shared, config);
    await until(() => lab.agent.registrar?.decision);
    return lab.agent.registrar?.decision;
  };
  const node = (name: string, spec: Readonly<Record<string, unknown>>): RecordValue => {
    return { apiVersion: "projectcalico.org/v3", kind: "Node", metadata: { name }, spec };
  };

  test("does where agents of its kind do", async () => {
    const shared = records(POOL);
    await register(shared.open(), "birch", "192.0.2.2/24");
    expect((await decisionOf(shared))?.on).toBe(true);
  });

  test("does where other records say nothing of an address", async () => {
    expect((await decisionOf(records(POOL, node("birch", { orchRefs: [] }))))?.on).toBe(true);
  });

  test("does not where somebody else registers nodes", async () => {
    const shared = records(POOL, node("birch", { bgp: { ipv4Address: "192.0.2.2/24" } }));
    const { writes } = shared;
    expect(await decisionOf(shared)).toEqual({
      on: false,
      why: "another program, or somebody by hand, registers nodes: birch",
    });
    expect(shared.writes).toBe(writes);
  });

  test("does not where somebody else wrote its record", async () => {
    const shared = records(POOL, node("alder", { bgp: { ipv4Address: "192.0.2.1/24" } }));
    expect((await decisionOf(shared))?.on).toBe(false);
  });

  test("does not where the blocks are podCIDRs, which its first block would put out of force", async () => {
    const shared = records(POOL, {
      ...node("birch", {}),
      status: { podCIDRs: ["10.99.1.0/24"] },
    });
    expect((await decisionOf(shared))?.on).toBe(false);
    await register(shared.open(), "cedar", "192.0.2.3/24");
    expect((await decisionOf(shared))?.on).toBe(true);
  });

  test("and does where it is told to", async () => {
    const shared = records(POOL, node("alder", { bgp: { ipv4Address: "192.0.2.9/24" } }));
    expect((await decisionOf(shared, { register: true }))?.on).toBe(true);
    await until(() => nodeSpec(shared)["bgp"]["ipv4Address"] === "192.0.2.1/24");
  });
});

test("an agent answers who asks whether it lives, and one that is stopped does not", async () => {
  const shared = records(POOL);
  const lab = agent(shared);
  await until(() => lab.agent.isIdle && lab.agent.problems().length === 0);
  expect(await answersRollCall(shared.open(), "alder", 20_000)).toBe(true);
  await lab.stop();
  expect(await answersRollCall(shared.open(), "alder", 300)).toBe(false);
  lab.start();
});

test("an agent whose name another machine has says so, and does not ask again and again", async () => {
  const shared = records(POOL);
  await register(shared.open(), "alder", "192.0.2.2/24");
  const before = shared.get("Node", "alder");
  const lab = agent(shared);
  const { onWrite } = shared;
  let asked = 0;
  shared.onWrite = (kind, name, value) => {
    onWrite(kind, name, value);
    if (value?.metadata.annotations?.["causeway/roll-call"] === undefined) return;
    asked++;
    queueMicrotask(() => {
      shared.write(before?.value as RecordValue, shared.get("Node", "alder")?.revision);
    });
  };
  await until(() => problems(lab).some((line) => line.includes("registered under this name")));
  await sleep(1_000);
  expect(asked).toBe(1);
  expect(nodeSpec(shared)["bgp"]["ipv4Address"]).toBe("192.0.2.2/24");
});

test("an agent takes the address that its settings name, also when they change", async () => {
  const shared = records(POOL);
  const lab = agent(shared, { nodeAddress: { interfaces: /^eth1$/ } });
  await until(() => nodeSpec(shared)?.["bgp"]?.["ipv4Address"] === "203.0.113.1/24");
  lab.agent.registrar?.reconfigure({});
  await until(() => nodeSpec(shared)["bgp"]["ipv4Address"] === "192.0.2.1/24");
});
