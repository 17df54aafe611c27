/** The whole way from resources to the kernel, but for the real datastore and the real kernel. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeOp } from "../../tunnels/kernel/describe-op.ts";
import { CAUSEWAY_DEVICES, isOurAddress, isOurNexthop } from "../../tunnels/kernel/ownership.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { AgentLab } from "../support/agent-lab.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { OtherProgram } from "../support/other-program.ts";
import { type KernelObject, objectsOf, printObject } from "../support/state-lines.ts";
import { changes } from "../tunnels/desired/notation.ts";
import { line } from "../tunnels/desired/random-cluster.ts";

const UNDERLAY = [
  "link eth0 mtu 1500",
  "link eth1 mtu 1400",
  "address 192.0.2.1/24 dev eth0",
  "address 2001:db8::1/64 dev eth0",
  "route 128.0.0.0/1 via 192.0.2.254 dev eth0 proto 3",
  "route 0.0.0.0/1 via 192.0.2.254 dev eth0 proto 3",
  "route ::/1 via 2001:db8::fe dev eth0 proto 3",
];
const CLUSTER = [
  "pool p 10.0.0.0/16 vxlan CrossSubnet",
  "node alder 192.0.2.1/24 vxlan=10.0.0.1",
  "node birch 192.0.2.2/24 vxlan=10.0.1.1",
  "node cedar 198.51.100.3/24 vxlan=10.0.2.1",
  "block 10.0.0.0/29 alder",
  "block 10.0.1.0/29 birch",
  "block 10.0.2.0/29 cedar",
];

function underlayKernel(hasObjects = true): FakeKernel {
  const kernel = new FakeKernel(new PathTable(), { nexthopObjects: hasObjects });
  new OtherProgram(kernel).do(...UNDERLAY);
  kernel.external.sysctls.set("net.ipv6.conf.all.forwarding", "0");
  return kernel;
}

function isOurs({ kind, object }: KernelObject): boolean {
  switch (kind) {
    case "link":
      return CAUSEWAY_DEVICES.isOurs(object.name);
    case "address":
      return isOurAddress(object, CAUSEWAY_DEVICES);
    case "nexthop":
      return isOurNexthop(object);
    case "route":
      return object.path.protocol === 202;
    case "sysctl":
      return false;
    default:
      return CAUSEWAY_DEVICES.isOurs(object.device);
  }
}

/** What of ours is in the kernel, and what is wanted there, as sorted lines. */
function held({ others }: AgentLab): string[] {
  return others.objects().filter(isOurs).map(printObject).sort();
}

function wanted({ agent, kernel }: AgentLab): string[] {
  return objectsOf(agent.overlay.desired, kernel.paths)
    .filter(({ kind }) => kind !== "sysctl")
    .map(printObject)
    .sort();
}

/** The commands since the last call. */
function commands({ kernel }: AgentLab): string[] {
  return kernel.applied.splice(0).flatMap(describeOp);
}

