// What another program, or a person in a hurry, does to the overlay of a node. All of it happens on alder, and is about
// cedar; what alder and birch have between them goes on, unless the device itself is hit.

import { linkLocalOf } from "../../encap/address/link-local.ts";
import { vtepMac } from "../../tunnels/model/vtep.ts";
import type { Repair } from "../../tunnels/reconcile/repair-log.ts";
import { DEVICE, type Encap, TUNNEL_MTU } from "./encap.ts";

export interface Fault {
  readonly name: string;
  /** Shell commands, run in one go. */
  readonly commands: readonly string[];
  /** How the agent names it. */
  readonly what: string;
  readonly found: Repair["found"];
  /** With it goes everything on the device. */
  readonly hits?: "device";
  /** The agent is held meanwhile: it would be faster than the second command. */
  readonly held?: true;
}

/** Cedar's blocks, beside those that it has anyway: every fault has a route of its own. */
export const MORE_BLOCKS = [
  "10.244.1.64/26",
  "10.244.1.128/26",
  "10.244.1.192/26",
  "fd00:10:244::1:40/122",
  "fd00:10:244::1:80/122",
  "fd00:10:244::1:c0/122",
] as const;

const ROUTER = "via 192.0.2.1";
const ROUTER6 = "via 2001:db8:0:1::1";

/** `idOf`: of alder's nexthop object with a gateway. */
export function routeFaults(encap: Encap, idOf: (gateway: string) => number): readonly Fault[] {
  const id = idOf(encap === "vxlan" ? "10.244.1.0" : "192.0.2.74");
  return [
    {
      name: "route deleted",
      commands: ["ip route delete 10.244.1.0/26"],
      what: "route 10.244.1.0/26",
      found: "deleted",
    },
    {
      name: "IPv6 route deleted",
      commands: ["ip route delete fd00:10:244::1:0/122"],
      what: "route fd00:10:244::1:0/122",
      found: "deleted",
    },
    {
      name: "route changed",
      commands: [`ip route replace 10.244.1.64/26 ${ROUTER} proto 202`],
      what: "route 10.244.1.64/26",
      found: "changed",
    },
    {
      name: "IPv6 route changed",
      commands: [`ip route replace fd00:10:244::1:40/122 ${ROUTER6} proto 202`],
      what: "route fd00:10:244::1:40/122",
      found: "changed",
    },
    {
      name: "route replaced by one of another protocol",
      commands: [`ip route replace 10.244.1.128/26 ${ROUTER} proto static`],
      what: "route 10.244.1.128/26",
      found: "taken over",
    },
    {
      name: "IPv6 route replaced by one of another protocol",
      commands: [`ip route replace fd00:10:244::1:80/122 ${ROUTER6} proto static`],
      what: "route fd00:10:244::1:80/122",
      found: "taken over",
    },
    {
      name: "route of another protocol put before ours",
      commands: [`ip route prepend 10.244.1.192/26 ${ROUTER} proto static`],
      what: "route 10.244.1.192/26",
      found: "taken over",
    },
    {
      name: "IPv6 route of another protocol put beside ours",
      commands: [`ip route append fd00:10:244::1:c0/122 ${ROUTER6} proto static`],
      what: "route fd00:10:244::1:c0/122",
      found: "taken over",
    },
    {
      name: "route of our protocol put before ours",
      commands: [`ip route prepend 10.245.1.0/26 ${ROUTER} proto 202`],
      what: "route 10.245.1.0/26",
      found: "added",
    },
    {
      name: "IPv6 route of our protocol put beside ours",
      commands: [`ip route append fd00:10:245::1:0/122 ${ROUTER6} proto 202`],
      what: "route fd00:10:245::1:0/122",
      found: "added",
    },
    {
      name: "route added",
      commands: [`ip route add 10.244.7.0/26 ${ROUTER} proto 202`],
      what: "route 10.244.7.0/26",
      found: "added",
    },
    {
      name: "blackhole of the local block deleted",
      commands: ["ip route delete blackhole 10.244.0.0/26"],
      what: "route 10.244.0.0/26",
      found: "deleted",
    },
    {
      name: "nexthop deleted",
      commands: [`ip nexthop delete id ${id}`],
      what: `nexthop ${id}`,
      found: "deleted",
    },
    {
      name: "nexthop changed",
      commands: [`ip nexthop replace id ${id} ${ROUTER} dev eth0 protocol 202`],
      what: `nexthop ${id}`,
      found: "changed",
    },
    {
      name: "nexthop made a blackhole",
      commands: [`ip nexthop replace id ${id} blackhole protocol 202`],
      what: `nexthop ${id}`,
      found: "changed",
    },
    {
      name: "nexthop added",
      commands: [`ip nexthop add id 4242 ${ROUTER} dev eth0 protocol 202`],
      what: "nexthop 4242",
      found: "added",
    },
  ];
}

