/** The data path beside a real agent: what it goes by, at each step of what the kernel is told. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Config } from "../../src/config/settings.ts";
import { AgentLab } from "../support/agent-lab.ts";
import { eventually } from "../support/cluster.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { OtherProgram } from "../support/other-program.ts";
import { changes, twinIp } from "../tunnels/desired/notation.ts";
import { remoteWay } from "../tunnels/desired/packet-way.ts";
import { line } from "../tunnels/desired/random-cluster.ts";

const CLUSTER = [
  "pool p 10.0.0.0/16 vxlan",
  "node alder 192.0.2.1/24 vxlan=10.0.0.1",
  "node birch 192.0.2.2/24 vxlan=10.0.1.1",
  "node cedar 198.51.100.3/24 vxlan=10.0.2.1",
  "block 10.0.1.0/29 birch",
  "block 10.0.2.0/29 cedar",
];

function underlayKernel(): FakeKernel {
  const kernel = new FakeKernel();
  new OtherProgram(kernel).do(
    "link eth0 mtu 1500",
    "address 192.0.2.1/24 dev eth0",
    "address 2001:db8::1/64 dev eth0",
  );
  kernel.external.sysctls.set("net.ipv6.conf.all.forwarding", "0");
  return kernel;
}

let lab: AgentLab;

function start(config: Partial<Config> = { dataplane: "userspace" }): AgentLab {
  return new AgentLab(underlayKernel(), config);
}

async function tell(...lines: string[]): Promise<void> {
  lab.tell(changes(lines));
  await lab.settle();
}

function way(ip: string): string {
  return remoteWay(lab.dataPath.remoteOf(twinIp(4, ip))).replace(/ 66:.*/, "");
}

/** Destinations that the kernel sends to the TUN device. */
function tunRoutes(): { destination: string; isLed: boolean }[] {
  const { kernel, dataPath } = lab;
  return [...kernel.external.routes.values()].flatMap(({ destination, path }) => {
    if (path.device !== "tun.causeway") return [];
    const isLed = dataPath.remoteOf(destination.address) !== undefined;
    return [{ destination: `${destination}`, isLed }];
  });
}

afterEach(async () => {
  await lab.stop();
});

