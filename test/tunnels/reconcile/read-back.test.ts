/** What a read-back may believe of a dump. */
import { expect, test } from "vitest";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";
import { smallNode } from "./small-node.ts";

const node = smallNode(4);

async function settledLab(): Promise<ReconcilerLab> {
  const lab = new ReconcilerLab();
  lab.want(...node.all);
  await lab.settle();
  lab.commands();
  return lab;
}

test("an FDB entry that one dump leaves out is not written again", async () => {
  const lab = await settledLab();
  const { kernel } = lab;
  const read = kernel.readFdb.bind(kernel);
  let dumps = 0;
  kernel.readFdb = async (devices) => (dumps++ === 0 ? new Map() : read(devices));
  lab.reconciler.readAgain();
  await lab.settle();
  expect(lab.commands()).toEqual([]);
  expect(dumps).toBe(2);
});

test("an FDB entry that two dumps leave out is written again", async () => {
  const lab = await settledLab();
  lab.isDeaf = true;
  lab.outside(`-${node.fdb}`);
  await lab.settle();
  lab.reconciler.readAgain();
  await lab.settle();
  expect(lab.holds()).toEqual(node.all);
});

test("a kernel without IPv6 is not asked for IPv6 routes", async () => {
  const lab = new ReconcilerLab({ features: { ipv6: false } });
  const { kernel } = lab;
  const families: number[] = [];
  const read = kernel.readRoutes.bind(kernel);
  kernel.readRoutes = (family, visitor) => {
    families.push(family);
    return read(family, visitor);
  };
  lab.want(...node.all);
  await lab.settle();
  expect(new Set(families)).toEqual(new Set([4]));
  expect(lab.holds()).toEqual(node.all);
});

test("the neighbours and FDB entries of devices that are not ours are not read", async () => {
  const lab = new ReconcilerLab();
  lab.outside(
    "link vxlan.calico mtu 1450 id 77 port 4790",
    "neighbour 10.0.1.1 lladdr 66:00:00:00:00:02 dev vxlan.calico",
    "fdb 66:00:00:00:00:02 dst 192.0.2.2 dev vxlan.calico",
  );
  const before = lab.holds();
  lab.want();
  await lab.settle();
  expect(lab.reconciler.actual.neighbours.size + lab.reconciler.actual.fdb.size).toBe(0);
  expect(lab.holds()).toEqual(before);
});

test("another's route is found at a destination that is wanted later than it was read", async () => {
  const lab = await settledLab();
  lab.outside("route 10.0.8.0/26 via 192.0.2.254 dev eth0 proto 80");
  for (let times = 0; times < 3; times++) {
    lab.reconciler.readAgain();
    await lab.settle();
  }
  const wanted = [...node.all, "route 10.0.8.0/26 nhid 7 proto 202"].sort();
  lab.want(...wanted);
  await lab.settle();
  expect(lab.holds()).toEqual(wanted);
  expect(lab.takenOver).toEqual(["10.0.8.0/26 of protocol 80"]);
});

test("a read-back of the routes leaves its length", async () => {
  const lab = await settledLab();
  const read = lab.kernel.routesFingerprint.bind(lab.kernel);
  lab.kernel.routesFingerprint = async (family) => {
    lab.now += 20;
    return read(family);
  };
  for (let times = 0; times < 2; times++) {
    lab.reconciler.readAgain();
    await lab.settle();
  }
  expect(lab.reconciler.lastReadBack).toEqual({ routes: 3, milliseconds: 40 });
});
