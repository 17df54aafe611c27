/**
 * Kernel objects as lines, much as `ip` and `bridge` show them, so that a case reads like a shell
 * session and a difference of two states is a difference of two lists.
 *
 *     link NAME [down] mtu N [address MAC] [id VNI] [port N] [local IP] [dev PARENT]
 *     address IP/LENGTH dev NAME
 *     neighbour IP lladdr MAC dev NAME [dynamic]
 *     fdb MAC dst IP dev NAME
 *     nexthop id N [via IP] dev NAME [onlink] protocol N
 *     route [blackhole] CIDR [nhid N] [via IP] [dev NAME] proto N [onlink] [src IP] [mtu N] [metric N]
 *     sysctl NAME=VALUE
 */
import { parseAddressWithLength, parseCidr } from "../../encap/address/cidr.ts";
import { type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import { type MacAddress, parseMac } from "../../encap/address/mac-address.ts";
import { ipipLink } from "../../tunnels/desired/ipip.ts";
import { tunLink } from "../../tunnels/desired/userspace.ts";
import { vxlanLink } from "../../tunnels/desired/vxlan.ts";
import { describeNexthop, describeRoute } from "../../tunnels/kernel/describe-op.ts";
import {
  type Address,
  addressKey,
  type FdbEntry,
  fdbKey,
  type KernelState,
  type Link,
  type Neighbour,
  type Nexthop,
  neighbourKey,
  ROUTE_PROTOCOL,
  type RouteType,
  type Sysctl,
} from "../../tunnels/kernel/kernel-state.ts";
import type { PathTable } from "../../tunnels/kernel/path-table.ts";
import type { FakeRoute } from "./fake-route-rules.ts";

export type KernelObject =
  | { readonly kind: "link"; readonly object: Link }
  | { readonly kind: "address"; readonly object: Address }
  | { readonly kind: "neighbour"; readonly object: Neighbour }
  | { readonly kind: "fdb"; readonly object: FdbEntry }
  | { readonly kind: "nexthop"; readonly object: Nexthop }
  | { readonly kind: "route"; readonly object: FakeRoute }
  | { readonly kind: "sysctl"; readonly object: Sysctl };

export function parseObject(line: string): KernelObject {
  const [kind, ...words] = line.trim().split(/\s+/) as [string, ...string[]];
  switch (kind) {
    case "link":
      return { kind, object: link(words) };
    case "address":
      return { kind, object: address(words) };
    case "neighbour":
      return { kind, object: neighbour(words) };
    case "fdb":
      return { kind, object: fdbEntry(words) };
    case "nexthop":
      return { kind, object: nexthop(words) };
    case "route":
      return { kind, object: route(words) };
    case "sysctl": {
      const [name = "", value = ""] = (words[0] ?? "").split("=");
      return { kind, object: { name, value } };
    }
    default:
      throw new SyntaxError(`no kernel object: "${line}"`);
  }
}

export function printObject({ kind, object }: KernelObject): string {
  switch (kind) {
    case "link":
      return `link ${printLink(object)}`;
    case "address":
      return `address ${object.ip}/${object.prefixLength} dev ${object.device}`;
    case "neighbour": {
      const { ip, mac, device, permanent } = object;
      return `neighbour ${ip} lladdr ${mac} dev ${device}${permanent ? "" : " dynamic"}`;
    }
    case "fdb":
      return `fdb ${object.mac} dst ${object.destination} dev ${object.device}`;
    case "nexthop":
      return `nexthop ${describeNexthop(object)}`;
    case "route": {
      const metric = object.metric === ourMetric(object) ? "" : ` metric ${object.metric}`;
      return `route ${describeRoute(object)}${metric}`;
    }
    case "sysctl":
      return `sysctl ${object.name}=${object.value}`;
  }
}

/** Makes `state` hold exactly the objects of the lines. */
export function fillState(state: KernelState, lines: readonly string[], paths: PathTable): void {
  const { links, addresses, neighbours, fdb, nexthops, routes, sysctls } = state;
  for (const map of [links, addresses, neighbours, fdb, nexthops, sysctls]) map.clear();
  for (const table of [routes[4], routes[6]]) table.clear();
  for (const line of lines) {
    const { kind, object } = parseObject(line);
    if (kind === "link") links.set(object.name, object);
    else if (kind === "address") addresses.set(addressKey(object), object);
    else if (kind === "neighbour") neighbours.set(neighbourKey(object), object);
    else if (kind === "fdb") fdb.set(fdbKey(object), object);
    else if (kind === "nexthop") nexthops.set(object.id, object);
    else if (kind === "sysctl") sysctls.set(object.name, object);
    else {
      const { destination, path } = object;
      routes[destination.family].setCidr(destination, paths.intern(path));
    }
  }
}

export function objectsOf(state: KernelState, paths: PathTable): KernelObject[] {
  const { links, addresses, neighbours, fdb, nexthops, sysctls, routes } = state;
  return [
    ...[...links.values()].map((object) => ({ kind: "link", object }) as const),
    ...[...addresses.values()].map((object) => ({ kind: "address", object }) as const),
    ...[...neighbours.values()].map((object) => ({ kind: "neighbour", object }) as const),
    ...[...fdb.values()].map((object) => ({ kind: "fdb", object }) as const),
    ...[...nexthops.values()].map((object) => ({ kind: "nexthop", object }) as const),
    ...[...sysctls.values()].map((object) => ({ kind: "sysctl", object }) as const),
    ...[routes[4], routes[6]].flatMap((table) =>
      [...table.rows()].map((row) => {
        const destination = table.destinationOf(row);
        const metric = ourMetric({ destination });
        const path = paths.get(table.pathOf(row));
        return { kind: "route", object: { destination, path, metric } } as const;
      }),
    ),
  ];
}

/** The metric of the routes we write, as the kernel shows it. */
export function ourMetric({ destination }: Pick<FakeRoute, "destination">): number {
  return destination.family === 4 ? 0 : 1024;
}

function after(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word);
  return at < 0 ? undefined : words[at + 1];
}

