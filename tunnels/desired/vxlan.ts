/** The VXLAN device, and the rows that lead to a remote VTEP: neighbour, FDB entry, nexthop. */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import { linkLocalOf } from "../../encap/address/link-local.ts";
import type { TunnelMtu } from "../../encap/encap-mode.ts";
import type { FdbEntry, Link, Neighbour, Nexthop } from "../kernel/kernel-state.ts";
import { ROUTE_PROTOCOL } from "../kernel/kernel-state.ts";
import type { Vtep } from "../model/vtep.ts";

export interface VxlanSettings {
  readonly vni: number;
  readonly port: number;
  readonly mtu: TunnelMtu;
  /** Name of the parent device. */
  readonly parent: string;
}

/** As `ip link add … type vxlan id N local L dev P dstport N nolearning` makes it. */
export function vxlanLink(device: string, vtep: Vtep, settings: VxlanSettings): Link {
  return {
    name: device,
    ifindex: 0,
    up: true,
    running: true,
    mtu: settings.mtu,
    mac: vtep.mac,
    kind: "vxlan",
    tunnel: {
      kind: "vxlan",
      vni: settings.vni,
      port: settings.port,
      local: vtep.underlayIp,
      parent: settings.parent,
      learning: false,
      external: false,
      group: undefined,
      ttl: 0,
      tos: 0,
      ttlInherit: false,
      ageing: 300,
      proxy: false,
      l2miss: false,
      l3miss: false,
      gbp: false,
      udpChecksum: true,
      zeroChecksum6Tx: false,
      zeroChecksum6Rx: false,
      portLow: 0,
      portHigh: 0,
    },
  };
}

/**
 * What the routes to a VTEP name as their gateway, and its neighbour row resolves. In IPv6 not its
 * tunnel address: the kernel looks a gateway up in the routing table even where it is on-link, and
 * refuses one that a route leads to another device (`ip6_route_check_nh_onlink`). The block around
 * the tunnel address may well go direct, or another program have routed it until now. A link-local
 * address is taken as it is.
 */
export function vtepGateway({ family, tunnelIp, mac }: Vtep): IpAddress {
  return family === 4 ? tunnelIp : linkLocalOf(mac);
}

/** Where an inner packet goes first: the MAC of the VTEP that has the gateway. */
export function vxlanNeighbour(device: string, vtep: Vtep): Neighbour {
  return { device, ip: vtepGateway(vtep), mac: vtep.mac, permanent: true };
}

/** Where the frame goes then: the node that has this MAC. */
export function vxlanFdbEntry(device: string, vtep: Vtep): FdbEntry {
  return { device, mac: vtep.mac, destination: vtep.underlayIp };
}

/** The gateway is a neighbour on the device whatever its prefix. */
export function vxlanNexthop(device: string, vtep: Vtep): Omit<Nexthop, "id"> {
  const { family } = vtep;
  return { family, device, gateway: vtepGateway(vtep), onlink: true, protocol: ROUTE_PROTOCOL };
}
