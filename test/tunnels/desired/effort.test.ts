/** What a change costs, counted in nodes and prefixes looked at: it grows with the change alone. */
import { beforeEach, describe, expect, test } from "vitest";
import { NodeView } from "./node-view.ts";
import { twin } from "./notation.ts";

const NODES = 250;
const BLOCKS = 8;

interface Effort {
  readonly nodes: number;
  readonly prefixes: number;
}

describe.each([
  [4, true],
  [6, true],
  [4, false],
] as const)("IPv%i, nexthop objects: %s", (family, nexthopObjects) => {
  const say = (line: string): string => twin(family, line);
  const node = (at: number, address = `192.0.2.${at}`, tunnel = 1): string =>
    say(`node n${at} ${address} vxlan=10.${at >> 6}.${(at & 63) << 2}.${tunnel}`);
  const block = (at: number, one: number): string =>
    say(`block 10.${at >> 6}.${(at & 63) << 2}.${one << 4}/28 n${at}`);
  let view: NodeView;

  beforeEach(() => {
    view = new NodeView({ nexthopObjects });
    const pools = ["p 10.0.0.0/8 vxlan", "far 172.16.0.0/16 vxlan", "direct 172.20.0.0/16 none"];
    view.change(pools.map((pool) => say(`pool ${pool}`)));
    view.change([say("node alder 192.0.2.1/16 vxlan=10.255.0.1")]);
    for (let at = 2; at < NODES; at++) {
      view.change([node(at), ...Array.from({ length: BLOCKS }, (_, one) => block(at, one))]);
    }
    view.calculate();
  });

  function costOf(...lines: readonly string[]): Effort {
    const { nodes, prefixes } = view.overlay.effort;
    view.change(lines);
    view.calculate();
    const { effort } = view.overlay;
    return { nodes: effort.nodes - nodes, prefixes: effort.prefixes - prefixes };
  }

  test("the first calculation looks at everything once", () => {
    const { effort, desired } = view.overlay;
    expect(desired.routes[family].size).toBe((NODES - 2) * BLOCKS);
    expect(effort.nodes).toBe(NODES - 1);
    // Blocks, and of each node its address and its tunnel address.
    expect(effort.prefixes).toBe((NODES - 2) * BLOCKS + (NODES - 1) * 2);
  });

  test("what is told again costs nothing", () => {
    expect(costOf(node(7), block(7, 1), say("pool p 10.0.0.0/8 vxlan"))).toEqual({
      nodes: 0,
      prefixes: 0,
    });
  });

  test("a block added, moved or removed is one prefix", () => {
    const added = say("block 10.200.0.0/28 n9");
    expect(costOf(added)).toEqual({ nodes: 0, prefixes: 1 });
    expect(costOf(say("block 10.200.0.0/28 n10"))).toEqual({ nodes: 0, prefixes: 1 });
    expect(costOf(`-${added}`)).toEqual({ nodes: 0, prefixes: 1 });
  });

  test("a block around a tunnel address is two", () => {
    expect(costOf(`-${block(9, 0)}`)).toEqual({ nodes: 0, prefixes: 2 });
  });

  test("a node with another address of its subnet is one node, and without objects its blocks", () => {
    const { nodes, prefixes } = costOf(node(9, "192.0.77.9"));
    expect(nodes).toBe(1);
    expect(prefixes).toBeLessThanOrEqual(nexthopObjects ? 3 : 3 + BLOCKS);
  });

  test("a node that goes to another subnet is one node and its blocks", () => {
    const { nodes, prefixes } = costOf(node(9, "198.51.100.9"));
    expect(nodes).toBe(1);
    expect(prefixes).toBeLessThanOrEqual(BLOCKS + 3);
  });

  test("a node with another tunnel address is one node, and without objects its blocks", () => {
    const { nodes, prefixes } = costOf(node(9, undefined, 2));
    expect(nodes).toBe(1);
    expect(prefixes).toBeLessThanOrEqual(nexthopObjects ? 3 : 3 + BLOCKS);
  });

  test("a node that goes is one node and its blocks", () => {
    const { nodes, prefixes } = costOf(`-${node(9)}`);
    expect(nodes).toBe(1);
    expect(prefixes).toBeLessThanOrEqual(BLOCKS + 2);
  });

  test("two nodes that claim one address are two nodes", () => {
    const { nodes, prefixes } = costOf(node(9, "192.0.2.8"));
    expect(nodes).toBe(2);
    expect(prefixes).toBeLessThanOrEqual(2 * BLOCKS + 6);
  });

  test("a pool costs what is in it", () => {
    expect(costOf(say("pool far 172.16.0.0/16 none"))).toEqual({ nodes: 0, prefixes: 0 });
    expect(costOf(say("-pool far 172.16.0.0/16 none"))).toEqual({ nodes: 0, prefixes: 0 });
    const { nodes, prefixes } = costOf(say("pool one 10.0.36.0/24 vxlan"));
    expect(nodes).toBe(0);
    expect(prefixes).toBeLessThanOrEqual(BLOCKS + 2);
  });

  test("a pool's setting that routes do not depend on costs nothing", () => {
    expect(costOf(say("pool p 10.0.0.0/8 vxlan nat=no"))).toEqual({ nodes: 0, prefixes: 0 });
  });
});
