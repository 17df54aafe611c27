/**
 * Where a packet of this node goes by the wanted state, as the kernel and the data path would take
 * it: the longest route, then nexthop, neighbour and FDB entry, or the forwarding plan.
 */

import type { Cidr } from "../../../encap/address/cidr.ts";
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import type { ForwardingPlan, Remote } from "../../../encap/forwarding-plan.ts";
import type { KernelState, RoutePath } from "../../../tunnels/kernel/kernel-state.ts";
import { fdbKey, neighbourKey } from "../../../tunnels/kernel/kernel-state.ts";
import type { NodeView } from "./node-view.ts";

/** "vxlan 192.0.2.2 66:…", "ipip 192.0.2.2", "via 192.0.2.2 dev eth0", "blackhole", "no route". */
export function packetWay({ overlay, paths }: NodeView, address: IpAddress): string {
  const path = longestRoute(overlay.desired, address, (id) => paths.get(id));
  if (path === undefined) return "no route";
  if (path.type !== "unicast") return path.type;
  const { desired, forwardingPlan } = overlay;
  const hop = path.nexthopId === undefined ? path : desired.nexthops.get(path.nexthopId);
  switch (hop?.device) {
    case "tun.causeway":
      return remoteWay(remoteOf(forwardingPlan, address));
    case "ipip.causeway":
      return `ipip ${hop.gateway}`;
    case "vxlan.causeway":
    case "vxlan6.causeway": {
      const { device, gateway } = hop;
      const row = gateway && desired.neighbours.get(neighbourKey({ device, ip: gateway }));
      const entry = row && desired.fdb.get(fdbKey({ device, mac: row.mac }));
      return `vxlan ${entry?.destination} ${row?.mac}`;
    }
    default:
      return `via ${hop?.gateway} dev ${hop?.device}`;
  }
}

/** What the data path does with a packet for the address, whatever the kernel would. */
export function remoteOf(
  plan: ForwardingPlan | undefined,
  { family, w0, w1, w2, w3 }: IpAddress,
): Remote | undefined {
  const table = plan?.prefixes;
  const index = family === 4 ? table?.lookupIpv4(w0) : table?.lookupIpv6(w0, w1, w2, w3);
  return plan?.remotes[index ?? -1];
}

export function remoteWay(remote: Remote | undefined): string {
  if (remote === undefined) return "dropped";
  const mac = remote.encap === "vxlan" ? ` ${remote.mac}` : "";
  return `${remote.encap} ${remote.address}${mac}`;
}

function longestRoute(
  { routes }: KernelState,
  address: IpAddress,
  pathOf: (id: number) => RoutePath,
): RoutePath | undefined {
  const table = routes[address.family];
  let best: { cidr: Cidr; path: number } | undefined;
  for (const row of table.rows()) {
    const cidr = table.destinationOf(row);
    if (!cidr.contains(address) || (best && best.cidr.length > cidr.length)) continue;
    best = { cidr, path: table.pathOf(row) };
  }
  return best && pathOf(best.path);
}
