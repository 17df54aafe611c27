/**
 * The TUN device that hands packets to the data path, and what the data path is told of this node's
 * tunnels and of a remote node. The device has no neighbours and no nexthop objects: it is
 * point-to-point, and the kernel throws the objects of a device away whenever nobody is attached to
 * it (`nh_netdev_event` in net/ipv4/nexthop.c), the routes over them included.
 */
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { TunnelMtu, Vni } from "../../encap/encap-mode.ts";
import type {
  IpipEndpoint,
  IpipRemote,
  VxlanEndpoint,
  VxlanRemote,
} from "../../encap/forwarding-plan.ts";
import { IPIP_POLICY, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import { type Link, ROUTE_PROTOCOL, type RoutePath } from "../kernel/kernel-state.ts";
import type { Vtep } from "../model/vtep.ts";
import type { IpipSettings } from "./ipip.ts";
import type { VxlanSettings } from "./vxlan.ts";

/** An endpoint before it is known who its peers are. */
export type LocalEndpoint = Omit<VxlanEndpoint, "peers"> | Omit<IpipEndpoint, "peers">;

/** As `ip tuntap add … mode tun` makes it. */
export function tunLink(device: string, mtu: TunnelMtu): Link {
  return {
    name: device,
    ifindex: 0,
    up: true,
    running: true,
    mtu,
    mac: undefined,
    kind: "tun",
    tunnel: { kind: "tun", mode: "tun", multiQueue: false },
  };
}

/** What `vxlanLink` makes the kernel do. */
export function vxlanEndpoint(
  { underlayIp, mac }: Vtep,
  { vni, port, mtu }: VxlanSettings,
): Omit<VxlanEndpoint, "peers"> {
  const localAddress = underlayIp;
  return { encap: "vxlan", localAddress, mtu, policy: VXLAN_POLICY, vni: vni as Vni, port, mac };
}

/** What `ipipLink` makes the kernel do. */
export function ipipEndpoint(
  nodeIp: IpAddress,
  { mtu }: IpipSettings,
): Omit<IpipEndpoint, "peers"> {
  return { encap: "ipip", localAddress: nodeIp, mtu, policy: IPIP_POLICY };
}

/** All remote nodes share it: which of them a packet goes to is the data path's to know. */
export function tunPath(
  family: Family,
  { link, mtu, source }: { link: Link; mtu: TunnelMtu; source: IpAddress | undefined },
): RoutePath {
  return {
    family,
    type: "unicast",
    protocol: ROUTE_PROTOCOL,
    nexthopId: undefined,
    device: link.name,
    gateway: undefined,
    onlink: false,
    mtu: mtu === link.mtu ? undefined : mtu,
    source,
  };
}

/** Where neighbour and FDB entry lead in the kernel. */
export function vxlanRemote({ underlayIp, mac }: Vtep): VxlanRemote {
  return { encap: "vxlan", address: underlayIp, mac };
}

export function ipipRemote(nodeIp: IpAddress): IpipRemote {
  return { encap: "ipip", address: nodeIp };
}
