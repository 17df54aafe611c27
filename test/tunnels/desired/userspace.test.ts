import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { IpAddress } from "../../../encap/address/ip-address.ts";
import type { TunnelEndpoint } from "../../../encap/forwarding-plan.ts";
import { carriers } from "./carriers.ts";
import { NodeView } from "./node-view.ts";
import { twin, twinIp } from "./notation.ts";
import { packetWay, remoteOf, remoteWay } from "./packet-way.ts";
import { line, options, underlay } from "./random-cluster.ts";

const ALDER = "node alder 192.0.2.1/24 vxlan=10.0.0.1";
const BIRCH = "node birch 192.0.2.2/24 vxlan=10.0.1.1";
const CEDAR = "node cedar 198.51.100.3/24 vxlan=10.0.2.1";
const POOL = "pool p 10.0.0.0/16 vxlan";
const BLOCK = "block 10.0.1.0/29 birch";
const CEDAR_BLOCK = "block 10.0.2.0/29 cedar";

function userspaceView(): NodeView {
  return new NodeView({ carriers: carriers("userspace") });
}

/** "endpoint vxlan local 192.0.2.1 mtu 1450 id 4096 port 4789 mac 66:…", in the plan's order. */
function endpointLines(view: NodeView): string[] {
  return (view.overlay.forwardingPlan?.endpoints ?? []).map((endpoint) => {
    const words = [`endpoint ${endpoint.encap} local ${endpoint.localAddress} mtu ${endpoint.mtu}`];
    if (endpoint.encap === "vxlan") {
      words.push(`id ${endpoint.vni} port ${endpoint.port} mac ${endpoint.mac}`);
    }
    return words.join(" ");
  });
}

function isPeer({ peers }: TunnelEndpoint, { family, w0, w1, w2, w3 }: IpAddress): boolean {
  return (family === 4 ? peers.lookupIpv4(w0) : peers.lookupIpv6(w0, w1, w2, w3)) >= 0;
}

