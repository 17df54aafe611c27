/** Both families at once: what concerns one leaves the other alone. */
import { describe, expect, test } from "vitest";
import { NodeView } from "./node-view.ts";
import { twin } from "./notation.ts";

const NODE = {
  4: { address: "192.0.2.2/24", tunnel: "vxlan=10.0.1.1", mac: "mac=66:00:00:00:00:09" },
  6: {
    address: "fd00::c000:202/120",
    tunnel: "vxlan=fd00::a00:101",
    mac: "mac6=66:00:00:00:00:0a",
  },
};
const ALDER = "node alder 192.0.2.1/24 fd00::c000:201/120 vxlan=10.0.0.1 vxlan=fd00::a00:1";
const POOLS = ["pool p 10.0.0.0/16 vxlan", "pool p6 fd00::a00:0/112 vxlan"];
const BLOCKS = ["block 10.0.1.0/29 birch", "block fd00::a00:100/125 birch"];
const FAMILIES = [4, 6] as const;

function birch(part: "address" | "tunnel" | "none" = "none", without?: 4 | 6): string {
  const words = FAMILIES.flatMap((family) =>
    (["address", "tunnel"] as const)
      .filter((word) => word !== part || family !== without)
      .map((word) => NODE[family][word]),
  );
  return `node birch ${words.join(" ")}`;
}

function objects(family: 4 | 6, mac = "MAC(birch)"): string[] {
  return [
    `fdb ${mac} dst 192.0.2.2 dev vxlan.causeway`,
    `neighbour 10.0.1.1@${mac} lladdr ${mac} dev vxlan.causeway`,
    `route 10.0.1.0/29 via 10.0.1.1@${mac} dev vxlan.causeway onlink`,
  ].map((line) => twin(family, line));
}

function wants(given: readonly string[]): string[] {
  return new NodeView().change(given).wants("route", "neighbour", "fdb");
}

test("a node of both families is a VTEP in each, over its own device", () => {
  const view = new NodeView().change([...POOLS, ALDER, birch(), ...BLOCKS]);
  expect(view.wants("route", "neighbour", "fdb")).toEqual([...objects(4), ...objects(6)].sort());
  expect(view.wants("link")).toEqual(
    [
      `link vxlan.causeway mtu 1450 address ${twin(4, "MAC(alder)")} local 192.0.2.1 dev eth0 ` +
        "id 4096 port 4789",
      `link vxlan6.causeway mtu 1430 address ${twin(6, "MAC(alder)")} local fd00::c000:201 ` +
        "dev eth0 id 4096 port 4789",
    ].sort(),
  );
  expect(view.wants("sysctl")).toEqual([
    "sysctl net.ipv4.ip_forward=1",
    "sysctl net.ipv6.conf.all.forwarding=1",
  ]);
});

describe.each([
  [4, 6],
  [6, 4],
] as const)("without IPv%i", (gone, left) => {
  test.each(["address", "tunnel"] as const)("%s of a node, its other family stays", (part) => {
    const view = new NodeView().change([...POOLS, ALDER, birch(), ...BLOCKS]);
    view.calculate();
    view.change([birch(part, gone)]);
    expect(view.wants("route", "neighbour", "fdb")).toEqual(objects(left));
    const label = gone === 6 ? "IPv6 VXLAN" : "VXLAN";
    const lack = part === "address" ? `IPv${gone} node address` : `${label} tunnel address`;
    expect(view.problems()).toEqual([`error node birch: it has no ${lack}: 1 block is not routed`]);
  });

  test("pool and block, its other family stays", () => {
    const at = gone === 4 ? 0 : 1;
    const rest = (lines: readonly string[]): string[] => lines.filter((_, one) => one !== at);
    expect(wants([...rest(POOLS), ALDER, birch(), ...rest(BLOCKS)])).toEqual(objects(left));
  });

  test("the MAC in its record, the other family keeps that of its own", () => {
    const given = [...POOLS, ALDER, `${birch()} ${NODE[gone].mac}`, ...BLOCKS];
    const mac = NODE[gone].mac.split("=")[1];
    expect(wants(given)).toEqual([...objects(gone, mac), ...objects(left)].sort());
  });
});

test("an IPv6 pool without encapsulation beside a VXLAN pool makes no IPv6 device", () => {
  const given = [POOLS[0] as string, "pool p6 fd00::a00:0/112 none", ALDER, birch(), ...BLOCKS];
  const view = new NodeView().change(given);
  expect(view.wants("route", "neighbour", "fdb")).toEqual(
    [...objects(4), "route fd00::a00:100/125 via fd00::c000:202 dev eth0 onlink"].sort(),
  );
  expect(view.wants("link")).toHaveLength(1);
});

test("IPv6 blocks on a kernel without IPv6 are reported, and nothing else fails", () => {
  const view = new NodeView({ ipv6: false }).change([...POOLS, ALDER, birch(), ...BLOCKS]);
  expect(view.wants("route", "neighbour", "fdb")).toEqual(objects(4));
  expect(view.problems()).toEqual(['error pool "p6": this kernel has no IPv6']);
});

test("an IPv6 pool with IP-in-IP is refused, and nothing else fails", () => {
  const given = [POOLS[0] as string, "pool p6 fd00::a00:0/112 ipip", ALDER, birch(), ...BLOCKS];
  const view = new NodeView().change(given);
  expect(view.wants("route", "neighbour", "fdb")).toEqual(objects(4));
  expect(view.problems()).toEqual([
    'error pool "p6": IP-in-IP carries IPv4 only: 1 block is not routed',
  ]);
});

test("a node that has lost both families is gone altogether", () => {
  const view = new NodeView().change([...POOLS, ALDER, birch(), ...BLOCKS]);
  view.calculate();
  view.change(["node birch"]);
  expect(view.wants("route", "neighbour", "fdb", "nexthop")).toEqual([]);
  expect(view.overlay.vteps().map(({ node }) => node)).toEqual(["alder", "alder"]);
});
