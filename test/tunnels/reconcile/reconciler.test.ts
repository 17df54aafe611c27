/** What is wanted, and what becomes of what is there already. */
import { beforeEach, describe, expect, test } from "vitest";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";
import { smallNode } from "./small-node.ts";

describe.each([4, 6] as const)("IPv%i", (family) => {
  const node = smallNode(family);
  const { say } = node;
  const ip = family === 6 ? "ip -6" : "ip";
  let lab: ReconcilerLab;

  beforeEach(() => {
    lab = new ReconcilerLab();
  });

  /** The lab's kernel holds the node's objects and these, and nobody remembers how. */
  async function settled(...more: readonly string[]): Promise<void> {
    lab.want(...node.all, ...more);
    await lab.settle();
    lab.commands();
  }

  test("everything is made in the order in which it is needed", async () => {
    lab.want(...node.all);
    await lab.settle();
    const commands = lab.commands();
    expect(commands.slice(0, 6)).toEqual([
      say(
        "ip link add vxlan.causeway address 66:00:00:00:00:01 mtu 1450 type vxlan id 4096 " +
          "local 192.0.2.1 dev eth0 dstport 4789 nolearning",
      ),
      say("ip link set vxlan.causeway up"),
      `${say("ip address add 10.0.0.1/32 dev vxlan.causeway")}${family === 6 ? " nodad" : ""}`,
      say("bridge fdb replace 66:00:00:00:00:02 dev vxlan.causeway dst 192.0.2.2 self permanent"),
      say(
        "ip neighbour replace 10.0.1.1 lladdr 66:00:00:00:00:02 dev vxlan.causeway " +
          "nud permanent protocol 202",
      ),
      say("ip nexthop add id 7 via 10.0.1.1 dev vxlan.causeway onlink protocol 202"),
    ]);
    expect(new Set(commands.slice(6))).toEqual(
      new Set([
        say(`${ip} route add 10.0.1.0/26 nhid 7 proto 202`),
        say(`${ip} route add 10.0.3.0/26 via 192.0.2.3 dev eth0 proto 202 onlink`),
        say(`${ip} route add blackhole 10.0.0.0/26 proto 202`),
      ]),
    );
    expect(lab.holds()).toEqual(node.all);
    expect(lab.repairs).toEqual([]);
  });

  test("what is no longer wanted goes the other way round", async () => {
    await settled();
    lab.want();
    await lab.settle();
    const commands = lab.commands();
    expect(commands.slice(0, 3).every((line) => line.startsWith(`${ip} route delete`))).toBe(true);
    expect(commands.slice(3)).toEqual([
      "ip nexthop delete id 7",
      say("ip neighbour delete 10.0.1.1 dev vxlan.causeway"),
      say("bridge fdb delete 66:00:00:00:00:02 dev vxlan.causeway dst 192.0.2.2 self"),
      say("ip address delete 10.0.0.1/32 dev vxlan.causeway"),
      say("ip link delete vxlan.causeway"),
    ]);
    expect(lab.holds()).toEqual([]);
  });

  test("a restart with nothing to change writes nothing", async () => {
    await settled();
    lab.restart();
    await lab.settle();
    expect(lab.commands()).toEqual([]);
  });

  test("what is wanted otherwise for a while, and looked at by nobody, is not written", async () => {
    await settled();
    lab.want();
    lab.want(...node.all);
    await lab.settle();
    expect(lab.commands()).toEqual([]);
  });

  test("what another program deletes and puts back before anybody looks is not written", async () => {
    await settled();
    for (const line of [node.direct, node.blackhole, node.fdb, node.neighbour]) {
      lab.outside(`-${line}`, line);
    }
    await lab.settle();
    expect(lab.commands()).toEqual([]);
    expect(lab.repairs).toEqual([]);
  });

  test("a route that leads elsewhere is replaced, never deleted", async () => {
    await settled();
    const moved = say("route 10.0.1.0/26 via 192.0.2.3 dev eth0 proto 202 onlink");
    lab.want(...node.all.filter((line) => line !== node.route), moved);
    await lab.settle();
    expect(lab.commands()).toEqual([
      say(`${ip} route replace 10.0.1.0/26 via 192.0.2.3 dev eth0 proto 202 onlink`),
    ]);
  });

  test("a node with another address is one nexthop, whatever its routes", async () => {
    const more = [1, 2, 3].map((at) => say(`route 10.4.${at}.0/26 nhid 7 proto 202`));
    await settled(...more);
    const nexthop = say("nexthop id 7 via 10.0.1.9 dev vxlan.causeway onlink protocol 202");
    lab.want(...node.all.filter((line) => line !== node.nexthop), ...more, nexthop);
    await lab.settle();
    expect(lab.commands()).toEqual([
      say("ip nexthop replace id 7 via 10.0.1.9 dev vxlan.causeway onlink protocol 202"),
    ]);
  });

  test("a parameter that the kernel changes in place is changed in place", async () => {
    await settled();
    const link = node.link.replace("mtu 1450", "mtu 1400");
    lab.want(...node.all.filter((line) => line !== node.link), link);
    await lab.settle();
    expect(lab.commands()).toEqual([say("ip link set vxlan.causeway mtu 1400")]);
  });

  test("a device that is wanted with another VNI is made again, and all on it", async () => {
    await settled();
    const link = node.link.replace("id 4096", "id 4097");
    const wanted = [...node.all.filter((line) => line !== node.link), link];
    lab.want(...wanted);
    await lab.turn();
    expect(lab.holds()).toEqual(wanted.sort());
    const commands = lab.commands();
    expect(commands[0]).toMatch(/^ip (-6 )?route delete /);
    expect(commands[1]).toBe(say("ip link delete vxlan.causeway"));
    expect(commands).toHaveLength(9);
  });

  test("a device of ours with parameters of another's liking is adopted and corrected", async () => {
    lab.outside(node.link.replace("mtu 1450", "down mtu 1000"), node.address);
    lab.want(...node.all);
    await lab.settle();
    expect(lab.commands()[0]).toBe(say("ip link set vxlan.causeway mtu 1450 up"));
    expect(lab.holds()).toEqual(node.all);
  });

  test("on our device only link-local and passing neighbours stay beside what is wanted", async () => {
    await settled();
    const kept = [
      say("neighbour 10.0.1.8 lladdr 66:00:00:00:00:08 dev vxlan.causeway dynamic"),
      say("address fe80::1/64 dev vxlan.causeway"),
    ];
    lab.outside(
      ...kept,
      say("address 169.254.7.7/16 dev vxlan.causeway"),
      say("neighbour 10.0.1.9 lladdr 66:00:00:00:00:09 dev vxlan.causeway"),
      say("fdb 66:00:00:00:00:09 dst 192.0.2.9 dev vxlan.causeway"),
    );
    await lab.settle();
    expect(lab.holds()).toEqual([...node.all, ...kept].sort());
  });

  test("two tunnel addresses can have one MAC, and two MACs one node", async () => {
    const more = [
      say("neighbour 10.0.1.2 lladdr 66:00:00:00:00:02 dev vxlan.causeway"),
      say("fdb 66:00:00:00:00:03 dst 192.0.2.2 dev vxlan.causeway"),
    ];
    await settled(...more);
    lab.restart();
    await lab.settle();
    expect(lab.commands()).toEqual([]);
    expect(lab.holds()).toEqual([...node.all, ...more].sort());
  });

  test("nothing is removed while that is not allowed, and what is due is counted", async () => {
    await settled();
    lab.mayRemove = false;
    const added = say("route 10.0.5.0/26 nhid 7 proto 202");
    lab.want(node.link, node.address, node.nexthop, added);
    await lab.settle();
    expect(lab.commands()).toEqual([say(`${ip} route add 10.0.5.0/26 nhid 7 proto 202`)]);
    expect(lab.reconciler.countWithheld()).toBe(5);
    lab.restart();
    lab.mayRemove = false;
    await lab.settle();
    expect(lab.commands()).toEqual([]);
    lab.mayRemove = true;
    expect(lab.reconciler.countWithheld()).toBe(0);
    await lab.settle();
    expect(lab.holds()).toEqual([node.link, node.address, node.nexthop, added].sort());
  });

  describe("routes of others", () => {
    const foreign = say("route 10.0.1.0/26 via 192.0.2.254 dev eth0 proto 80 onlink");

    test("are left alone away from our destinations and metric", async () => {
      const others = [
        say("route 10.0.1.0/26 via 192.0.2.254 dev eth0 proto 80 onlink metric 77"),
        say("route 10.0.1.0/27 via 192.0.2.254 dev eth0 proto 80 onlink"),
        say("route 10.0.0.0/8 via 192.0.2.254 dev eth0 proto 4 onlink"),
      ];
      lab.outside(...others);
      await settled();
      expect(lab.holds()).toEqual([...node.all, ...others].sort());
      lab.want();
      await lab.settle();
      expect(lab.holds()).toEqual([...others].sort());
    });

    test("are taken over at exactly our destination, and named", async () => {
      lab.outside(foreign);
      lab.want(...node.all);
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.commands()).toContain(say(`${ip} route replace 10.0.1.0/26 nhid 7 proto 202`));
      expect(lab.takenOver).toEqual([say("10.0.1.0/26 of protocol 80")]);
    });

    test("that replace ours later are taken over as well", async () => {
      await settled();
      lab.outside(foreign);
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.takenOver).toEqual([say("10.0.1.0/26 of protocol 80")]);
      expect(lab.repairs).toEqual([say("route 10.0.1.0/26 taken over")]);
    });

    test("stay where taking over is turned off, and make room when they go", async () => {
      lab = new ReconcilerLab({ takeOver: false });
      lab.outside(foreign);
      lab.want(...node.all);
      await lab.settle();
      expect(lab.holds()).toContain(foreign);
      expect(lab.holds()).not.toContain(node.route);
      expect(lab.reconciler.foreign[family].size).toBe(1);
      expect([lab.failures(), lab.takenOver]).toEqual([[], []]);
      lab.outside(`-${foreign}`);
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
      expect(lab.reconciler.foreign[family].size).toBe(0);
    });

    test("that nobody wants the place of any more are left in it", async () => {
      lab = new ReconcilerLab({ takeOver: false });
      lab.outside(foreign);
      lab.want(...node.all);
      await lab.settle();
      lab.want();
      await lab.settle();
      expect(lab.holds()).toEqual([foreign]);
    });
  });
});