function ipAfter(words: readonly string[], word: string): IpAddress | undefined {
  const text = after(words, word);
  return text === undefined ? undefined : parseIp(text);
}

function numberAfter(words: readonly string[], word: string): number | undefined {
  const text = after(words, word);
  return text === undefined ? undefined : Number(text);
}

function link([name = "", ...words]: string[]): Link {
  const mtu = numberAfter(words, "mtu") ?? 1500;
  const parent = after(words, "dev") ?? "eth0";
  const isV6 = name.startsWith("vxlan6");
  const underlayIp = ipAfter(words, "local") ?? parseIp(isV6 ? "fd00:9::1" : "192.0.2.1");
  const up = !words.includes("down");
  if (name.startsWith("vxlan")) {
    const mac = parseMac(after(words, "address") ?? "66:00:00:00:00:01");
    const vtep = { node: "", family: underlayIp.family, tunnelIp: underlayIp, mac, underlayIp };
    const vni = numberAfter(words, "id") ?? 4096;
    const port = numberAfter(words, "port") ?? 4789;
    return { ...vxlanLink(name, vtep, { vni, port, mtu: mtu as never, parent }), up };
  }
  if (name.startsWith("ipip")) {
    return { ...ipipLink(name, underlayIp, { mtu: mtu as never, parent }), up };
  }
  if (name.startsWith("tun")) return { ...tunLink(name, mtu as never), up };
  const mac = after(words, "address") as MacAddress | undefined;
  const plain = { name, ifindex: 0, up, running: up, mtu, mac };
  return { ...plain, kind: undefined, tunnel: undefined };
}

function printLink({ name, up, mtu, mac, tunnel }: Link): string {
  const words = [name];
  if (!up) words.push("down");
  words.push(`mtu ${mtu}`);
  // A plain device has some MAC or other; on ours it is meant.
  if (tunnel?.kind === "vxlan") {
    words.push(`address ${mac} id ${tunnel.vni} port ${tunnel.port}`);
    words.push(`local ${tunnel.local} dev ${tunnel.parent}`);
  } else if (tunnel?.kind === "ipip") words.push(`local ${tunnel.local} dev ${tunnel.parent}`);
  return words.join(" ");
}

function address([text = "", ...words]: string[]): Address {
  const { address: ip, length = 0 } = parseAddressWithLength(text);
  const scope = ip.family === 6 && ip.w0 >>> 22 === 0x3fa ? "link" : "global";
  return { device: after(words, "dev") ?? "", ip, prefixLength: length, scope };
}

function neighbour([ip = "", ...words]: string[]): Neighbour {
  return {
    device: after(words, "dev") ?? "",
    ip: parseIp(ip),
    mac: parseMac(after(words, "lladdr") ?? ""),
    permanent: !words.includes("dynamic"),
  };
}

function fdbEntry([mac = "", ...words]: string[]): FdbEntry {
  return {
    device: after(words, "dev") ?? "",
    mac: parseMac(mac),
    destination: parseIp(after(words, "dst") ?? ""),
  };
}

function nexthop(words: string[]): Nexthop {
  const gateway = ipAfter(words, "via");
  return {
    id: numberAfter(words, "id") ?? 0,
    family: gateway?.family ?? 4,
    device: after(words, "dev") ?? "",
    gateway,
    onlink: words.includes("onlink"),
    protocol: numberAfter(words, "protocol") ?? ROUTE_PROTOCOL,
  };
}

function route(words: string[]): FakeRoute {
  const isSpecial = ["blackhole", "unreachable", "prohibit"].includes(words[0] ?? "");
  const destination = parseCidr(words[isSpecial ? 1 : 0] ?? "");
  return {
    destination,
    path: {
      family: destination.family,
      type: (isSpecial ? words[0] : "unicast") as RouteType,
      protocol: numberAfter(words, "proto") ?? ROUTE_PROTOCOL,
      nexthopId: numberAfter(words, "nhid"),
      device: after(words, "dev"),
      gateway: ipAfter(words, "via"),
      onlink: words.includes("onlink"),
      mtu: numberAfter(words, "mtu"),
      source: ipAfter(words, "src"),
    },
    metric: numberAfter(words, "metric") ?? ourMetric({ destination }),
  };
}