describe("an agent", () => {
  let lab: AgentLab;

  beforeEach(() => {
    lab = new AgentLab(underlayKernel());
  });

  afterEach(() => lab.stop());

  test("writes nothing before the first full list", async () => {
    lab.tell(changes(CLUSTER), { inSync: false });
    await lab.settle();
    expect([commands(lab), lab.readyCount]).toEqual([[], 0]);
    lab.tell([]);
    await lab.settle();
    expect(held(lab)).toEqual(wanted(lab));
    expect(held(lab)).toHaveLength(12);
    expect(lab.readyCount).toBe(1);
    expect(lab.kernel.external.sysctls.get("net.ipv4.ip_forward")).toBe("1");
  });

  test("removes nothing while the list is not whole", async () => {
    lab.tell(changes(CLUSTER));
    await lab.settle();
    const before = held(lab);
    lab.tell(changes(CLUSTER.map((one) => `-${one}`)), { complete: false });
    await lab.settle();
    expect(held(lab)).toEqual(before);
    expect(lab.agent.reconciler.countWithheld()).toBe(12);
    lab.tell([]);
    await lab.settle();
    expect(held(lab)).toEqual([]);
  });

  test("that starts on what another one left writes nothing, and takes its nexthops up", async () => {
    lab.tell(changes(CLUSTER));
    await lab.settle();
    const before = held(lab);
    await lab.stop();
    commands(lab);
    lab.start();
    lab.tell(changes([...CLUSTER].reverse()));
    await lab.settle();
    expect(commands(lab)).toEqual([]);
    expect(held(lab)).toEqual(before);
  });

  test("that ends leaves everything in place", async () => {
    lab.tell(changes(CLUSTER));
    await lab.settle();
    const before = held(lab);
    await lab.stop();
    expect(held(lab)).toEqual(before);
    lab.start();
  });

  test.each([
    [true, ["address 192.0.2.1/24 dev eth1", "-address 192.0.2.1/24 dev eth0"]],
    [true, ["-address 192.0.2.1/24 dev eth0", "address 192.0.2.1/24 dev eth1"]],
    [false, ["address 192.0.2.1/24 dev eth1", "-address 192.0.2.1/24 dev eth0"]],
  ])("moves with the node address to another link, nexthop objects: %s, %o", async (has, move) => {
    await lab.stop();
    lab = new AgentLab(underlayKernel(has));
    lab.tell(changes(CLUSTER));
    await lab.settle();
    lab.others.do(...move);
    await lab.settle();
    expect(held(lab)).toEqual(wanted(lab));
    expect(held(lab).filter((one) => one.includes("dev eth1"))).toEqual([
      expect.stringMatching(/^link vxlan.causeway mtu 1350 /),
      expect.stringMatching(/via 192.0.2.2 dev eth1 /),
    ]);
    expect(held(lab).some((one) => one.includes("eth0"))).toBe(false);
  });

  test("finds the underlay's way to a node address when a pool comes to contain it", async () => {
    lab.tell(changes([...CLUSTER, "node birch 203.0.113.9 vxlan=10.0.1.1"]));
    await lab.settle();
    const way = "route 203.0.113.9/32 via 192.0.2.254 dev eth0 proto 202";
    expect(held(lab)).not.toContain(way);
    lab.tell(changes(["pool wide 203.0.113.0/24 vxlan"]));
    await lab.settle();
    expect(held(lab)).toContain(way);
    lab.tell(changes(["-pool wide 203.0.113.0/24 vxlan"]));
    await lab.settle();
    expect(held(lab)).not.toContain(way);
  });

  test("forgets the underlay's ways with the link that they were over", async () => {
    lab.tell(changes([...CLUSTER, "node birch 203.0.113.9", "pool wide 203.0.113.0/24 vxlan"]));
    await lab.settle();
    expect(held(lab).some((one) => one.startsWith("route 203.0.113.9/32"))).toBe(true);
    lab.tell(changes(["node alder vxlan=10.0.0.1"]));
    await lab.settle();
    expect(held(lab)).toEqual(["route blackhole 10.0.0.0/29 proto 202"]);
  });

  test("follows the MTU of the link with one command", async () => {
    lab.tell(changes(CLUSTER));
    await lab.settle();
    commands(lab);
    lab.others.do("link eth0 mtu 1400");
    await lab.settle();
    expect(commands(lab)).toEqual(["ip link set vxlan.causeway mtu 1350"]);
  });

  test("gives a node's new address one nexthop and no route", async () => {
    lab.tell(changes(CLUSTER));
    await lab.settle();
    commands(lab);
    lab.tell(changes(["node birch 192.0.2.77/24 vxlan=10.0.1.1"]));
    await lab.settle();
    expect(commands(lab).sort()).toEqual([
      expect.stringMatching(/^bridge fdb replace \S+ dev vxlan.causeway dst 192.0.2.77 self/),
      expect.stringMatching(/^ip nexthop replace id \d+ via 192.0.2.77 dev eth0 onlink/),
    ]);
  });

  test("goes on when reading fails, and mends what it missed", async () => {
    lab.tell(changes(CLUSTER));
    await lab.settle();
    const before = held(lab);
    const { kernel } = lab;
    kernel.readLinks = async () => {
      delete (kernel as Partial<FakeKernel>).readLinks;
      throw new Error("dump interrupted");
    };
    lab.others.do("-link vxlan.causeway");
    await lab.settle();
    await expect.poll(() => held(lab), { timeout: 20_000 }).toEqual(before);
  });
});

test("whatever the cluster, the kernel takes what is wanted, and a restart writes nothing", async () => {
  const batches = fc.array(fc.array(line, { maxLength: 8 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), batches, async (hasObjects, steps) => {
      const lab = new AgentLab(underlayKernel(hasObjects));
      // With a record of this node from the start: without one nothing is removed.
      lab.tell(changes(["node alder 192.0.2.1/24 2001:db8::1/64"]));
      await lab.settle();
      const told = new Map<string, string>();
      try {
        for (const step of steps) {
          lab.tell(changes(step));
          for (const one of step) {
            const [change] = changes([one]);
            told.set(`${change?.kind} ${change?.name}`, one);
          }
          await lab.settle();
          expect(lab.agent.reconciler.held()).toEqual([]);
          expect(held(lab)).toEqual(wanted(lab));
        }
        await lab.stop();
        commands(lab);
        lab.start();
        lab.tell(changes(["node alder 192.0.2.1/24 2001:db8::1/64"]), { inSync: false });
        lab.tell(changes([...told.values()]));
        await lab.settle();
        expect(commands(lab)).toEqual([]);
      } finally {
        await lab.stop();
      }
    }),
    { numRuns: 100 },
  );
});
