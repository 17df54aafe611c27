/** Which routes the kernel refuses, and which it makes of its own accord, for the fake kernel. */
import { Cidr, maskIp } from "../../encap/address/cidr.ts";
import { addressBits, type IpAddress } from "../../encap/address/ip-address.ts";
import type {
  Address,
  Link,
  Nexthop,
  Route,
  RoutePath,
} from "../../tunnels/kernel/kernel-state.ts";

/** A route of the main table with any metric. */
export interface FakeRoute extends Route {
  readonly metric: number;
}

interface Ground {
  readonly links: ReadonlyMap<string, Link>;
  readonly addresses: ReadonlyMap<string, Address>;
  readonly nexthops: ReadonlyMap<number, Nexthop>;
  readonly routes: ReadonlyMap<string, FakeRoute>;
}

/** The errno with which the kernel refuses a route over `path`, or undefined. */
export function refusalOfRoute(ground: Ground, path: RoutePath): string | undefined {
  if (path.source !== undefined && !isLocal(ground, path.source)) return "EINVAL";
  if (path.nexthopId !== undefined) {
    return ground.nexthops.get(path.nexthopId)?.family === path.family ? undefined : "EINVAL";
  }
  return path.type === "unicast" ? refusalOfPath(ground, path) : undefined;
}

/** The same for the way of a route or a nexthop object. */
export function refusalOfPath(
  ground: Ground,
  { device, gateway, onlink }: Pick<RoutePath, "device" | "gateway" | "onlink">,
): string | undefined {
  const link = device === undefined ? undefined : ground.links.get(device);
  if (link === undefined) return "ENODEV";
  if (!link.up) return "ENETDOWN";
  if (gateway === undefined) return undefined;
  if (onlink) return isRoutedElsewhere(ground, gateway, link.name) ? "EINVAL" : undefined;
  const isReachable = [...ground.addresses.values()].some(
    ({ device: on, ip, prefixLength }) =>
      on === device &&
      ip.family === gateway.family &&
      maskIp(ip, prefixLength).equals(maskIp(gateway, prefixLength)),
  );
  if (isReachable) return undefined;
  return gateway.family === 4 ? "ENETUNREACH" : "EHOSTUNREACH";
}

/** IPv6 looks even an on-link gateway up, unless it is link-local; the default route does not count. */
function isRoutedElsewhere(ground: Ground, gateway: IpAddress, device: string): boolean {
  if (gateway.family === 4 || gateway.w0 >>> 22 === 0xfe80 >>> 6) return false;
  const [best] = [...ground.routes.values(), ...connectedRoutes(ground)]
    .filter(({ destination: { family, length }, path }) => {
      return family === 6 && length > 0 && path.type === "unicast";
    })
    .filter(({ destination }) => destination.contains(gateway))
    .sort((a, b) => b.destination.length - a.destination.length);
  if (best === undefined) return false;
  const { nexthopId, device: own } = best.path;
  return (nexthopId === undefined ? own : ground.nexthops.get(nexthopId)?.device) !== device;
}

/** Whether a deletion that names one path means a route with the other. */
export function isSameWay(found: RoutePath, named: RoutePath): boolean {
  return (
    found.protocol === named.protocol &&
    found.type === named.type &&
    found.nexthopId === named.nexthopId &&
    found.device === named.device &&
    `${found.gateway}` === `${named.gateway}`
  );
}

/** The routes that the kernel makes for the subnets of addresses. */
export function* connectedRoutes({ links, addresses }: Ground): Generator<FakeRoute> {
  for (const { device, ip, prefixLength } of addresses.values()) {
    if (links.get(device)?.up !== true || prefixLength === addressBits(ip.family)) continue;
    const { family } = ip;
    yield {
      destination: new Cidr(ip, prefixLength),
      metric: family === 4 ? 0 : 256,
      path: {
        family,
        type: "unicast",
        protocol: 2,
        nexthopId: undefined,
        device,
        gateway: undefined,
        onlink: false,
        mtu: undefined,
        source: family === 4 ? ip : undefined,
      },
    };
  }
}

function isLocal({ addresses }: Ground, ip: IpAddress): boolean {
  return [...addresses.values()].some((address) => address.ip.equals(ip));
}