describe.each([4, 6] as const)("userspace, IPv%i", (family) => {
  const say = (lines: readonly string[]): string[] => {
    return lines.map((text) => twin(family, text).replaceAll("vxlan6.causeway", "tun.causeway"));
  };
  const way = (view: NodeView, ip: string): string =>
    remoteWay(remoteOf(view.overlay.forwardingPlan, twinIp(family, ip)));
  const to = (node: string, ip: string): string =>
    twin(family, `vxlan ${ip} MAC(${node})`).replace("IPv6 VXLAN", "VXLAN");
  const mtu = family === 4 ? 1450 : 1430;

  test("a tunnel is one device, its address, and routes without a gateway", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, CEDAR, BLOCK]));
    expect(view.wants("link", "address", "neighbour", "fdb", "nexthop", "route")).toEqual(
      say([
        `link tun.causeway mtu ${mtu} mode tun`,
        "address 10.0.0.1/32 dev tun.causeway",
        "route 10.0.1.0/29 dev tun.causeway src 10.0.0.1",
        "route 10.0.2.1/32 dev tun.causeway src 10.0.0.1",
      ]).sort(),
    );
    expect(endpointLines(view)).toEqual([
      twin(family, `endpoint vxlan local 192.0.2.1 mtu ${mtu} id 4096 port 4789 mac MAC(alder)`),
    ]);
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.2"));
    expect(way(view, "10.0.2.1")).toBe(to("cedar", "198.51.100.3"));
    expect(way(view, "10.0.1.8")).toBe("dropped");
    expect(way(view, "10.0.0.1")).toBe("dropped");
    expect(view.problems()).toEqual([]);
  });

  test("peers are the other nodes that have a tunnel, and nobody else", () => {
    const view = userspaceView().change(
      say([POOL, ALDER, BIRCH, CEDAR, "node dogwood 192.0.2.4/24"]),
    );
    view.calculate();
    const [endpoint] = view.overlay.forwardingPlan?.endpoints ?? [];
    const peers = ["192.0.2.2", "198.51.100.3", "192.0.2.1", "192.0.2.4", "192.0.2.3"].map(
      (ip) => endpoint && isPeer(endpoint, twinIp(family, ip)),
    );
    expect(peers).toEqual([true, true, false, false, false]);
  });

  test("CrossSubnet goes directly inside the subnet and by the data path beyond it", () => {
    const view = userspaceView().change(
      say([`${POOL} CrossSubnet`, ALDER, BIRCH, CEDAR, BLOCK, CEDAR_BLOCK]),
    );
    expect(view.wants("route")).toEqual(
      say([
        "route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink",
        "route 10.0.2.0/29 dev tun.causeway src 10.0.0.1",
      ]),
    );
    expect(way(view, "10.0.1.1")).toBe("dropped");
    expect(way(view, "10.0.2.1")).toBe(to("cedar", "198.51.100.3"));
  });

  test("a block leaves the plan after its route", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    view.change(say([`-${BLOCK}`]));
    expect(view.wants("route")).toEqual(say(["route 10.0.1.1/32 dev tun.causeway src 10.0.0.1"]));
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.2"));
    view.retire();
    expect(way(view, "10.0.1.7")).toBe("dropped");
    expect(way(view, "10.0.1.1")).toBe(to("birch", "192.0.2.2"));
  });

  test("a block that comes back before its route left is in the plan throughout", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    view.change(say([`-${BLOCK}`])).calculate();
    view.change(say([BLOCK])).calculate();
    view.retire();
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.2"));
  });

  test("a prefix that turns to the underlay stays in the plan until the route has turned", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    view.change(say([`${POOL} CrossSubnet`])).calculate();
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.2"));
    view.retire();
    expect(way(view, "10.0.1.7")).toBe("dropped");
  });

  test("a block that moves leads to its new node at once, and changes no route", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, CEDAR, BLOCK]));
    view.calculate();
    view.change(say(["block 10.0.1.0/29 cedar", "block 10.0.1.0/32 birch"]));
    const { routes } = view.calculate();
    expect(
      routes[family].rows.map((row) =>
        view.overlay.desired.routes[family].destinationOf(row).toString(),
      ),
    ).not.toContain(twin(family, "10.0.1.0/29"));
    expect(way(view, "10.0.1.7")).toBe(to("cedar", "198.51.100.3"));
  });

  test("a node's new address changes the remote and leaves the prefixes alone", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    const before = view.overlay.forwardingPlan;
    view.change(say(["node birch 192.0.2.77/24 vxlan=10.0.1.1"]));
    const changes = view.calculate();
    const after = view.overlay.forwardingPlan;
    expect(after).not.toBe(before);
    expect(after?.prefixes).toBe(before?.prefixes);
    expect(changes.routes[family]).toEqual({ rows: [], removed: [] });
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.77"));
    const [endpoint] = after?.endpoints ?? [];
    expect(endpoint && isPeer(endpoint, twinIp(family, "192.0.2.77"))).toBe(true);
    expect(endpoint && isPeer(endpoint, twinIp(family, "192.0.2.2"))).toBe(true);
    view.retire();
    const [last] = view.overlay.forwardingPlan?.endpoints ?? [];
    expect(last && isPeer(last, twinIp(family, "192.0.2.2"))).toBe(false);
  });

  test("packets that still come for a node that left never get to the one that came", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    view.change(say([`-${BIRCH}`, CEDAR, CEDAR_BLOCK])).calculate();
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.2"));
    expect(way(view, "10.0.2.7")).toBe(to("cedar", "198.51.100.3"));
    view.retire();
    expect(way(view, "10.0.1.7")).toBe("dropped");
    view.change(say(["node dogwood 192.0.2.4/24 vxlan=10.0.3.1", "block 10.0.3.0/29 dogwood"]));
    view.calculate();
    expect(way(view, "10.0.3.7")).toBe(to("dogwood", "192.0.2.4"));
    expect(way(view, "10.0.2.7")).toBe(to("cedar", "198.51.100.3"));
  });

  test("the plan is the same object as long as nothing in it changes", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    const plan = view.overlay.forwardingPlan;
    view.change(say(["pool q 10.9.0.0/16 none", "block 10.9.1.0/29 birch"])).calculate();
    expect(view.overlay.forwardingPlan).toBe(plan);
  });

  test("the last tunnel takes the device at once and the plan with it later", () => {
    const view = userspaceView().change(say([POOL, ALDER, BIRCH, BLOCK]));
    view.calculate();
    view.change(say([`-${POOL}`]));
    expect(view.wants("link")).toEqual([]);
    expect(way(view, "10.0.1.7")).toBe(to("birch", "192.0.2.2"));
    view.retire();
    expect(view.overlay.forwardingPlan).toBeUndefined();
  });
});

const DUAL_STACK = [
  POOL,
  "pool q 10.1.0.0/16 ipip",
  "pool r fd00::/112 vxlan",
  "node alder 192.0.2.1/24 fd00::c000:201/120 vxlan=10.0.0.1 vxlan=fd00::1 ipip=10.1.0.1",
  "node birch 192.0.2.2/24 fd00::c000:202/120 vxlan=10.0.1.1 vxlan=fd00::101 ipip=10.1.1.1",
  BLOCK,
  "block 10.1.1.0/29 birch",
  "block fd00::100/125 birch",
];

