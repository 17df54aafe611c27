// Two nodes that are alike but for who carries the tunnel: in one the kernel's device, in the other our engine. Both are
// called "tunnel". Their links end in a third namespace, where packets are seen and made.
//
//   kernel:  pod1, pod2 ── tunnel (vxlan, ipip, …) ── under ──── kernel ┐
//                                                                       │ wire
//   ours:    pod1, pod2 ── tunnel (TUN, engine) ───── under ────── ours ┘
//
// 10.244.1.0/25 and fd01:1::/65 are behind pod1, 10.244.1.128/25 and fd01:1:0:0:8000::/65 behind pod2.

import { execFileSync } from "node:child_process";
import { hostCidr, parseCidr } from "../../../encap/address/cidr.ts";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import { toVni, tunnelMtu, type UnderlayMtu } from "../../../encap/encap-mode.ts";
import type { ForwardingPlan, TunnelEndpoint } from "../../../encap/forwarding-plan.ts";
import { ipBatch } from "../../../src/demo/ip-command.ts";
import { removeNamespaces } from "../../../src/demo/namespace-removal.ts";
import { hasIpv6 } from "../../../src/demo/namespaces.ts";
import { namespacePath, writeSysctls } from "../../../src/demo/network-namespace.ts";
import type { DataPathCounters } from "../../../src/userspace/data-path.ts";
import { Forwarder } from "../../../src/userspace/forwarder.ts";
import { Injector, Tap } from "./tap.ts";
import { LOCAL_MAC, nodesOf, PORT, REMOTE_MAC, type Tunnel, VNI } from "./tunnels.ts";

export const SIDES = ["kernel", "ours"] as const;
export type Side = (typeof SIDES)[number];
export const PODS = ["pod1", "pod2"] as const;

export const NODE_LINK_MAC = "02:00:00:00:00:01";
export const WIRE_MAC = "02:00:00:00:00:02";
export const POD_LINK_MAC = "02:00:00:00:01:01";

const SYSCTLS = {
  "ipv4/ip_forward": 1,
  "ipv4/conf/all/rp_filter": 0,
  "ipv4/conf/default/rp_filter": 0,
  "ipv6/conf/all/forwarding": 1,
};

/** One of the two nodes. */
export interface Node {
  /** Inner packets into the tunnel device. */
  readonly intoTunnel: Injector;
  /** Packets out of pod1, for the node to route. */
  readonly outOfPod: Injector;
  /** Outer packets onto the node's link. */
  readonly ontoLink: Injector;
  /** What the node sends over its link. */
  readonly link: Tap;
  readonly tunnel: Tap;
  readonly pods: readonly Tap[];
}

export class DifferentialLab {
  readonly tunnel: Tunnel;
  readonly nodes: Readonly<Record<Side, Node>>;
  readonly #names: readonly string[];
  readonly #forwarder: Forwarder;

  private constructor(
    tunnel: Tunnel,
    names: readonly string[],
    forwarder: Forwarder,
    nodes: Readonly<Record<Side, Node>>,
  ) {
    this.tunnel = tunnel;
    this.#names = names;
    this.#forwarder = forwarder;
    this.nodes = nodes;
  }

  static async open(tunnel: Tunnel): Promise<DifferentialLab> {
    const prefix = `cwdiff-${process.pid}-${Math.random().toString(36).slice(2, 6)}`;
    const name = (what: string): string => `${prefix}-${what}`;
    const names = [...SIDES, "wire"].map(name);
    const netns = namespacePath(name("ours"));
    const forwarder = new Forwarder({ device: "tunnel", netns, engine: tunnel.engine });
    try {
      // A module that a guest's kernel has yet to load.
      if (!hasIpv6()) throw new Error("this kernel has no IPv6");
      await ipBatch(
        undefined,
        names.map((one) => `netns add ${one}`),
      );
      for (const side of SIDES) await setUpNode(name(side), name("wire"), side);
      const { link, mtu, encap } = tunnel;
      const mac = encap === "vxlan" ? ` address ${LOCAL_MAC}` : "";
      const viaVtep = encap === "vxlan";
      await ipBatch(name("kernel"), [`link add tunnel${mac} type ${link}`, ...up(mtu, viaVtep)]);
      await forwarder.start();
      await ipBatch(name("ours"), up(mtu, false));
      await forwarder.replace(planOf(tunnel));
      const [kernel, ours] = SIDES.map((side) => openNode(name(side), name("wire"), side));
      return new DifferentialLab(tunnel, names, forwarder, { kernel, ours } as Record<Side, Node>);
    } catch (error) {
      await forwarder.stop();
      removeNamespaces(names);
      throw error;
    }
  }

