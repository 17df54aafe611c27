/** A kernel state as sorted lines, with nexthop objects shown by what they do, not by their ids. */
import type { KernelState, Link, RoutePath } from "../../../tunnels/kernel/kernel-state.ts";
import type { PathTable } from "../../../tunnels/kernel/path-table.ts";
import type { RouteTable } from "../../../tunnels/kernel/route-table.ts";

export function printState(state: KernelState, paths: PathTable): string[] {
  const lines = [
    ...[...state.links.values()].map(printLink),
    ...[...state.addresses.values()].map(
      ({ ip, prefixLength, device }) => `address ${ip}/${prefixLength} dev ${device}`,
    ),
    ...[...state.neighbours.values()].map(
      ({ ip, mac, device }) => `neighbour ${ip} lladdr ${mac} dev ${device}`,
    ),
    ...[...state.fdb.values()].map(
      ({ mac, destination, device }) => `fdb ${mac} dst ${destination} dev ${device}`,
    ),
    ...[...state.nexthops.values()].map(
      ({ gateway, device, onlink }) =>
        `nexthop via ${gateway} dev ${device}${onlink ? " onlink" : ""}`,
    ),
    ...[...state.sysctls.values()].map(({ name, value }) => `sysctl ${name}=${value}`),
    ...printRoutes(state, state.routes[4], paths),
    ...printRoutes(state, state.routes[6], paths),
  ];
  return lines.sort();
}

function* printRoutes(state: KernelState, table: RouteTable, paths: PathTable): Generator<string> {
  for (const row of table.rows()) {
    const way = printPath(state, paths.get(table.pathOf(row)));
    yield `route ${table.destinationOf(row)} ${way}`;
  }
}

function printPath(state: KernelState, path: RoutePath): string {
  if (path.type !== "unicast") return path.type;
  const hop = path.nexthopId === undefined ? path : state.nexthops.get(path.nexthopId);
  if (hop === undefined) return `nhid ${path.nexthopId} WITHOUT OBJECT`;
  const words = [];
  if (hop.gateway) words.push(`via ${hop.gateway}`);
  words.push(`dev ${hop.device}`);
  if (hop.onlink) words.push("onlink");
  if (path.mtu !== undefined) words.push(`mtu ${path.mtu}`);
  if (path.source !== undefined) words.push(`src ${path.source}`);
  return words.join(" ");
}

function printLink({ name, mtu, mac, tunnel }: Link): string {
  const words = [`link ${name} mtu ${mtu}`];
  if (mac) words.push(`address ${mac}`);
  if (tunnel?.kind === "tun") words.push(`mode ${tunnel.mode}`);
  else if (tunnel) words.push(`local ${tunnel.local} dev ${tunnel.parent}`);
  if (tunnel?.kind === "vxlan") words.push(`id ${tunnel.vni} port ${tunnel.port}`);
  return words.join(" ");
}
