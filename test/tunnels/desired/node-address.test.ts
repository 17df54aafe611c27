/** Node addresses: where they come from does not matter, and they never go into a tunnel themselves. */
import { describe, expect, test } from "vitest";
import type { Node, NodeAddressSource } from "../../../tunnels/model/node.ts";
import { NodeView, type UnderlayFacts } from "./node-view.ts";
import { changes, twin } from "./notation.ts";

const ALDER = "node alder 192.0.2.1/24 vxlan=10.0.0.1";
const POOL = "pool p 10.0.0.0/16 vxlan";

describe.each([4, 6] as const)("IPv%i", (family) => {
  const say = (line: string): string => twin(family, line);

  function view(given: readonly string[], routes: readonly string[]): NodeView {
    const facts: UnderlayFacts = {
      links: ["eth0 192.0.2.1/24", "eth0 fd00::c000:201/120"],
      routes: routes.map(say),
    };
    return new NodeView({}, facts).change(given.map(say));
  }

  const LINK_ROUTE = "192.0.2.0/24 dev eth0 metric 256";
  const WIDE = "8.0.0.0/5 via 192.0.2.254 dev eth0 metric 100";
  /** The node's address is in its own block. */
  const FAR_BIRCH = "node birch 10.0.1.5 vxlan=10.0.1.1";
  const BLOCK = "block 10.0.1.0/29 birch";

  const routesOf = (one: NodeView): string[] => one.wants("route");

  test("outside all pools, an address has no route", () => {
    const one = view([POOL, ALDER, "node birch 192.0.2.2 vxlan=10.0.1.1"], [LINK_ROUTE, WIDE]);
    expect(routesOf(one)).toEqual([
      say("route 10.0.1.1/32 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink"),
    ]);
    expect(one.overlay.needsUnderlayRoutes).toBe(false);
  });

  test("inside a pool and its node's block, it keeps the underlay's way", () => {
    const one = view([POOL, ALDER, FAR_BIRCH, BLOCK], [LINK_ROUTE, WIDE]);
    expect(routesOf(one)).toEqual(
      [
        "route 10.0.1.0/29 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink",
        "route 10.0.1.5/32 via 192.0.2.254 dev eth0",
      ]
        .map(say)
        .sort(),
    );
    expect(one.overlay.needsUnderlayRoutes).toBe(true);
    expect(one.problems()).toEqual([]);
  });

  test("of a neighbour on the link, it stays on the link", () => {
    const given = ["pool p 192.0.2.0/24 vxlan", ALDER, "node birch 192.0.2.2 vxlan=192.0.2.65"];
    const block = "block 192.0.2.0/26 birch";
    expect(routesOf(view([...given, block], [LINK_ROUTE, WIDE]))).toEqual(
      [
        "route 192.0.2.0/26 via 192.0.2.65@MAC(birch) dev vxlan.causeway onlink",
        "route 192.0.2.2/32 dev eth0",
        "route 192.0.2.65/32 via 192.0.2.65@MAC(birch) dev vxlan.causeway onlink",
      ]
        .map(say)
        .sort(),
    );
  });

  test("of another node in our own block, it is not caught by the blackhole", () => {
    const given = ["pool p 192.0.2.0/24 vxlan", ALDER, "node birch 192.0.2.2"];
    expect(routesOf(view([...given, "block 192.0.2.0/26 alder"], [LINK_ROUTE]))).toEqual(
      ["route 192.0.2.0/26 blackhole", "route 192.0.2.2/32 dev eth0"].map(say),
    );
  });

  test("of this node itself, it has no route", () => {
    const given = ["pool p 192.0.2.0/24 vxlan", ALDER, "block 192.0.2.1/32 birch"];
    expect(routesOf(view(given, [LINK_ROUTE]))).toEqual([]);
  });

  test("that is borrowed as well, it stays a node address", () => {
    const given = [POOL, ALDER, FAR_BIRCH, "block 10.0.1.0/29 birch cedar=10.0.1.5"];
    const cedar = "node cedar 198.51.100.3 vxlan=10.0.2.1";
    expect(routesOf(view([...given, cedar], [WIDE]))).toContain(
      say("route 10.0.1.5/32 via 192.0.2.254 dev eth0"),
    );
  });

  test("to which no route leads, it is reported, and has none of ours", () => {
    const one = view([POOL, ALDER, FAR_BIRCH, BLOCK], [LINK_ROUTE]);
    expect(routesOf(one)).toEqual([
      say("route 10.0.1.0/29 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink"),
    ]);
    expect(one.problems()).toEqual([
      "error node birch: its address is inside a pool, and no route of the underlay leads to it",
    ]);
  });

  test.each([
    ["the longest prefix", [WIDE, "10.0.0.0/8 via 192.0.2.253 dev eth0 metric 900"], "192.0.2.253"],
    [
      "of equal prefixes the lowest metric",
      [
        "10.0.0.0/8 via 192.0.2.253 dev eth0 metric 20",
        "10.0.0.0/8 via 192.0.2.252 dev eth0 metric 10",
      ],
      "192.0.2.252",
    ],
    [
      "of equal metrics the first by name, whatever their order",
      ["10.0.0.0/8 via 192.0.2.253 dev eth0", "10.0.0.0/8 via 192.0.2.252 dev eth0"],
      "192.0.2.252",
    ],
  ])("goes by %s", (_, routes, gateway) => {
    for (const order of [routes, [...routes].reverse()]) {
      expect(routesOf(view([POOL, ALDER, FAR_BIRCH, BLOCK], order))).toContain(
        say(`route 10.0.1.5/32 via ${gateway} dev eth0`),
      );
    }
  });

  test("follows the underlay, the pool and the node", () => {
    const one = view([POOL, ALDER, FAR_BIRCH, BLOCK], [WIDE]);
    const way = (): string | undefined =>
      routesOf(one).find((line) => line.startsWith(say("route 10.0.1.5/32")));
    expect(way()).toBe(say("route 10.0.1.5/32 via 192.0.2.254 dev eth0"));
    one.facts = { ...one.facts, routes: [say("8.0.0.0/5 via 192.0.2.1 dev eth1")] };
    expect(way()).toBe(say("route 10.0.1.5/32 via 192.0.2.1 dev eth1"));
    one.change([say("-pool p 10.0.0.0/16")]);
    expect(way()).toBeUndefined();
    one.change([say(POOL)]);
    expect(way()).toBe(say("route 10.0.1.5/32 via 192.0.2.1 dev eth1"));
    one.change([say("node birch 192.0.2.2 vxlan=10.0.1.1")]);
    expect(way()).toBeUndefined();
  });

  test.each(["BGP", "InternalIP", "ExternalIP"] as const)(
    "taken from %s makes a VTEP, and direct routes",
    (source) => {
      const given = [
        "pool v 10.0.0.0/16 vxlan",
        "pool n 10.1.0.0/16 none",
        "node alder 192.0.2.1 vxlan=10.0.0.1",
        "node birch 192.0.2.2 vxlan=10.0.1.1",
        "block 10.0.1.0/29 birch",
        "block 10.1.1.0/29 birch",
      ].map(say);
      const one = new NodeView();
      one.overlay.change(changes(given).map((change) => withSource(change, source)));
      expect(one.wants("route", "neighbour", "fdb")).toEqual(
        [
          "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway",
          "neighbour 10.0.1.1@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
          "route 10.0.1.0/29 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink",
          "route 10.1.1.0/29 via 192.0.2.2 dev eth0 onlink",
        ].map(say),
      );
    },
  );
});

function withSource<T extends { resource: unknown }>(change: T, source: NodeAddressSource): T {
  const node = change.resource as Node;
  if (node.kind !== "Node") return change;
  const moved = (address: Node["ipv4"]): Node["ipv4"] => address && { ...address, source };
  return { ...change, resource: { ...node, ipv4: moved(node.ipv4), ipv6: moved(node.ipv6) } };
}