  /** Of our engine. */
  counters(): DataPathCounters {
    return this.#forwarder.counters();
  }

  async close(): Promise<void> {
    await this.#forwarder.stop();
    for (const node of Object.values(this.nodes)) {
      const { intoTunnel, outOfPod, ontoLink, link, tunnel, pods } = node;
      for (const one of [intoTunnel, outOfPod, ontoLink, link, tunnel, ...pods]) one.close();
    }
    removeNamespaces(this.#names);
  }
}

/** The rest of the set-up of a tunnel device, with the routes to the other node's pods. */
const up = (mtu: number, viaVtep: boolean): string[] => [
  "link set tunnel addrgenmode none",
  `link set tunnel mtu ${mtu} up`,
  ...["10.244.2.0/24", "fd01:2::/64"].flatMap((block) => {
    const [vtep] = block.split("/");
    if (!viaVtep) return [`route add ${block} dev tunnel`];
    return [
      `neighbour add ${vtep} lladdr ${REMOTE_MAC} dev tunnel nud permanent`,
      `route add ${block} via ${vtep} dev tunnel onlink`,
    ];
  }),
];

async function setUpNode(name: string, wire: string, side: Side): Promise<void> {
  writeSysctls(name, SYSCTLS);
  writeSysctls(wire, { "ipv6/conf/default/disable_ipv6": 1 });
  const [local4, remote4] = nodesOf(4);
  const [local6, remote6] = nodesOf(6);
  await ipBatch(name, [
    `link add under address ${NODE_LINK_MAC} type veth peer name ${side} address ${WIRE_MAC} netns ${wire}`,
    "link set lo up",
    "link set under addrgenmode none",
    "link set under up",
    `address add ${local4}/24 dev under`,
    `address add ${local6}/64 dev under nodad`,
    `neighbour add ${remote4} lladdr ${WIRE_MAC} dev under nud permanent`,
    `neighbour add ${remote6} lladdr ${WIRE_MAC} dev under nud permanent`,
    // Nobody answers there, and nobody has to.
    ...PODS.flatMap((pod, at) => [
      `link add ${pod} address ${POD_LINK_MAC} mtu 9000 type veth peer name peer${at}`,
      `link set ${pod} addrgenmode none`,
      `link set ${pod} arp off up`,
      `link set peer${at} mtu 9000`,
      `link set peer${at} up`,
      `route add 10.244.1.${at * 128}/25 dev ${pod}`,
      `route add fd01:1:0:0:${at === 0 ? "" : "8000"}::/65 dev ${pod}`.replace("0:::", "0::"),
    ]),
  ]);
  await ipBatch(wire, [`link set ${side} up`]);
  // Every packet by itself, its checksums finished, as on a wire.
  const offloads = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"];
  for (const [where, device] of [
    [name, "under"],
    [wire, side],
  ] as const) {
    execFileSync("ip", ["netns", "exec", where, "ethtool", "-K", device, ...offloads]);
  }
}

function openNode(name: string, wire: string, side: Side): Node {
  const [here, there] = [namespacePath(name), namespacePath(wire)];
  return {
    intoTunnel: new Injector(here, "tunnel"),
    outOfPod: new Injector(here, "peer0"),
    ontoLink: new Injector(there, side),
    link: new Tap(there, side),
    tunnel: new Tap(here, "tunnel"),
    pods: PODS.map((pod) => new Tap(here, pod)),
  };
}

function planOf({ encap, underlay, policy }: Tunnel): ForwardingPlan {
  const [localAddress, address] = nodesOf(underlay);
  const peers = buildRemoteTable([{ cidr: hostCidr(address), remote: 0 }]);
  const mtu = tunnelMtu(1500 as UnderlayMtu, encap, underlay);
  const base = { localAddress, mtu, peers, policy };
  const endpoint: TunnelEndpoint =
    encap === "ipip"
      ? { ...base, encap }
      : { ...base, encap, vni: toVni(VNI), port: PORT, mac: LOCAL_MAC };
  const remote = encap === "ipip" ? { encap, address } : { encap, address, mac: REMOTE_MAC };
  const prefixes = ["10.244.2.0/24", "fd01:2::/32"].map((cidr) => {
    return { cidr: parseCidr(cidr), remote: 0 };
  });
  return { endpoints: [endpoint], remotes: [remote], prefixes: buildRemoteTable(prefixes) };
}
