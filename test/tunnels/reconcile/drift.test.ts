/** Somebody else changes what is ours: it is mended at once, and named. */
import { beforeEach, describe, expect, test } from "vitest";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";
import { smallNode } from "./small-node.ts";

describe.each([4, 6] as const)("IPv%i", (family) => {
  const node = smallNode(family);
  const { say } = node;
  let lab: ReconcilerLab;

  beforeEach(async () => {
    lab = new ReconcilerLab();
    lab.want(...node.all);
    await lab.settle();
    lab.commands();
  });

  const neighbour = say("neighbour 10.0.1.1 on vxlan.causeway");
  const device = say("device vxlan.causeway");

  /** What another program does, and what the repair is called. */
  const DISTURBANCES: Readonly<Record<string, [lines: string[], repair: string]>> = {
    "a route deleted": [[`-${node.blackhole}`], say("route 10.0.0.0/26 deleted")],
    "a route changed in place": [
      [say("route 10.0.1.0/26 via 192.0.2.9 dev eth0 proto 202 onlink")],
      say("route 10.0.1.0/26 changed"),
    ],
    "a route added in our name": [
      [say("route 10.9.0.0/26 via 192.0.2.9 dev eth0 proto 202 onlink")],
      say("route 10.9.0.0/26 added"),
    ],
    "a neighbour deleted": [[`-${node.neighbour}`], `${neighbour} deleted`],
    "a neighbour with another MAC": [
      [say("neighbour 10.0.1.1 lladdr 66:00:00:00:00:0f dev vxlan.causeway")],
      `${neighbour} changed`,
    ],
    "an FDB entry deleted": [
      [`-${node.fdb}`],
      say("FDB entry 66:00:00:00:00:02 on vxlan.causeway deleted"),
    ],
    "an FDB entry that leads elsewhere": [
      [say("fdb 66:00:00:00:00:02 dst 192.0.2.9 dev vxlan.causeway")],
      say("FDB entry 66:00:00:00:00:02 on vxlan.causeway changed"),
    ],
    "a nexthop deleted, and its route with it": [
      [`-${node.nexthop}`],
      "nexthop 7 deleted and 1 more",
    ],
    "a nexthop that leads elsewhere": [
      [say("nexthop id 7 via 192.0.2.9 dev eth0 onlink protocol 202")],
      "nexthop 7 changed",
    ],
    "a nexthop added in our name": [
      [say("nexthop id 8 via 192.0.2.9 dev eth0 onlink protocol 202")],
      "nexthop 8 added",
    ],
    "an address added": [
      [say("address 10.0.0.9/32 dev vxlan.causeway")],
      `${say("address 10.0.0.9/32 on vxlan.causeway")} added`,
    ],
    "another MTU": [[node.link.replace("1450", "1300")], `${device} changed`],
    "another MAC of the device, which costs it its neighbours": [
      [node.link.replace("00:01", "00:0f")],
      `${device} changed and 1 more`,
    ],
    "the device deleted, and all that was on it": [
      [`-${node.link}`],
      `${device} deleted and 5 more`,
    ],
    "the device in another's shape": [
      [`-${node.link}`, node.link.replace("id 4096", "id 99")],
      `${device} changed and 6 more`,
    ],
  };

  describe.each(Object.entries(DISTURBANCES))("%s", (_, [lines, repair]) => {
    test("is mended when the kernel tells of it", async () => {
      lab.outside(...lines);
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.repairs).toEqual([repair]);
      expect(lab.failures()).toEqual([]);
    });

    test("is mended when the events were lost", async () => {
      lab.isDeaf = true;
      lab.outside(...lines);
      await lab.settle();
      expect(lab.commands()).toEqual([]);
      lab.isDeaf = false;
      lab.kernel.overrun();
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.repairs).toEqual([repair]);
    });

    test("is mended, and no repair, by an agent that starts", async () => {
      lab.isDeaf = true;
      lab.outside(...lines);
      await lab.settle();
      lab.restart();
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.repairs).toEqual([]);
    });
  });

  test("the last address deleted is put back, and the IPv4 routes that went in silence", async () => {
    lab.outside(`-${node.address}`);
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
    const others = family === 4 ? " and 1 more" : "";
    expect(lab.repairs).toEqual([
      `${say("address 10.0.0.1/32 on vxlan.causeway")} deleted${others}`,
    ]);
  });

  test("a device that is set down comes up again with all that it lost", async () => {
    lab.outside(node.link.replace("mtu", "down mtu"));
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
    expect(lab.failures()).toEqual([]);
    expect(lab.repairs.some((repair) => repair.startsWith(`${device} changed`))).toBe(true);
  });

  test("routes over a parent that is down wait for it, and for nothing else", async () => {
    lab.outside("link eth0 down mtu 1500");
    await lab.settle();
    expect(lab.holds()).not.toContain(node.direct);
    expect(lab.holds()).toContain(node.blackhole);
    expect(lab.reconciler.waitingCount).toBe(1);
    expect(lab.failures()).toEqual([]);
    lab.outside("link eth0 mtu 1500");
    await lab.settle();
    expect(lab.holds()).toContain(node.direct);
    expect(lab.reconciler.waitingCount).toBe(0);
  });

  test("an event that changes nothing costs no write", async () => {
    lab.outside(node.fdb, node.neighbour, node.nexthop, node.route, "link eth0 mtu 1400");
    await lab.settle();
    expect(lab.commands()).toEqual([]);
  });

  test("an overrun with nothing amiss costs no write", async () => {
    lab.kernel.overrun();
    await lab.settle();
    expect(lab.commands()).toEqual([]);
  });

  describe("while our own writes are under way", () => {
    /** Another program's command right after our operation on the object of that name. */
    function interfere(name: string, line: string): void {
      let isDone = false;
      lab.kernel.onStep = (op) => {
        if (isDone || lab.nameOf(op) !== name) return;
        isDone = true;
        lab.outside(line);
      };
    }

    const added = say("route 10.0.8.0/26 nhid 7 proto 202");
    const wanted = [...node.all, added].sort();

    test("a route that is deleted as soon as it is written is written again", async () => {
      interfere(say("route 10.0.8.0/26"), `-${added}`);
      lab.want(...wanted);
      await lab.settle();
      expect(lab.holds()).toEqual(wanted);
    });

    test("a route that is put back as soon as it is deleted is deleted again", async () => {
      lab.want(...wanted);
      await lab.settle();
      interfere(say("route 10.0.8.0/26"), added);
      lab.want(...node.all);
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
    });

    test("a route that is changed as soon as it is written is changed back", async () => {
      interfere(say("route 10.0.8.0/26"), added.replace("nhid 7", "via 192.0.2.3 dev eth0 onlink"));
      lab.want(...wanted);
      await lab.pass(1_000);
      expect(lab.holds()).toEqual(wanted);
    });

    test("an event from before our write is not taken for one from after it", async () => {
      lab.outside(`-${node.blackhole}`);
      // Read before the event arrives, which then comes while the route is written.
      lab.reconciler.readAgain();
      await lab.turn();
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.commands()).toHaveLength(1);
      expect(lab.failures()).toEqual([]);
    });

    test("another route that is deleted meanwhile is put back", async () => {
      interfere(say("route 10.0.8.0/26"), `-${node.blackhole}`);
      lab.want(...wanted);
      await lab.settle();
      expect(lab.holds()).toEqual(wanted);
      expect(lab.repairs).toEqual([say("route 10.0.0.0/26 deleted")]);
    });
  });
});
