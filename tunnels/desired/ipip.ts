/** The IP-in-IP device, one for all remote nodes, and the nexthop that leads to one of them. */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { TunnelMtu } from "../../encap/encap-mode.ts";
import type { Link, Nexthop } from "../kernel/kernel-state.ts";
import { ROUTE_PROTOCOL } from "../kernel/kernel-state.ts";

export interface IpipSettings {
  readonly mtu: TunnelMtu;
  /** Name of the parent device. */
  readonly parent: string;
}

/** As `ip link add … type ipip mode ipip local L dev P` makes it: TTL inherited, DF set on the outer header. */
export function ipipLink(device: string, nodeIp: IpAddress, settings: IpipSettings): Link {
  return {
    name: device,
    ifindex: 0,
    up: true,
    running: true,
    mtu: settings.mtu,
    mac: undefined,
    kind: "ipip",
    tunnel: {
      kind: "ipip",
      local: nodeIp,
      remote: undefined,
      parent: settings.parent,
      protocol: 4,
      ttl: 0,
      tos: 0,
      pmtuDiscovery: true,
      external: false,
    },
  };
}

/** The gateway is the node's own address: the device writes it as the outer destination. */
export function ipipNexthop(device: string, nodeIp: IpAddress): Omit<Nexthop, "id"> {
  return { family: 4, device, gateway: nodeIp, onlink: true, protocol: ROUTE_PROTOCOL };
}
