/** Two claims on one thing: one winner, the same on every node and in every order; both are named. */
import { describe, expect, test } from "vitest";
import { NodeView } from "./node-view.ts";
import { twin } from "./notation.ts";

const ALDER = "node alder 192.0.2.1/24 vxlan=10.0.0.1 ipip=10.0.0.2";
const POOL = "pool p 10.0.0.0/16 vxlan";

interface ConflictCase {
  readonly name: string;
  readonly given: readonly string[];
  readonly conflicts: readonly string[];
  /** Lines of routes and VTEPs. */
  readonly wants: readonly string[];
  readonly problems: readonly string[];
}

const BIRCH_IS = [
  "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway",
  "neighbour 10.0.1.1@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
  "route 10.0.1.0/29 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink",
];
const BIRCH = ["node birch 192.0.2.2/24 vxlan=10.0.1.1", "block 10.0.1.0/29 birch"];

const CASES: readonly ConflictCase[] = [
  {
    name: "one node address",
    given: [...BIRCH, "node cedar 192.0.2.2 vxlan=10.0.2.1", "block 10.0.2.0/29 cedar"],
    conflicts: ["node address 192.0.2.2: birch before cedar"],
    wants: BIRCH_IS,
    problems: ["error node cedar: another node has its IPv4 node address: 1 block is not routed"],
  },
  {
    name: "one tunnel address",
    given: [...BIRCH, "node cedar 192.0.2.3 vxlan=10.0.1.1", "block 10.0.2.0/29 cedar"],
    conflicts: ["tunnel address 10.0.1.1: birch before cedar"],
    wants: BIRCH_IS,
    problems: [
      "error node cedar: another node has its VXLAN tunnel address: 1 block is not routed",
    ],
  },
  {
    name: "one block",
    given: [
      ...BIRCH,
      "node cedar 192.0.2.3 vxlan=10.0.2.1",
      "block 10.0.1.0/29 cedar as=other",
      "block 10.0.2.0/29 cedar",
    ],
    conflicts: ["block 10.0.1.0/29: birch before cedar"],
    wants: [
      ...BIRCH_IS,
      "fdb MAC(cedar) dst 192.0.2.3 dev vxlan.causeway",
      "neighbour 10.0.2.1@MAC(cedar) lladdr MAC(cedar) dev vxlan.causeway",
      "route 10.0.2.0/29 via 10.0.2.1@MAC(cedar) dev vxlan.causeway onlink",
    ],
    problems: [],
  },
  {
    name: "one borrowed address",
    given: [
      ...BIRCH,
      "block 10.0.3.0/29 birch as=a birch=10.0.3.4",
      "block 10.0.3.0/28 birch as=b alder=10.0.3.4",
    ],
    conflicts: ["address 10.0.3.4: alder before birch"],
    wants: [
      ...BIRCH_IS,
      "route 10.0.3.0/28 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink",
      "route 10.0.3.0/29 via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink",
    ],
    problems: [],
  },
  {
    name: "one MAC",
    given: [
      "node birch 192.0.2.2/24 vxlan=10.0.1.1 mac=66:00:00:00:00:09",
      "block 10.0.1.0/29 birch",
      "node cedar 192.0.2.3 vxlan=10.0.2.1 mac=66:00:00:00:00:09",
      "block 10.0.2.0/29 cedar",
    ],
    conflicts: ["VTEP MAC 66:00:00:00:00:09: birch before cedar"],
    wants: [
      "fdb 66:00:00:00:00:09 dst 192.0.2.2 dev vxlan.causeway",
      "neighbour 10.0.1.1@66:00:00:00:00:09 lladdr 66:00:00:00:00:09 dev vxlan.causeway",
      "route 10.0.1.0/29 via 10.0.1.1@66:00:00:00:00:09 dev vxlan.causeway onlink",
    ],
    problems: ["error node cedar: another node has its VXLAN MAC: 1 block is not routed"],
  },
];

