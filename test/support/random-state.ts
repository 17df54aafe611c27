/**
 * Random kernel states as lines (state-lines.ts), such as an agent can want: what is named is there.
 * Drawn from few values, so that two of them share keys and differ in what stands under them.
 */
import fc from "fast-check";
import type { Family } from "../../encap/address/ip-address.ts";

/** Beside the underlay that every lab has: a second link, to move to. */
export const SECOND_LINK: readonly string[] = [
  "link eth1 mtu 1500",
  "address 198.51.100.1/24 dev eth1",
  "address fd00:8::1/64 dev eth1",
];

const PARENTS = {
  eth0: { 4: "192.0.2.1", 6: "fd00:9::1" },
  eth1: { 4: "198.51.100.1", 6: "fd00:8::1" },
} as const;

interface Device {
  readonly name: string;
  readonly family: Family;
  readonly kind: "vxlan" | "ipip";
  /** Nexthop ids of its remote nodes begin here. */
  readonly firstId: number;
}

const DEVICES: readonly Device[] = [
  { name: "vxlan.causeway", family: 4, kind: "vxlan", firstId: 10 },
  { name: "vxlan6.causeway", family: 6, kind: "vxlan", firstId: 20 },
  { name: "ipip.causeway", family: 4, kind: "ipip", firstId: 30 },
];
const DIRECT_IDS = { 4: 40, 6: 50 } as const;
const NODES = [2, 3, 4];

const DESTINATIONS: Readonly<Record<Family, readonly string[]>> = {
  4: ["10.2.0.0/26", "10.2.0.64/26", "10.2.0.0/24", "10.2.0.7/32", "10.3.0.0/16", "0.0.0.0/1"],
  6: ["fd02::/122", "fd02::40/122", "fd02::/64", "fd02::7/128", "8000::/1"],
};

/** What is on one tunnel device, and how each remote node is reached through it. */
interface Tunnel {
  readonly lines: readonly string[];
  readonly ways: readonly string[];
}

function tunnel(device: Device, hasObjects: boolean): fc.Arbitrary<Tunnel> {
  const { name, family, kind, firstId } = device;
  return fc
    .record({
      parent: fc.constantFrom("eth0", "eth0", "eth1"),
      mtu: fc.constantFrom(1450, 1400),
      vni: fc.constantFrom(4096, 4096, 4097),
      mac: fc.constantFrom("66:00:00:00:00:01", "66:00:00:00:00:01", "66:00:00:00:00:0a"),
      own: fc.constantFrom(1, 2),
      nodes: fc.subarray(NODES),
      /** Those that have another node address, and those that have another MAC. */
      moved: fc.subarray(NODES),
      renamed: fc.subarray(NODES),
    })
    .map(({ parent, mtu, vni, mac, own, nodes, moved, renamed }) => {
      const local = PARENTS[parent as keyof typeof PARENTS][family];
      const parameters = kind === "vxlan" ? `address ${mac} id ${vni} port 4789 ` : "";
      const lines = [
        `link ${name} mtu ${mtu} ${parameters}local ${local} dev ${parent}`,
        `address ${tunnelIp(family, own)}/${family === 4 ? 32 : 128} dev ${name}`,
      ];
      const ways = nodes.map((node) => {
        const remote = nodeIp(family, moved.includes(node) ? node + 10 : node);
        const gateway = kind === "ipip" ? remote : vtepGateway(family, node);
        if (kind === "vxlan") {
          const remoteMac = `66:00:00:00:0${renamed.includes(node) ? 2 : 1}:0${node}`;
          lines.push(`neighbour ${gateway} lladdr ${remoteMac} dev ${name}`);
          lines.push(`fdb ${remoteMac} dst ${remote} dev ${name}`);
        }
        return way(lines, hasObjects, firstId + node, gateway, name);
      });
      return { lines, ways };
    });
}

/** How remote nodes of the same subnet are reached without a tunnel. */
function directWays(family: Family, hasObjects: boolean): fc.Arbitrary<Tunnel> {
  return fc.subarray(NODES).map((nodes) => {
    const lines: string[] = [];
    const id = DIRECT_IDS[family];
    return {
      lines,
      ways: nodes.map((node) => way(lines, hasObjects, id + node, nodeIp(family, node), "eth0")),
    };
  });
}

/** The path over a gateway, as an object of its own (then added to `lines`) or in the route. */
function way(
  lines: string[],
  hasObjects: boolean,
  id: number,
  gateway: string,
  device: string,
): string {
  if (!hasObjects) return `via ${gateway} dev ${device} proto 202 onlink`;
  lines.push(`nexthop id ${id} via ${gateway} dev ${device} onlink protocol 202`);
  return `nhid ${id} proto 202`;
}

function routes(family: Family, ways: readonly string[]): fc.Arbitrary<string[]> {
  const one = (destination: string): fc.Arbitrary<string> =>
    fc.constantFrom(
      "",
      `route blackhole ${destination} proto 202`,
      ...ways.map((path) => `route ${destination} ${path}`),
    );
  return fc
    .tuple(...DESTINATIONS[family].map(one))
    .map((lines) => lines.filter((line) => line !== ""));
}

export function wantedState(hasObjects: boolean): fc.Arbitrary<string[]> {
  return fc
    .tuple(
      fc.subarray([...DEVICES]).chain((devices) => {
        const tunnels = devices.map((device) => tunnel(device, hasObjects));
        return fc.tuple(fc.constant(devices), fc.tuple(...tunnels));
      }),
      directWays(4, hasObjects),
      directWays(6, hasObjects),
    )
    .chain(([[devices, tunnels], direct4, direct6]) => {
      const waysOf = (family: Family, direct: Tunnel): string[] => [
        ...direct.ways,
        ...tunnels.flatMap(({ ways }, at) => (devices[at]?.family === family ? ways : [])),
      ];
      const objects = [...tunnels, direct4, direct6].flatMap(({ lines }) => lines);
      return fc
        .tuple(routes(4, waysOf(4, direct4)), routes(6, waysOf(6, direct6)))
        .map(([four, six]) => [...objects, ...four, ...six]);
    });
}

/** What other programs have in the kernel. */
export const foreignObjects: fc.Arbitrary<string[]> = fc.subarray([
  "route 10.2.0.0/26 via 192.0.2.254 dev eth0 proto 3",
  "route 10.2.0.7/32 via 192.0.2.254 dev eth0 proto 80 onlink",
  "route 10.2.0.0/26 via 192.0.2.254 dev eth0 proto 3 metric 50",
  "route 10.77.0.0/16 via 192.0.2.254 dev eth0 proto 4",
  "route blackhole fd02::40/122 proto 12",
  "route fd77::/64 via fd00:9::fe dev eth0 proto 4",
  "nexthop id 900 via 192.0.2.254 dev eth0 protocol 3",
  "route 10.78.0.0/16 via 192.0.2.253 dev eth0 proto 3",
  "address 192.0.2.77/24 dev eth0",
  "neighbour 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0",
  "link vxlan.calico mtu 1450 address 66:00:00:00:00:77 id 77 port 4790 local 192.0.2.1 dev eth0",
]);

function nodeIp(family: Family, node: number): string {
  return family === 4 ? `192.0.2.${node}` : `fd00:9::${node}`;
}

/** Link-local in IPv6, where no other gateway is certain to be taken. */
function vtepGateway(family: Family, node: number): string {
  return family === 4 ? tunnelIp(family, node) : `fe80::${node}`;
}

function tunnelIp(family: Family, node: number): string {
  return family === 4 ? `10.1.0.${node}` : `fd01::${node}`;
}
