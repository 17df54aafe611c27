import { describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { effectiveSettings } from "../../../tunnels/desired/settings.ts";
import type { OverlaySettings } from "../../../tunnels/model/overlay-settings.ts";
import { NodeView } from "./node-view.ts";

test("effectiveSettings has a built-in value for everything", () => {
  const values = Object.entries(effectiveSettings([])).map(([name, { value, source }]) => {
    expect(source).toBe("default");
    return [name, value];
  });
  expect(Object.fromEntries(values)).toEqual({
    vxlanEnabled: undefined,
    ipipEnabled: undefined,
    vxlanVni: 4096,
    vxlanPort: 4789,
    vxlanMtu: 0,
    vxlanMtu6: 0,
    ipipMtu: 0,
    routeSource: undefined,
    routeSource6: undefined,
    routeRefreshInterval: 90_000,
  });
});

test("effectiveSettings takes each value from the strongest layer that has it", () => {
  const settings = effectiveSettings([
    { source: "weak", settings: { vxlanVni: 1, vxlanPort: 1, vxlanEnabled: true } },
    { source: "absent", settings: undefined },
    { source: "strong", settings: { vxlanVni: 2, vxlanMtu: 0, vxlanEnabled: false } },
  ]);
  expect(settings.vxlanVni).toEqual({ value: 2, source: "strong" });
  expect(settings.vxlanPort).toEqual({ value: 1, source: "weak" });
  expect(settings.vxlanMtu).toEqual({ value: 0, source: "strong" });
  expect(settings.vxlanEnabled).toEqual({ value: false, source: "strong" });
  expect(settings.ipipMtu.source).toBe("default");
});

test("a layer put together from several sources names each", () => {
  const settings = { vxlanVni: 2, vxlanPort: 3 };
  const sources = { vxlanVni: "--vxlan-vni" };
  const effective = effectiveSettings([{ source: "override", settings, sources }]);
  expect(effective.vxlanVni).toEqual({ value: 2, source: "--vxlan-vni" });
  expect(effective.vxlanPort).toEqual({ value: 3, source: "override" });
});

const CLUSTER = [
  "pool p 10.0.0.0/16 vxlan",
  "pool q 10.1.0.0/16 ipip",
  "node alder 192.0.2.1/24 vxlan=10.0.0.1 ipip=10.1.0.1",
  "node birch 192.0.2.2/24 vxlan=10.0.1.1",
  "block 10.0.1.0/29 birch",
  "block 10.1.1.0/29 birch",
];

describe("FelixConfigurations", () => {
  function configure(view: NodeView, name: string, settings: OverlaySettings | undefined): void {
    const resource = settings && { kind: "FelixConfiguration" as const, name, settings };
    view.overlay.change([{ kind: "FelixConfiguration", name, resource }]);
  }

  const vni = ({ overlay }: NodeView): [number, string] => {
    const { value, source } = overlay.settings.vxlanVni;
    return [value, source];
  };

  test("of this node are stronger than the default one, and flags than both", () => {
    const view = new NodeView();
    expect(vni(view)).toEqual([4096, "default"]);
    configure(view, "node.alder", { vxlanVni: 3 });
    configure(view, "default", { vxlanVni: 2, vxlanPort: 4790 });
    expect(vni(view)).toEqual([3, "FelixConfiguration node.alder"]);
    expect(view.overlay.settings.vxlanPort.source).toBe("FelixConfiguration default");
    view.overlay.setSettings({ vxlanVni: 4 }, { vxlanVni: "--vxlan-vni" });
    expect(vni(view)).toEqual([4, "--vxlan-vni"]);
    view.overlay.setSettings({});
    configure(view, "node.alder", undefined);
    expect(vni(view)).toEqual([2, "FelixConfiguration default"]);
  });

  test("of other nodes and other names do not count", () => {
    const view = new NodeView();
    configure(view, "node.birch", { vxlanVni: 3 });
    configure(view, "other", { vxlanVni: 3 });
    expect(vni(view)).toEqual([4096, "default"]);
  });

  test("change VNI, port and MTU of the devices", () => {
    const view = new NodeView().change(CLUSTER);
    view.calculate();
    configure(view, "default", { vxlanVni: 4097, vxlanPort: 4790, vxlanMtu: 1300, ipipMtu: 1280 });
    const { links, routes } = view.calculate();
    expect([...links].sort()).toEqual(["ipip.causeway", "vxlan.causeway"]);
    expect(routes[4]).toEqual({ rows: [], removed: [] });
    expect(view.wants("link").map((line) => line.replace(/ address \S+/, ""))).toEqual([
      "link ipip.causeway mtu 1280 local 192.0.2.1 dev eth0",
      "link vxlan.causeway mtu 1300 local 192.0.2.1 dev eth0 id 4097 port 4790",
    ]);
  });

  test("turn an encapsulation off, which takes its device and is told for its pools", () => {
    const view = new NodeView().change(CLUSTER);
    configure(view, "default", { vxlanEnabled: false });
    expect(view.wants("link", "route")).toEqual([
      "link ipip.causeway mtu 1480 local 192.0.2.1 dev eth0",
      "route 10.1.1.0/29 via 192.0.2.2 dev ipip.causeway onlink",
    ]);
    expect(view.problems()).toEqual([
      'note pool "p": VXLAN is turned off by vxlanEnabled (FelixConfiguration default): 1 block is not routed',
    ]);
    configure(view, "default", { vxlanEnabled: true, ipipEnabled: false });
    expect(view.wants("link").map((line) => line.split(" ")[1])).toEqual(["vxlan.causeway"]);
  });

  test("turn an encapsulation on that no pool asks for", () => {
    const view = new NodeView().change(CLUSTER.slice(2, 3));
    expect(view.wants("link")).toEqual([]);
    configure(view, "default", { vxlanEnabled: true, ipipEnabled: true });
    expect(view.wants("link").map((line) => line.split(" ")[1])).toEqual([
      "ipip.causeway",
      "vxlan.causeway",
    ]);
  });

  test("do not turn IPv6 on or off: its pools alone do", () => {
    const view = new NodeView().change([
      "pool p fd00::/64 vxlan",
      "node alder 192.0.2.1 2001:db8::1/64 vxlan=10.0.0.1 vxlan=fd00::1",
    ]);
    view.facts = { links: ["eth0 2001:db8::1/64"] };
    configure(view, "default", { vxlanEnabled: false });
    expect(view.wants("link").map((line) => line.split(" ")[1])).toEqual(["vxlan6.causeway"]);
  });

  test("name the source address of routes through tunnels, by family", () => {
    const view = new NodeView().change([
      ...CLUSTER,
      "pool n 10.2.0.0/16 none",
      "block 10.2.1.0/29 birch",
    ]);
    configure(view, "default", {
      routeSource: parseIp("192.0.2.1"),
      routeSource6: parseIp("2001:db8::1"),
    });
    expect(view.wants("route")).toEqual([
      "route 10.0.1.0/29 via 10.0.1.1 dev vxlan.causeway onlink src 192.0.2.1",
      "route 10.1.1.0/29 via 192.0.2.2 dev ipip.causeway onlink src 192.0.2.1",
      "route 10.2.1.0/29 via 192.0.2.2 dev eth0 onlink",
    ]);
    configure(view, "default", {});
    expect(view.wants("route").some((line) => line.includes("src"))).toBe(false);
  });
});
