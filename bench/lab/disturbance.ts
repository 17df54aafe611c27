/**
 * What somebody else can do to the overlay behind the agent's back: the command, the kernel's
 * event that tells of it, and the events that tell of its repair.
 */
import type { Cluster } from "../cluster/cluster.ts";
import { TUNNEL_DEVICE } from "../cluster/kernel-feed.ts";
import { run } from "./command.ts";
import type { KernelEvent } from "./event-watch.ts";

export interface Disturbance {
  readonly name: string;
  /** Runs in the namespace. */
  disturb(): Promise<unknown>;
  isStart(event: KernelEvent): boolean;
  /** True for every event of the repair; the last one ends it. Asked for events after the start. */
  isRepair(event: KernelEvent): boolean;
}

const ROUTE_PROTOCOL = 202;
const MTU = 1450;
const OTHER_MTU = 1300;
const OTHER_MAC = "66:00:00:00:00:01";

/** The kinds of damage, done to node `victim` where they concern one remote node. */
export function disturbances(cluster: Cluster, namespace: string, victim: number): Disturbance[] {
  const block = cluster.blockCidr(cluster.firstBlockOf(victim), 4);
  const destination = block.address.toString();
  const tunnelIp = cluster.tunnelAddress(victim, 4).toString();
  const otherTunnelIp = cluster.tunnelAddress(victim === 1 ? 2 : 1, 4).toString();
  const mac: string = cluster.vtepMac(victim, 4);
  const ownMac: string = cluster.vtepMac(0, 4);
  const ownIp = cluster.tunnelAddress(0, 4).toString();
  const device = ["dev", TUNNEL_DEVICE];
  const ip = (...args: string[]) => run("ip", ["-n", namespace, ...args]);
  const bridge = (...args: string[]) => run("bridge", ["-n", namespace, ...args]);

  const isRoute = (event: KernelEvent): boolean =>
    event.kind === "route" && event.destination === destination && event.length === block.length;
  const isDevice = (event: KernelEvent): boolean =>
    event.kind === "link" && event.name === TUNNEL_DEVICE;
  /** Anything of ours that comes (back) into the kernel, devices aside. */
  const isAddition = (event: KernelEvent): boolean =>
    !event.deleted &&
    (event.protocol === ROUTE_PROTOCOL ||
      (event.device === TUNNEL_DEVICE &&
        (event.kind === "address" ? event.ip === ownIp : event.permanent === true)));
  const isUp = (event: KernelEvent): boolean =>
    isDevice(event) && !event.deleted && event.up === true;

  return [
    {
      name: "route deleted",
      disturb: () => ip("route", "del", block.toString(), "proto", String(ROUTE_PROTOCOL)),
      isStart: (event) => isRoute(event) && event.deleted,
      isRepair: (event) => isRoute(event) && !event.deleted,
    },
    {
      name: "route changed",
      disturb: () =>
        ip(
          ...["route", "replace", block.toString(), "via", otherTunnelIp, ...device, "onlink"],
          ...["proto", String(ROUTE_PROTOCOL)],
        ),
      isStart: (event) => isRoute(event) && !event.deleted,
      isRepair: (event) => isRoute(event) && !event.deleted,
    },
    {
      name: "FDB row deleted",
      disturb: () => bridge("fdb", "del", mac, ...device),
      isStart: (event) => event.kind === "fdb" && event.mac === mac && event.deleted,
      isRepair: (event) => event.kind === "fdb" && event.mac === mac && !event.deleted,
    },
    {
      name: "neighbour changed",
      disturb: () =>
        ip("neighbour", "replace", tunnelIp, "lladdr", OTHER_MAC, ...device, "nud", "permanent"),
      isStart: (event) => event.kind === "neighbour" && event.mac === OTHER_MAC,
      isRepair: (event) =>
        event.kind === "neighbour" && event.ip === tunnelIp && event.mac === mac && !event.deleted,
    },
    {
      name: "nexthop deleted",
      disturb: async () => {
        const { stdout } = await ip("nexthop", "show", "proto", String(ROUTE_PROTOCOL));
        const line = stdout.split("\n").find((text) => text.includes(` via ${tunnelIp} `));
        await ip("nexthop", "del", "id", line?.split(" ")[1] ?? "0");
      },
      isStart: (event) => event.kind === "nexthop" && event.deleted,
      isRepair: isAddition,
    },
    {
      name: "address deleted",
      disturb: () => ip("address", "del", `${ownIp}/32`, ...device),
      isStart: (event) => event.kind === "address" && event.ip === ownIp && event.deleted,
      isRepair: isAddition,
    },
    {
      name: "device deleted",
      disturb: () => ip("link", "del", TUNNEL_DEVICE),
      isStart: (event) => isDevice(event) && event.deleted,
      isRepair: isAddition,
    },
    {
      name: "device down",
      disturb: () => ip("link", "set", TUNNEL_DEVICE, "down"),
      isStart: (event) => isDevice(event) && event.up === false,
      isRepair: (event) => isAddition(event) || isUp(event),
    },
    {
      name: "MTU changed",
      disturb: () => ip("link", "set", TUNNEL_DEVICE, "mtu", String(OTHER_MTU)),
      isStart: (event) => isDevice(event) && event.mtu === OTHER_MTU,
      isRepair: (event) => isDevice(event) && event.mtu === MTU,
    },
    {
      name: "VTEP MAC changed",
      disturb: () => ip("link", "set", TUNNEL_DEVICE, "address", OTHER_MAC),
      isStart: (event) => isDevice(event) && event.mac === OTHER_MAC,
      isRepair: (event) => isDevice(event) && event.mac === ownMac,
    },
  ];
}

/** The overlay as `ip` and `bridge` show it, without what may differ after a repair: numbers. */
export async function overlayState(namespace: string): Promise<string> {
  const device = ["dev", TUNNEL_DEVICE];
  const show = async (program: string, ...args: string[]): Promise<string[]> =>
    (await run(program, ["-n", namespace, ...args])).stdout.split("\n");
  const routes = await show("ip", "route", "show", "proto", String(ROUTE_PROTOCOL));
  const addresses = await show("ip", "-4", "-o", "address", "show", ...device);
  const links = await show("ip", "-o", "link", "show", ...device);
  return [
    ...routes.map((line) => line.replace(/ nhid \d+/, "")),
    ...(await show("ip", "neighbour", "show", ...device, "nud", "permanent")),
    ...(await show("bridge", "fdb", "show", ...device)),
    ...addresses.map((line) => line.replace(/^\d+: /, "")),
    ...links.map((line) => (line.match(/<[^>]*>|mtu \d+|link\/ether \S+/g) ?? []).join(" ")),
  ]
    .map((line) => line.trim())
    .sort()
    .join("\n");
}