describe.each([4, 6] as const)("IPv%i", (family) => {
  const say = (line: string): string => twin(family, line);

  describe.each(CASES)("two claims on $name", ({ given, conflicts, wants, problems }) => {
    const lines = [POOL, ALDER, ...given].map(say);

    test.each([
      ["in order", lines],
      ["in reverse", [...lines].reverse()],
    ])("have one winner, %s", (_, order) => {
      const view = new NodeView();
      for (const line of order) view.change([line]).calculate();
      expect(view.conflicts()).toEqual(conflicts.map(say));
      expect(view.wants("route", "neighbour", "fdb")).toEqual(wants.map(say).sort());
      expect(view.problems()).toEqual(problems.map(say));
    });

    test.each(["alder", "birch", "cedar", "dogwood"])("are told the same on node %s", (node) => {
      const view = new NodeView({ node }).change(lines);
      view.calculate();
      expect(view.conflicts()).toEqual(conflicts.map(say));
    });

    test("name a rule and a way out", () => {
      const view = new NodeView().change(lines);
      view.calculate();
      for (const { rule, hint } of view.overlay.conflicts()) {
        expect(rule).toBe("first by name");
        expect(hint).toMatch(/^(?:give|release|remove|change) /);
      }
    });
  });

  test("a claimant that leaves makes room for the next one", () => {
    const cedar = "node cedar 192.0.2.2 vxlan=10.0.2.1";
    const lines = [POOL, ALDER, ...BIRCH, cedar, "block 10.0.2.0/29 cedar"].map(say);
    const view = new NodeView().change(lines);
    view.calculate();
    view.change(["-node birch"]);
    expect(view.wants("route", "neighbour", "fdb")).toEqual(
      [
        "fdb MAC(cedar) dst 192.0.2.2 dev vxlan.causeway",
        "neighbour 10.0.2.1@MAC(cedar) lladdr MAC(cedar) dev vxlan.causeway",
        "route 10.0.2.0/29 via 10.0.2.1@MAC(cedar) dev vxlan.causeway onlink",
      ]
        .map(say)
        .sort(),
    );
    expect(view.conflicts()).toEqual([]);
    expect(view.problems()).toEqual([
      "error node birch: it has no record in the datastore: 1 block is not routed",
    ]);
  });

  test("three claimants: the first two leave, one after the other", () => {
    const node = (name: string): string => say(`node ${name} 192.0.2.9 vxlan=10.0.9.9`);
    const view = new NodeView().change([
      say(POOL),
      say(ALDER),
      ...["fir", "birch", "elm"].map(node),
    ]);
    view.calculate();
    expect(view.conflicts()).toContain(say("node address 192.0.2.9: birch before elm,fir"));
    view.change(["-node birch"]).calculate();
    expect(view.conflicts()).toContain(say("node address 192.0.2.9: elm before fir"));
    expect(view.wants("neighbour")[0]).toContain(say("MAC(elm)"));
    view.change(["-node elm"]).calculate();
    expect(view.conflicts()).toEqual([]);
    expect(view.wants("neighbour")[0]).toContain(say("MAC(fir)"));
  });

  test("a node never gives up what is its own, and the others see the winner", () => {
    const lines = [
      POOL,
      ALDER,
      "node zelkova 192.0.2.9/24 vxlan=10.0.0.1",
      "block 10.0.9.0/29 zelkova",
    ];
    const own = { links: [say("eth0 192.0.2.9/24")] };
    const zelkova = new NodeView({ node: "zelkova" }, own).change(lines.map(say));
    expect(zelkova.wants("address")).toEqual([say("address 10.0.0.1/32 dev vxlan.causeway")]);
    expect(zelkova.wants("route")).toEqual([say("route 10.0.9.0/29 blackhole")]);
    const alder = new NodeView().change(lines.map(say));
    expect(alder.wants("route", "neighbour")).toEqual([]);
    expect(zelkova.conflicts()).toEqual(alder.conflicts());
  });

  test("a node never gives up its own MAC", () => {
    const lines = [
      POOL,
      "node alder 192.0.2.1/24 vxlan=10.0.0.1 mac=66:00:00:00:00:09",
      "node zelkova 192.0.2.9/24 vxlan=10.0.9.1 mac=66:00:00:00:00:09",
      "block 10.0.0.0/29 alder",
    ].map(say);
    const zelkova = new NodeView({ node: "zelkova" }, { links: [say("eth0 192.0.2.9/24")] });
    zelkova.change(lines);
    expect(zelkova.wants("fdb", "neighbour", "route")).toEqual([]);
    expect(zelkova.wants("link")[0]).toContain("address 66:00:00:00:00:09");
    expect(zelkova.problems()).toContain(
      say("error node alder: another node has its VXLAN MAC: 1 block is not routed"),
    );
  });
});

test("a node that uses one address for two tunnels is no conflict", () => {
  const view = new NodeView().change([
    POOL,
    "pool q 10.1.0.0/16 ipip",
    ALDER,
    "node birch 192.0.2.2 vxlan=10.0.1.1 ipip=10.0.1.1",
  ]);
  view.calculate();
  expect(view.conflicts()).toEqual([]);
  expect(view.wants("route")).toEqual(["route 10.0.1.1/32 via 10.0.1.1 dev vxlan.causeway onlink"]);
});

test("the same MAC in both families of one node is no conflict", () => {
  const view = new NodeView().change([
    "node birch 192.0.2.2 2001:db8::2 vxlan=10.0.1.1 vxlan=fd00::1 mac=66:00:00:00:00:09 mac6=66:00:00:00:00:09",
  ]);
  view.calculate();
  expect(view.conflicts()).toEqual([]);
});
