// Nodes as network namespaces on one link, each with a data path of ours or set up by hand:
//
//   node 1                     node 2                     node 3
//   192.0.2.1, 2001:db8::1     192.0.2.2, 2001:db8::2     ...          underlay, device "under"
//   10.244.1.1, fd01:1::1      10.244.2.1, fd01:2::1      ...          inside, device "tun.causeway"
//         |                          |                      |
//         '------------------------ hub --------------------'          a bridge in a namespace of its own

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { hostCidr, parseCidr } from "../../../encap/address/cidr.ts";
import { type Family, type IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import { type MacAddress, parseMac } from "../../../encap/address/mac-address.ts";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import { toVni, tunnelMtu, type UnderlayMtu } from "../../../encap/encap-mode.ts";
import type { ForwardingPlan, Remote, TunnelEndpoint } from "../../../encap/forwarding-plan.ts";
import {
  IP6TNL_POLICY,
  IPIP_POLICY,
  type OuterPolicy,
  VXLAN_POLICY,
} from "../../../encap/outer-policy.ts";
import type { Engine } from "../../../src/userspace/data-path.ts";
import type { Forwarder } from "../../../src/userspace/forwarder.ts";

const run = promisify(execFile);

/** The compiled one: Node cannot run a worker thread from TypeScript. */
const COMPILED = "../../../.cache/js/src/userspace/forwarder.js";
type Compiled = typeof import("../../../src/userspace/forwarder.ts");

export const DEVICE = "tun.causeway";
export const UNDER = "under";
export const VNI = 4096;
export const PORT = 4789;

export type Encap = "vxlan" | "ipip";

export interface TunnelOptions {
  readonly encap: Encap;
  readonly family: Family;
  readonly engine?: Engine;
  readonly policy?: Partial<OuterPolicy>;
  /** MTU of the links, 1500 without. */
  readonly linkMtu?: number | undefined;
}

export class ForwarderLab {
  readonly #prefix: string;
  readonly #nodes: number;
  readonly #forwarders: Forwarder[] = [];

  private constructor(prefix: string, nodes: number) {
    this.#prefix = prefix;
    this.#nodes = nodes;
  }

  static async open(nodes = 2): Promise<ForwarderLab> {
    const lab = new ForwarderLab(
      `cwus-${process.pid}-${Math.random().toString(36).slice(2, 6)}`,
      nodes,
    );
    const hub = lab.name("hub");
    await run("ip", ["netns", "add", hub]);
    await run("ip", ["-n", hub, "link", "add", "bridge", "type", "bridge"]);
    await run("ip", ["-n", hub, "link", "set", "bridge", "up"]);
    for (let node = 1; node <= nodes; node++) {
      await run("ip", ["netns", "add", lab.name(node)]);
      await lab.ip(node, "link set lo up");
      await lab.ip(node, `link add ${UNDER} type veth peer name port${node} netns ${hub}`);
      await lab.ip(node, `address add 192.0.2.${node}/24 dev ${UNDER}`);
      await lab.ip(node, `address add 2001:db8::${node}/64 dev ${UNDER} nodad`);
      await lab.ip(node, `link set ${UNDER} up`);
      await run("ip", ["-n", hub, "link", "set", `port${node}`, "master", "bridge", "up"]);
    }
    return lab;
  }

  name(node: number | "hub"): string {
    return `${this.#prefix}-${node}`;
  }

  netns(node: number): string {
    return `/run/netns/${this.name(node)}`;
  }

  /** Runs `ip` in a node's namespace. */
  async ip(node: number, command: string): Promise<string> {
    const { stdout } = await run("ip", ["-n", this.name(node), ...command.split(" ")]);
    return stdout;
  }

  /** Links of another MTU. */
  async setLinkMtu(mtu: number): Promise<void> {
    for (const node of this.others(0)) {
      await this.ip(node, `link set ${UNDER} mtu ${mtu}`);
      await this.exec("hub", `ip link set port${node} mtu ${mtu}`);
    }
  }

  /** Makes a router of the hub, and its link to node 2 a narrow one; node 1 only hears of it. */
  async narrow(mtu: number): Promise<void> {
    await this.ip(2, `link set ${UNDER} mtu ${mtu}`);
    const commands = [
      "ip link set port2 mtu MTU",
      "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
      "sysctl -qw net.ipv6.conf.all.proxy_ndp=1",
    ];
    for (const node of this.others(0)) {
      const port = `port${node}`;
      commands.push(
        `ip link set ${port} nomaster`,
        `sysctl -qw net.ipv4.conf.${port}.proxy_arp=1 net.ipv6.conf.${port}.proxy_ndp=1`,
        `ip address add 192.0.2.25${node}/32 dev ${port}`,
        `ip address add 2001:db8::25${node}/128 dev ${port} nodad`,
        `ip route add 192.0.2.${node}/32 dev ${port}`,
        `ip route add 2001:db8::${node}/128 dev ${port}`,
        ...this.others(node).map(
          (other) => `ip neighbour add proxy 2001:db8::${other} dev ${port}`,
        ),
      );
    }
    await this.exec("hub", commands.join(" && ").replace("MTU", String(mtu)));
  }

  /**
   * Packets cross the link one by one, and wait at its end for others to be merged with, as the
   * interrupt moderation of a real device has it.
   */
  async holdPacketsOff(): Promise<void> {
    for (const node of this.others(0)) {
      const there = `/sys/class/net/${UNDER}`;
      await this.exec("hub", `ethtool -K port${node} tso off gso off`);
      await this.exec(node, `ethtool -K ${UNDER} tso off gso off gro on`);
      await this.exec(node, `echo 20000 > ${there}/gro_flush_timeout`);
      await this.exec(node, `echo 2 > ${there}/napi_defer_hard_irqs`);
    }
  }

  /** Runs a command in a namespace. */
  async exec(node: number | "hub", command: string): Promise<string> {
    const args = ["netns", "exec", this.name(node), "bash", "-c", command];
    const { stdout } = await run("ip", args);
    return stdout;
  }

  /** Starts the data path of a node, and sets its device up as the control plane would. */
  async forward(node: number, options: TunnelOptions): Promise<Forwarder> {
    const { Forwarder } = (await import(COMPILED)) as Compiled;
    const netns = this.netns(node);
    const forwarder = new Forwarder({ device: DEVICE, netns, engine: options.engine });
    this.#forwarders.push(forwarder);
    await forwarder.start();
    await this.setUp(node, options);
    await forwarder.replace(this.plan(node, options));
    return forwarder;
  }

  /** Addresses and routes of a node's tunnel device. */
  async setUp(node: number, options: TunnelOptions, device = DEVICE): Promise<void> {
    const { encap, family, linkMtu } = options;
    await this.ip(node, `link set ${device} mtu ${mtuOf(encap, family, linkMtu)} up`);
    await this.ip(node, `address add 10.244.${node}.1/32 dev ${device}`);
    await this.ip(node, `address add fd01:${node}::1/128 dev ${device} nodad`);
    for (const other of this.others(node)) {
      const onlink = device === DEVICE ? "" : ` via 10.244.${other}.1 onlink`;
      const onlink6 = device === DEVICE ? "" : ` via fd01:${other}::1 onlink`;
      await this.ip(
        node,
        `route add 10.244.${other}.0/24${onlink} dev ${device} src 10.244.${node}.1`,
      );
      await this.ip(
        node,
        `route add fd01:${other}::/64${onlink6} dev ${device} src fd01:${node}::1`,
      );
    }
  }

  /** A kernel device in place of a data path of ours. */
  async forwardInKernel(node: number, { family, linkMtu, policy }: TunnelOptions): Promise<void> {
    const device = "vxlan.hand";
    const df = policy?.dontFragment === true ? "df set" : "df unset";
    // Unfinished checksums would reach a socket on this machine, as they never do over a wire.
    await this.exec(node, `ethtool -K ${UNDER} tx off`);
    const local = underlay(node, family);
    await this.ip(
      node,
      `link add ${device} address ${macOf(node)} type vxlan id ${VNI} local ${local} dev ${UNDER} dstport ${PORT} nolearning ${df}`,
    );
    await this.setUp(node, { encap: "vxlan", family, linkMtu }, device);
    for (const other of this.others(node)) {
      const mac = macOf(other);
      await this.ip(
        node,
        `neighbour add 10.244.${other}.1 lladdr ${mac} dev ${device} nud permanent`,
      );
      await this.ip(
        node,
        `neighbour add fd01:${other}::1 lladdr ${mac} dev ${device} nud permanent`,
      );
      const fdb = [
        "fdb",
        "add",
        mac,
        "dev",
        device,
        "dst",
        underlay(other, family).toString(),
        "self",
      ];
      await run("bridge", ["-n", this.name(node), ...fdb, "permanent"]);
    }
  }

  /** Sends by `encap` and receives both; remotes are in the order of `others`. */
  plan(node: number, options: TunnelOptions, others = this.others(node)): ForwardingPlan {
    const { encap, family } = options;
    const remotes = others.map((other): Remote => {
      const address = underlay(other, family);
      return encap === "vxlan" ? { encap, address, mac: macOf(other) } : { encap, address };
    });
    const prefixes = others.flatMap((other, remote) => [
      { cidr: parseCidr(`10.244.${other}.0/24`), remote },
      { cidr: parseCidr(`fd01:${other}::/64`), remote },
    ]);
    const other = encap === "vxlan" ? "ipip" : "vxlan";
    const both = { family, linkMtu: options.linkMtu };
    const endpoints = [
      this.endpoint(node, options),
      this.endpoint(node, { encap: other, ...both }),
    ];
    return { endpoints, remotes, prefixes: buildRemoteTable(prefixes) };
  }

  endpoint(node: number, { encap, family, policy, linkMtu }: TunnelOptions): TunnelEndpoint {
    const peers = this.others(node).map((other) => underlay(other, family));
    const base = {
      localAddress: underlay(node, family),
      mtu: mtuOf(encap, family, linkMtu),
      peers: buildRemoteTable(peers.map((address) => ({ cidr: hostCidr(address), remote: 0 }))),
    };
    const ipipPolicy = family === 4 ? IPIP_POLICY : IP6TNL_POLICY;
    if (encap === "ipip") return { ...base, encap, policy: { ...ipipPolicy, ...policy } };
    return {
      ...base,
      encap,
      vni: toVni(VNI),
      port: PORT,
      mac: macOf(node),
      policy: { ...VXLAN_POLICY, ...policy },
    };
  }

  others(node: number): number[] {
    return Array.from({ length: this.#nodes }, (_, at) => at + 1).filter((other) => other !== node);
  }

  async close(): Promise<void> {
    for (const forwarder of this.#forwarders) await forwarder.stop();
    for (const node of [...this.others(0), "hub" as const]) {
      await run("ip", ["netns", "del", this.name(node)]);
    }
  }
}

export function mtuOf(encap: Encap, family: Family, linkMtu = 1500): ReturnType<typeof tunnelMtu> {
  return tunnelMtu(linkMtu as UnderlayMtu, encap, family);
}

export function inner(node: number, family: Family): string {
  return family === 4 ? `10.244.${node}.1` : `fd01:${node}::1`;
}

export function underlay(node: number, family: Family): IpAddress {
  return parseIp(family === 4 ? `192.0.2.${node}` : `2001:db8::${node}`);
}

export function macOf(node: number): MacAddress {
  return parseMac(`66:00:00:00:00:0${node}`);
}