describe("an agent whose tunnels userspace carries", () => {
  beforeEach(async () => {
    lab = start();
    await tell(...CLUSTER);
  });

  test("has the data path go by the plan", () => {
    expect(lab.dataPath.calls).toEqual(["start", "replace"]);
    expect(way("10.0.1.7")).toBe("vxlan 192.0.2.2");
    expect(tunRoutes().map(({ destination }) => destination)).toEqual([
      "10.0.1.0/29",
      "10.0.2.0/29",
    ]);
  });

  test("leads packets somewhere at every step from tunnel to underlay and back", async () => {
    const lost: string[] = [];
    lab.kernel.onStep = () => {
      lost.push(...tunRoutes().flatMap(({ destination, isLed }) => (isLed ? [] : destination)));
    };
    await tell("pool p 10.0.0.0/16 vxlan CrossSubnet");
    expect(way("10.0.1.7")).toBe("dropped");
    await tell("pool p 10.0.0.0/16 vxlan Always");
    expect(way("10.0.1.7")).toBe("vxlan 192.0.2.2");
    await tell("-block 10.0.2.0/29 cedar", "block 10.0.3.0/29 cedar");
    expect(way("10.0.2.7")).toBe("dropped");
    expect(way("10.0.3.7")).toBe("vxlan 198.51.100.3");
    expect(lost).toEqual([]);
  });

  test("follows a change that the kernel has no part in", async () => {
    const { writeCount } = lab.kernel;
    await tell("node birch 192.0.2.77/24 vxlan=10.0.1.1");
    expect(way("10.0.1.7")).toBe("vxlan 192.0.2.77");
    expect(lab.kernel.writeCount).toBe(writeCount);
  });

  test("takes nothing out of the plan while the datastore is not whole", async () => {
    lab.tell(changes(["-block 10.0.2.0/29 cedar"]), { complete: false });
    await lab.settle();
    expect(way("10.0.2.7")).toBe("vxlan 198.51.100.3");
    lab.tell([], { complete: true });
    await lab.settle();
    expect(way("10.0.2.7")).toBe("dropped");
  });

  test("stops the data path before its device goes", async () => {
    const state: string[] = [];
    lab.kernel.onStep = (op) => {
      if (op.kind === "link") state.push(`${op.verb} ${lab.dataPath.calls.at(-1)}`);
    };
    await tell("-pool p 10.0.0.0/16");
    expect(state).toEqual(["delete stop"]);
    await tell("pool p 10.0.0.0/16 vxlan");
    expect(way("10.0.1.7")).toBe("vxlan 192.0.2.2");
  });

  test("goes on when the node address is gone for a while", async () => {
    lab.others.do("-address 192.0.2.1/24 dev eth0");
    await lab.settle();
    expect(way("10.0.1.7")).toBe("vxlan 192.0.2.2");
    expect(tunRoutes()).toHaveLength(2);
    expect(lab.agent.problems()[0]?.reason).toContain("what was made for it stays");
    lab.others.do("address 192.0.2.1/24 dev eth0");
    await lab.settle();
    expect(lab.agent.problems()).toEqual([]);
  });

  test("makes a deleted device again and goes on", async () => {
    lab.others.do("-link tun.causeway");
    await lab.settle();
    expect(tunRoutes()).toHaveLength(2);
    expect(lab.agent.reconciler.repairs.list()[0]?.what).toBe("device tun.causeway");
  });

  test("leaves device and routes in place at its end", async () => {
    await lab.stop();
    expect(lab.dataPath.calls.at(-1)).toBe("stop");
    expect(tunRoutes()).toHaveLength(2);
    const { writeCount } = lab.kernel;
    lab.start();
    await eventually(() => lab.dataPath.calls.at(-1) === "start");
    expect(lab.agent.hasList).toBe(false);
    await tell(...CLUSTER);
    expect(lab.kernel.writeCount).toBe(writeCount);
    expect(way("10.0.1.7")).toBe("vxlan 192.0.2.2");
  });

  test("tries an endpoint that is not served until it is, and tells of it", async () => {
    lab.dataPath.unservedPlans = 2;
    await tell("block 10.0.1.8/29 birch");
    expect(lab.agent.problems()).toEqual([
      {
        subject: "vxlan endpoint 192.0.2.1",
        reason: "not served: address in use",
        severity: "error",
      },
    ]);
    await eventually(() => lab.agent.problems().length === 0);
  });

  test("does not wait for a data path that does not answer", async () => {
    lab.dataPath.isStuck = true;
    await tell("block 10.0.1.8/29 birch");
    expect(tunRoutes().map(({ destination }) => destination)).toContain("10.0.1.8/29");
  });
});

test("a data path that does not start is told and tried again; the kernel's part is done", async () => {
  lab = start();
  lab.dataPath.startFailure = new Error("no engine works here");
  await tell(...CLUSTER);
  expect(tunRoutes()).toHaveLength(2);
  const [problem] = lab.agent.problems();
  expect(problem?.reason).toBe(
    "nobody takes its packets: the data path does not start: no engine works here",
  );
  lab.dataPath.startFailure = undefined;
  await eventually(() => lab.agent.problems().length === 0);
  expect(way("10.0.1.7")).toBe("vxlan 192.0.2.2");
});

test("a data path that was started early for nothing is stopped, and its device removed", async () => {
  lab = start();
  await tell(...CLUSTER);
  await lab.stop();
  lab.start();
  await tell(...CLUSTER.slice(1));
  expect(lab.dataPath.calls.slice(-2)).toEqual(["start", "stop"]);
  expect(lab.kernel.external.links.has("tun.causeway")).toBe(false);
});

test("a data path is not touched where the kernel carries everything", async () => {
  lab = start({ dataplane: "auto" });
  await tell(...CLUSTER);
  expect(lab.dataPath.calls).toEqual([]);
});

test("on any way through any clusters, a route to the data path has somewhere to lead", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 }),
      async (batches) => {
        lab = start();
        const lost = new Set<string>();
        lab.kernel.onStep = () => {
          for (const { destination, isLed } of tunRoutes()) if (!isLed) lost.add(destination);
        };
        for (const lines of [CLUSTER, ...batches]) await tell(...lines);
        await lab.stop();
        expect([...lost]).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});