/** Neighbours and FDB entries are VXLAN's; of family 6 they are there in any case. */
export function rowFaults(encap: Encap): readonly Fault[] {
  const family6 = faultsOn({
    device: "vxlan6.causeway",
    ip: `${linkLocalOf(vtepMac("cedar", 6))}`,
    strayIp: "fe80::99",
    mac: vtepMac("cedar", 6),
    wrong: "2001:db8:0:2::77",
  });
  if (encap === "ipip") return family6;
  const family4 = faultsOn({
    device: "vxlan.causeway",
    ip: "10.244.1.0",
    strayIp: "10.244.1.99",
    mac: vtepMac("cedar", 4),
    wrong: "192.0.2.77",
  });
  return [...family4, ...family6];
}

interface Rows {
  readonly device: string;
  /** Cedar's VTEP. */
  readonly ip: string;
  readonly mac: string;
  /** What is nobody's. */
  readonly strayIp: string;
  readonly wrong: string;
}

function faultsOn({ device, ip, mac, strayIp, wrong }: Rows): Fault[] {
  const entry = `FDB entry ${mac} on ${device}`;
  const neighbour = `neighbour ${ip} on ${device}`;
  const permanent = `dev ${device} nud permanent`;
  const stray = "66:00:00:00:00:03";
  return [
    {
      name: `FDB entry of ${device} deleted`,
      commands: [`bridge fdb delete ${mac} dev ${device}`],
      what: entry,
      found: "deleted",
    },
    {
      name: `FDB entry of ${device} changed`,
      commands: [`bridge fdb replace ${mac} dev ${device} dst ${wrong} self permanent`],
      what: entry,
      found: "changed",
    },
    {
      name: `FDB entry of ${device} added`,
      commands: [`bridge fdb add ${stray} dev ${device} dst ${wrong} self permanent`],
      what: `FDB entry ${stray} on ${device}`,
      found: "added",
    },
    {
      name: `FDB entry of ${device} for everything unknown added`,
      commands: [`bridge fdb append 00:00:00:00:00:00 dev ${device} dst ${wrong} self permanent`],
      what: `FDB entry 00:00:00:00:00:00 on ${device}`,
      found: "added",
    },
    {
      name: `neighbour of ${device} deleted`,
      commands: [`ip neighbour delete ${ip} dev ${device}`],
      what: neighbour,
      found: "deleted",
    },
    {
      name: `neighbour of ${device} changed`,
      commands: [`ip neighbour replace ${ip} lladdr ${stray} ${permanent}`],
      what: neighbour,
      found: "changed",
    },
    {
      name: `neighbour of ${device} added`,
      commands: [`ip neighbour add ${strayIp} lladdr ${stray} ${permanent}`],
      what: `neighbour ${strayIp} on ${device}`,
      found: "added",
    },
  ];
}

export function deviceFaults(encap: Encap): readonly Fault[] {
  const device = DEVICE[encap];
  return [
    {
      name: "address deleted",
      commands: [`ip address delete 10.244.0.0/32 dev ${device}`],
      what: `address 10.244.0.0/32 on ${device}`,
      found: "deleted",
    },
    {
      name: "IPv6 address deleted",
      commands: ["ip address delete fd00:10:244::/128 dev vxlan6.causeway"],
      what: "address fd00:10:244::/128 on vxlan6.causeway",
      found: "deleted",
    },
    {
      name: "address added",
      commands: [`ip address add 10.9.9.9/32 dev ${device}`],
      what: `address 10.9.9.9/32 on ${device}`,
      found: "added",
    },
    {
      name: "MTU changed",
      commands: [`ip link set ${device} mtu ${TUNNEL_MTU[encap] - 100}`],
      what: `device ${device}`,
      found: "changed",
    },
    {
      name: "device down",
      commands: [`ip link set ${device} down`],
      what: `device ${device}`,
      found: "changed",
      hits: "device",
    },
    {
      name: "device deleted",
      commands: [`ip link delete ${device}`],
      what: `device ${device}`,
      found: "deleted",
      hits: "device",
    },
    {
      name: "VTEP MAC changed",
      commands: ["ip link set vxlan6.causeway address 66:00:00:00:00:09"],
      what: "device vxlan6.causeway",
      found: "changed",
      hits: "device",
    },
    {
      name: "device made anew with other parameters",
      commands: [
        "ip link delete vxlan6.causeway",
        "ip link add vxlan6.causeway up type vxlan id 7 dev eth0 dstport 4789",
      ],
      what: "device vxlan6.causeway",
      found: "changed",
      hits: "device",
      held: true,
    },
    {
      name: "device changed in place",
      commands: ["ip link set vxlan6.causeway type vxlan learning ageing 100"],
      what: "device vxlan6.causeway",
      found: "changed",
    },
  ];
}
