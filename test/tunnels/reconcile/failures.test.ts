/** The kernel refuses: the object is kept as failing, with its reason, and all else goes on. */
import { beforeEach, describe, expect, test } from "vitest";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";
import { smallNode } from "./small-node.ts";

describe.each([4, 6] as const)("IPv%i", (family) => {
  const node = smallNode(family);
  const { say } = node;
  let lab: ReconcilerLab;

  beforeEach(() => {
    lab = new ReconcilerLab();
  });

  const without = (...lines: readonly string[]): string[] =>
    node.all.filter((line) => !lines.includes(line));

  /** Which operation is refused, and what cannot be there without its object. */
  const REFUSALS = [
    {
      verb: "add",
      name: say("device vxlan.causeway"),
      missing: [node.link, node.address, node.fdb, node.neighbour, node.nexthop, node.route],
    },
    {
      verb: "add",
      name: say("address 10.0.0.1/32 on vxlan.causeway"),
      missing: [node.address],
    },
    {
      verb: "replace",
      name: say("FDB entry 66:00:00:00:00:02 on vxlan.causeway"),
      missing: [node.fdb],
    },
    {
      verb: "replace",
      name: say("neighbour 10.0.1.1 on vxlan.causeway"),
      missing: [node.neighbour],
    },
    { verb: "add", name: "nexthop 7", missing: [node.nexthop, node.route] },
    { verb: "add", name: say("route 10.0.1.0/26"), missing: [node.route] },
  ] as const;

  describe.each(REFUSALS)("$verb of $name", ({ verb, name, missing }) => {
    const failing = `failing ${name}: the fake kernel says EBUSY`;

    test("that fails once is done at the next try", async () => {
      lab.refuse(verb, name, "EBUSY");
      lab.want(...node.all);
      await lab.settle();
      expect(lab.holds()).toEqual(without(...missing));
      expect(lab.held()).toEqual([failing]);
      expect(lab.reconciler.waitingCount).toBe(missing.length - 1);
      await lab.pass(99);
      expect(lab.holds()).toEqual(without(...missing));
      await lab.pass(1);
      expect(lab.holds()).toEqual(node.all);
      expect([lab.held(), lab.reconciler.waitingCount, lab.repairs]).toEqual([[], 0, []]);
    });

    test("that fails for long is tried at longer and longer intervals", async () => {
      lab.refuse(verb, name, "EBUSY", 1_000);
      lab.want(...node.all);
      const tries: number[] = [];
      for (let ms = 0; ms < 100_000; ms += 100) {
        await lab.settle();
        if (lab.failures().length > 0) tries.push(lab.now);
        await lab.pass(100);
      }
      expect(tries).toEqual([
        0, 100, 300, 700, 1_500, 3_100, 6_300, 12_700, 25_500, 51_100, 81_100,
      ]);
      expect(lab.held()).toEqual([failing]);
      expect(lab.reconciler.held()[0]).toMatchObject({ code: "EBUSY", since: 0, attempts: 11 });
      expect(lab.holds()).toEqual(without(...missing));
    });

    test("that failed for long begins anew with short intervals after it was done", async () => {
      lab.refuse(verb, name, "EBUSY", 5);
      lab.want(...node.all);
      await lab.pass(10_000);
      expect(lab.holds()).toEqual(node.all);
      lab.want(...without(...missing));
      await lab.settle();
      lab.refuse(verb, name, "EBUSY");
      lab.want(...node.all);
      await lab.settle();
      expect(lab.reconciler.held()[0]).toMatchObject({ attempts: 1, dueAt: lab.now + 100 });
    });

    test("that fails and is wanted otherwise is tried at once", async () => {
      lab.refuse(verb, name, "EBUSY", 3);
      lab.want(...node.all);
      await lab.pass(350);
      lab.want(...without(...missing));
      await lab.settle();
      expect(lab.held()).toEqual([]);
      lab.want(...node.all);
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
    });
  });

  test("a removal that fails is kept as failing, and tried again", async () => {
    lab.want(...node.all);
    await lab.settle();
    lab.refuse("delete", say("route 10.0.0.0/26"), "EBUSY", 2);
    lab.want(...without(node.blackhole));
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
    expect(lab.held()).toEqual([`failing ${say("route 10.0.0.0/26")}: the fake kernel says EBUSY`]);
    await lab.pass(300);
    expect(lab.holds()).toEqual(without(node.blackhole));
    expect(lab.held()).toEqual([]);
  });

  test("a removal that failed and is not due any more fails no more", async () => {
    lab.want(...node.all);
    await lab.settle();
    lab.refuse("delete", say("route 10.0.0.0/26"), "EBUSY");
    lab.want(...without(node.blackhole));
    await lab.settle();
    lab.want(...node.all);
    await lab.settle();
    expect(lab.held()).toEqual([]);
    expect(lab.holds()).toEqual(node.all);
  });

  test("a device that cannot be made again stays failing until it can, and then is whole", async () => {
    lab.want(...node.all);
    await lab.settle();
    lab.refuse("add", say("device vxlan.causeway"), "EBUSY", 2);
    const link = node.link.replace("id 4096", "id 4097");
    const wanted = [...without(node.link), link].sort();
    lab.want(...wanted);
    await lab.settle();
    expect(lab.holds()).toEqual([node.blackhole, node.direct].sort());
    await lab.pass(300);
    expect(lab.holds()).toEqual(wanted);
  });

  test("a device that cannot go stays as it is, with all that is on it", async () => {
    lab.want(...node.all);
    await lab.settle();
    lab.refuse("delete", say("device vxlan.causeway"), "EBUSY", 2);
    const link = node.link.replace("id 4096", "id 4097");
    lab.want(...[...without(node.link), link]);
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
    await lab.pass(300);
    expect(lab.holds()).toEqual([...without(node.link), link].sort());
    expect(lab.held()).toEqual([]);
  });

  test("another's nexthop object with our number stays, and no route is sent over it", async () => {
    const theirs = say("nexthop id 7 via 192.0.2.66 dev eth0 onlink protocol 3");
    lab.outside(theirs);
    lab.want(...node.all);
    await lab.settle();
    expect(lab.holds()).toEqual([...without(node.nexthop, node.route), theirs].sort());
    expect(lab.held()).toEqual(["failing nexthop 7: the fake kernel says EEXIST"]);
    expect(lab.reconciler.waitingCount).toBe(1);
    lab.outside(`-${theirs}`);
    await lab.pass(30_000);
    expect(lab.holds()).toEqual(node.all);
    expect(lab.held()).toEqual([]);
  });

  test("a nexthop object that another program puts under a number of ours is replaced", async () => {
    const ours = node.nexthop.replace("id 7", "id 3388997633");
    const wanted = [
      ...without(node.nexthop, node.route),
      ours,
      node.route.replace("7", "3388997633"),
    ];
    lab.want(...wanted);
    await lab.settle();
    lab.outside(say("nexthop id 3388997633 via 192.0.2.66 dev eth0 onlink protocol 0"));
    await lab.settle();
    expect(lab.holds()).toEqual(wanted.sort());
    expect(lab.repairs).toEqual(["nexthop 3388997633 changed"]);
  });

  test("an overrun of our own socket has everything read again", async () => {
    lab.want(...node.all);
    await lab.settle();
    lab.isDeaf = true;
    lab.outside(`-${node.fdb}`, `-${node.blackhole}`);
    await lab.settle();
    lab.isDeaf = false;
    lab.refuse("add", say("route 10.0.8.0/26"), "ENOBUFS");
    const added = say("route 10.0.8.0/26 nhid 7 proto 202");
    lab.want(...node.all, added);
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
    await lab.pass(100);
    expect(lab.holds()).toEqual([...node.all, added].sort());
  });

  test.each([
    ["EEXIST", "add"],
    ["ENODEV", "add"],
  ] as const)(
    "%s for a route has the routes read again, nothing else, and is tried at once",
    async (code, verb) => {
      lab.want(...node.all);
      await lab.settle();
      lab.isDeaf = true;
      lab.outside(`-${node.fdb}`, `-${node.blackhole}`);
      await lab.settle();
      lab.isDeaf = false;
      lab.refuse(verb, say("route 10.0.8.0/26"), code);
      const added = say("route 10.0.8.0/26 nhid 7 proto 202");
      lab.want(...node.all, added);
      await lab.settle();
      expect(lab.holds()).toEqual([...without(node.fdb), added].sort());
    },
  );

  test.each(["readLinks", "readRoutes", "readNexthops", "readFdb"] as const)(
    "a %s that fails leaves nothing undone when everything is read again",
    async (method) => {
      lab.want(...node.all);
      await lab.settle();
      lab.outside(`-${node.link}`);
      const { kernel } = lab;
      kernel[method] = async () => {
        delete (kernel as Partial<typeof kernel>)[method];
        throw new Error("dump interrupted");
      };
      await expect(lab.settle()).rejects.toThrow("dump interrupted");
      lab.reconciler.readAgain();
      await lab.settle();
      expect(lab.holds()).toEqual(node.all);
    },
  );

  describe("another program that keeps undoing our work", () => {
    const name = say("route 10.0.0.0/26");

    beforeEach(async () => {
      lab.want(...node.all);
      await lab.settle();
    });

    /** Deletes the route as soon as it is there, for some time; counts how often. */
    async function fight(milliseconds: number): Promise<number> {
      let deletions = 0;
      for (const end = lab.now + milliseconds; lab.now < end; ) {
        if (lab.holds().includes(node.blackhole)) {
          lab.outside(`-${node.blackhole}`);
          deletions++;
        }
        await lab.pass(100);
      }
      return deletions;
    }

    test("is answered at once a few times, then slower and slower, and reported", async () => {
      expect(await fight(400)).toBe(4);
      expect(lab.fights).toEqual([]);
      expect(await fight(100)).toBe(1);
      expect(lab.fights).toEqual([`${name} deleted`]);
      expect(lab.held()).toEqual([`fight ${name}: deleted`]);
      // 1, 2, 4, 8, 16, 32 and then 60 seconds.
      expect(await fight(62_000)).toBe(6);
      expect(await fight(600_000)).toBe(10);
      expect(lab.held()).toEqual([`fight ${name}: deleted`]);
    });

    test("holds up nothing else", async () => {
      await fight(2_000);
      expect(lab.holds()).toEqual(without(node.blackhole));
      lab.outside(`-${node.direct}`);
      await lab.settle();
      expect(lab.holds()).toEqual(without(node.blackhole));
      expect(lab.repairs.at(-1)).toBe(say("route 10.0.3.0/26 deleted"));
    });

    test("does not hold up what is wanted anew", async () => {
      await fight(2_000);
      const moved = say("route 10.0.0.0/26 nhid 7 proto 202");
      lab.want(...without(node.blackhole), moved);
      await lab.settle();
      expect(lab.holds()).toContain(moved);
    });

    test("is forgotten when it has kept the peace for five minutes", async () => {
      await fight(20_000);
      await lab.pass(60_000);
      expect(lab.holds()).toEqual(node.all);
      expect(lab.held()).toEqual([]);
      await lab.pass(300_000);
      const before = lab.fights.length;
      expect(await fight(400)).toBe(4);
      expect(lab.fights).toHaveLength(before);
      expect(lab.holds()).toEqual(node.all);
    });

    test("leaves no memory of what failed before and was done", async () => {
      await fight(100);
      for (let times = 0; times < 2; times++) {
        lab.refuse("add", name, "EBUSY", 3);
        lab.outside(`-${node.blackhole}`);
        await lab.settle();
        expect(lab.reconciler.held()[0]).toMatchObject({ attempts: 1, since: lab.now });
        await lab.pass(1_000);
        expect(lab.holds()).toEqual(node.all);
      }
    });

    test("is none if the kernel refused between two repairs", async () => {
      await fight(100);
      lab.refuse("add", name, "EBUSY");
      lab.outside(`-${node.blackhole}`);
      await lab.pass(1_000);
      await fight(100);
      expect(lab.fights).toEqual([]);
      expect(lab.holds()).toEqual(node.all);
    });
  });
});
