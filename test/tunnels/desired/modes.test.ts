/** Every mode of every encapsulation, towards a node of the same subnet and one beyond it. */
import { describe, expect, test } from "vitest";
import { NodeView } from "./node-view.ts";
import { twin } from "./notation.ts";

const NODES = [
  "node alder 192.0.2.1/24 vxlan=10.0.0.1 ipip=10.0.0.2",
  "node birch 192.0.2.2/24 vxlan=10.0.1.1 ipip=10.0.1.2",
  "node cedar 198.51.100.3/24 vxlan=10.0.2.1 ipip=10.0.2.2",
];
const BLOCKS = ["block 10.0.1.0/29 birch", "block 10.0.2.0/29 cedar"];

const DIRECT = "via 192.0.2.2 dev eth0 onlink";
const WAYS = {
  vxlan: {
    birch: "via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink",
    cedar: "via 10.0.2.1@MAC(cedar) dev vxlan.causeway onlink",
  },
  ipip: {
    birch: "via 192.0.2.2 dev ipip.causeway onlink",
    cedar: "via 198.51.100.3 dev ipip.causeway onlink",
  },
} as const;

interface ModeCase {
  readonly family: 4 | 6;
  readonly pool: string;
  readonly birch: string;
  readonly cedar: string | undefined;
}

const MODES: readonly ModeCase[] = ([4, 6] as const).flatMap((family): ModeCase[] => [
  { family, pool: "vxlan Always", ...WAYS.vxlan },
  { family, pool: "vxlan CrossSubnet", birch: DIRECT, cedar: WAYS.vxlan.cedar },
  { family, pool: "none", birch: DIRECT, cedar: undefined },
  ...(family === 4
    ? [
        { family, pool: "ipip Always", ...WAYS.ipip },
        { family, pool: "ipip CrossSubnet", birch: DIRECT, cedar: WAYS.ipip.cedar },
      ]
    : []),
]);

function expected({ birch, cedar }: Pick<ModeCase, "birch" | "cedar">): string[] {
  const routes = [`route 10.0.1.0/29 ${birch}`];
  if (cedar !== undefined) routes.push(`route 10.0.2.0/29 ${cedar}`);
  return routes;
}

describe.each([true, false])("with nexthop objects: %s", (nexthopObjects) => {
  test.each(MODES)("IPv$family, $pool", ({ family, pool, ...ways }) => {
    const say = (line: string): string => twin(family, line);
    const given = [`pool p 10.0.0.0/16 ${pool}`, ...NODES, ...BLOCKS].map(say);
    const view = new NodeView({ nexthopObjects }).change(given);
    const routes = view.wants("route").filter((line) => /\/(?:29|125) /.test(line));
    expect(routes).toEqual(expected(ways).map(say));
  });
});

describe("a change of mode", () => {
  const changes = MODES.flatMap((from) =>
    MODES.filter(({ family, pool }) => family === from.family && pool !== from.pool).map((to) => ({
      family: from.family,
      from: from.pool,
      to: to.pool,
    })),
  );

  test.each(changes)(
    "IPv$family, $from to $to, wants what a fresh node wants",
    ({ family, from, to }) => {
      const say = (line: string): string => twin(family, line);
      const rest = [...NODES, ...BLOCKS].map(say);
      const view = new NodeView().change([say(`pool p 10.0.0.0/16 ${from}`), ...rest]);
      view.calculate();
      view.change([say(`pool p 10.0.0.0/16 ${to}`)]);
      const fresh = new NodeView().change([say(`pool p 10.0.0.0/16 ${to}`), ...rest]);
      expect(view.wants()).toEqual(fresh.wants());
    },
  );
});

test("pools of every mode live beside each other", () => {
  const pools = [
    "pool a 10.1.0.0/16 vxlan Always",
    "pool b 10.2.0.0/16 vxlan CrossSubnet",
    "pool c 10.3.0.0/16 ipip Always",
    "pool d 10.4.0.0/16 ipip CrossSubnet",
    "pool e 10.5.0.0/16 none",
  ];
  const blocks = [1, 2, 3, 4, 5].flatMap((pool) => [
    `block 10.${pool}.1.0/29 birch`,
    `block 10.${pool}.2.0/29 cedar`,
  ]);
  const view = new NodeView().change([...pools, ...NODES, ...blocks]);
  expect(view.wants("route").filter((line) => line.includes("/29"))).toEqual(
    [
      `route 10.1.1.0/29 ${WAYS.vxlan.birch}`,
      `route 10.1.2.0/29 ${WAYS.vxlan.cedar}`,
      `route 10.2.1.0/29 ${DIRECT}`,
      `route 10.2.2.0/29 ${WAYS.vxlan.cedar}`,
      `route 10.3.1.0/29 ${WAYS.ipip.birch}`,
      `route 10.3.2.0/29 ${WAYS.ipip.cedar}`,
      `route 10.4.1.0/29 ${DIRECT}`,
      `route 10.4.2.0/29 ${WAYS.ipip.cedar}`,
      `route 10.5.1.0/29 ${DIRECT}`,
    ].map((line) => twin(4, line)),
  );
  expect(view.problems()).toEqual([
    'note node cedar: pool "e" is Never and the node is in another subnet: 1 block is not routed',
  ]);
});
