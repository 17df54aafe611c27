/** No encapsulation: routes over the underlay itself, on the parent device. */
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { Nexthop, RoutePath, UnderlayRoute } from "../kernel/kernel-state.ts";
import { ROUTE_PROTOCOL } from "../kernel/kernel-state.ts";

/** The gateway is a node of the same subnet. */
export function directNexthop(parent: string, nodeIp: IpAddress): Omit<Nexthop, "id"> {
  const family = nodeIp.family;
  return { family, device: parent, gateway: nodeIp, onlink: true, protocol: ROUTE_PROTOCOL };
}

/** The way that the underlay has for a node, as a route of our own that nothing can shadow. */
export function underlayPath(route: UnderlayRoute): RoutePath {
  return {
    family: route.destination.family,
    type: "unicast",
    protocol: ROUTE_PROTOCOL,
    nexthopId: undefined,
    device: route.device,
    gateway: route.gateway,
    onlink: false,
    mtu: undefined,
    source: undefined,
  };
}

/** A local block: what has no workload behind it must not leave the node and come back in circles. */
export function blackholePath(family: Family): RoutePath {
  return {
    family,
    type: "blackhole",
    protocol: ROUTE_PROTOCOL,
    nexthopId: undefined,
    device: undefined,
    gateway: undefined,
    onlink: false,
    mtu: undefined,
    source: undefined,
  };
}
