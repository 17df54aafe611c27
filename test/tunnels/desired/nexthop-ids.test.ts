import { expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { NexthopIds, type WantedNexthop } from "../../../tunnels/desired/nexthop-ids.ts";
import type { Nexthop } from "../../../tunnels/kernel/kernel-state.ts";
import { isOurNexthopId } from "../../../tunnels/kernel/ownership.ts";

function nexthop(gateway: string, protocol = 202, device = "vxlan.causeway"): Omit<Nexthop, "id"> {
  const ip = parseIp(gateway);
  return { family: ip.family, device, gateway: ip, onlink: true, protocol };
}

function kernel(...objects: readonly [id: number, nexthop: Omit<Nexthop, "id">][]) {
  return new Map(objects.map(([id, object]) => [id, { id, ...object }]));
}

const BIRCH: WantedNexthop = { node: "birch", role: "vxlan", nexthop: nexthop("10.0.1.1") };
const CEDAR: WantedNexthop = { node: "cedar", role: "vxlan", nexthop: nexthop("10.0.2.1") };
/** What a process that finds nothing gives birch, and every other such process. */
const OF_BIRCH = new NexthopIds().idOf("birch", "vxlan");

test("idOf follows from node and role, and stays", () => {
  const ids = new NexthopIds();
  const roles = ["vxlan", "vxlan6", "ipip", "direct", "direct6"] as const;
  const given = ["birch", "cedar"].flatMap((node) => roles.map((role) => ids.idOf(node, role)));
  expect(new Set(given).size).toBe(10);
  expect(given.every(isOurNexthopId)).toBe(true);
  expect(ids.idOf("birch", "vxlan")).toBe(OF_BIRCH);
  const other = new NexthopIds();
  expect(["birch", "cedar"].flatMap((node) => roles.map((role) => other.idOf(node, role)))).toEqual(
    given,
  );
});

test("idOf never gives a number twice, among more nodes than meet by chance", () => {
  const ids = new NexthopIds();
  const given = new Set<number>();
  for (let at = 0; at < 20_000; at++) given.add(ids.idOf(`node-${at}`, "vxlan"));
  expect(given.size).toBe(20_000);
});

test("idOf goes round the numbers of others", () => {
  const ids = new NexthopIds();
  ids.adopt(kernel([OF_BIRCH, nexthop("192.0.2.9", 3)], [OF_BIRCH + 1, nexthop("192.0.2.8", 0)]));
  expect(ids.idOf("birch", "vxlan")).toBe(OF_BIRCH + 2);
});

test("the last number is followed by the first", () => {
  // A name whose number is the fourth to last.
  const name = "node-1527102";
  const ids = new NexthopIds();
  ids.adopt(
    kernel(
      ...[0xcafffffc, 0xcafffffd, 0xcafffffe, 0xcaffffff].map(
        (id): [number, Omit<Nexthop, "id">] => [id, nexthop("192.0.2.9", 3)],
      ),
    ),
  );
  expect(new NexthopIds().idOf(name, "vxlan")).toBe(0xcafffffc);
  expect(ids.idOf(name, "vxlan")).toBe(0xca000000);
});

test("after a restart a node gets the object that does what it needs, whatever its number", () => {
  const ids = new NexthopIds();
  ids.adopt(kernel([0xca000005, nexthop("10.0.1.1")], [0xca000006, nexthop("10.0.2.1")]));
  ids.settleAdoption([BIRCH, CEDAR]);
  expect(ids.idOf("birch", "vxlan")).toBe(0xca000005);
  expect(ids.idOf("cedar", "vxlan")).toBe(0xca000006);
});

test("an object on another device, of another gateway, or of another program is not taken up", () => {
  const ids = new NexthopIds();
  ids.adopt(
    kernel(
      [0xca000005, nexthop("10.0.1.1", 202, "eth0")],
      [0xca000006, nexthop("10.0.9.9")],
      [0xca000007, nexthop("10.0.1.1", 3)],
    ),
  );
  ids.settleAdoption([BIRCH]);
  expect(ids.idOf("birch", "vxlan")).toBe(OF_BIRCH);
});

test("of two equal objects the lower number is taken up, and the other is free", () => {
  const ids = new NexthopIds();
  ids.adopt(kernel([0xca000009, nexthop("10.0.1.1")], [0xca000005, nexthop("10.0.1.1")]));
  ids.settleAdoption([BIRCH, { ...BIRCH, node: "elm" }]);
  expect(ids.idOf("birch", "vxlan")).toBe(0xca000005);
  expect(ids.idOf("elm", "vxlan")).toBe(new NexthopIds().idOf("elm", "vxlan"));
});

test("what nobody wants at the first calculation is not kept for later", () => {
  const ids = new NexthopIds();
  ids.adopt(kernel([0xca000005, nexthop("10.0.1.1")]));
  ids.settleAdoption([]);
  ids.settleAdoption([CEDAR]);
  ids.settleAdoption([BIRCH]);
  expect(ids.idOf("birch", "vxlan")).toBe(OF_BIRCH);
});

test("a node whose number is taken by an adopted object gets another one", () => {
  const ids = new NexthopIds();
  ids.adopt(kernel([OF_BIRCH, nexthop("10.0.2.1")]));
  ids.settleAdoption([BIRCH, CEDAR]);
  expect(ids.idOf("cedar", "vxlan")).toBe(OF_BIRCH);
  expect(ids.idOf("birch", "vxlan")).toBe(OF_BIRCH + 1);
});