test("tunnels share the device; its MTU is the largest, and the routes of the others say theirs", () => {
  const view = userspaceView().change(DUAL_STACK);
  expect(view.wants("link", "address", "route", "nexthop")).toEqual([
    "address 10.0.0.1/32 dev tun.causeway",
    "address 10.1.0.1/32 dev tun.causeway",
    "address fd00::1/128 dev tun.causeway",
    "link tun.causeway mtu 1480 mode tun",
    "route 10.0.1.0/29 dev tun.causeway mtu 1450 src 10.0.0.1",
    "route 10.1.1.0/29 dev tun.causeway src 10.1.0.1",
    "route fd00::100/125 dev tun.causeway mtu 1430 src fd00::1",
  ]);
  expect(endpointLines(view).map((text) => text.replace(/ id.*/, ""))).toEqual([
    "endpoint vxlan local 192.0.2.1 mtu 1450",
    "endpoint vxlan local fd00::c000:201 mtu 1430",
    "endpoint ipip local 192.0.2.1 mtu 1480",
  ]);
});

test("what the kernel lacks goes by the data path, and the rest does not", () => {
  const view = new NodeView({ carriers: carriers("auto", "", "Unknown device type") });
  view.change(DUAL_STACK);
  const state = view.wants("link", "address", "route");
  expect(state.filter((text) => text.includes("tun.causeway"))).toEqual([
    "address 10.1.0.1/32 dev tun.causeway",
    "link tun.causeway mtu 1480 mode tun",
    "route 10.1.1.0/29 dev tun.causeway src 10.1.0.1",
  ]);
  expect(state).toContain("route 10.0.1.0/29 via 10.0.1.1 dev vxlan.causeway onlink");
  expect(endpointLines(view)).toEqual(["endpoint ipip local 192.0.2.1 mtu 1480"]);
  expect(view.problems()).toEqual([]);
  const { overlay } = view;
  expect(overlay.describe("link", "tun.causeway")).toBe('carries pool "q"');
  expect(overlay.describe("link", "vxlan.causeway")).toBe('carries pool "p"');
});

test("a source that the settings name is that of the routes", () => {
  const view = userspaceView().change(DUAL_STACK);
  view.overlay.setSettings({ routeSource: new IpAddress(4, 0xc0000201) });
  expect(view.wants("route")).toEqual([
    "route 10.0.1.0/29 dev tun.causeway mtu 1450 src 192.0.2.1",
    "route 10.1.1.0/29 dev tun.causeway src 192.0.2.1",
    "route fd00::100/125 dev tun.causeway mtu 1430 src fd00::1",
  ]);
});

/** The ends of the prefixes that random clusters are made of, and what lies between. */
const ADDRESSES = [
  "10.0.0.0/29",
  "10.0.1.0/28",
  "10.9.0.0/29",
  "10.0.2.1/32",
  "192.0.2.0/29",
  "fd00::/125",
  "fd00::100/124",
  "fd09::/125",
  "fd00::201/128",
].flatMap((text) => {
  const { address, family } = parseCidr(text);
  const { w0, w1, w2, w3 } = address;
  return Array.from({ length: 16 }, (_, at) =>
    family === 4 ? new IpAddress(4, w0 + at) : new IpAddress(6, w0, w1, w2, w3 + at),
  );
});

function ways(view: NodeView): string[] {
  return ADDRESSES.map((address) => `${address} ${packetWay(view, address)}`);
}

test("a packet goes the same way whoever carries it", () => {
  const cluster = fc.array(line, { minLength: 4, maxLength: 30 });
  fc.assert(
    fc.property(options, underlay, cluster, (chosen, facts, lines) => {
      const [kernel, userspace] = (["kernel", "userspace"] as const).map((by) => {
        const view = new NodeView({ ...chosen, carriers: carriers(by) }, facts).change(lines);
        view.calculate();
        return ways(view);
      });
      expect(userspace).toEqual(kernel);
    }),
    { numRuns: 300 },
  );
});

test("the plan depends on what is known, not on how it came to be known", () => {
  const step = fc.record({
    lines: fc.array(line, { maxLength: 6 }),
    facts: fc.option(underlay, { nil: undefined, freq: 4 }),
    retires: fc.boolean(),
  });
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 1, maxLength: 8 }), (chosen, steps) => {
      const given = { ...chosen, carriers: carriers("userspace") };
      const view = new NodeView(given);
      for (const { lines, facts, retires } of steps) {
        if (facts) view.facts = facts;
        view.change(lines).calculate();
        // Whatever leaves later: what is wanted is there already.
        const fresh = new NodeView(given, view.facts).change(everything(steps, lines));
        fresh.calculate();
        expect(ways(view)).toEqual(ways(fresh));
        if (retires) view.retire();
      }
    }),
  );
});

/** The lines of all steps up to the one that ends with `last`. */
function everything(
  steps: readonly { readonly lines: readonly string[] }[],
  last: readonly string[],
): string[] {
  const until = steps.findIndex(({ lines }) => lines === last);
  return steps.slice(0, until + 1).flatMap(({ lines }) => lines);
}
