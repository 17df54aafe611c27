// Objects of other programs on a node of the first subnet, some of them as near to ours as they can be.

/** Shell commands that make them. `device`: one of our tunnel devices. */
export function foreignObjects(device: string): string[] {
  return [
    "ip link add vxlan.other up type vxlan id 77 dstport 8472 local 192.0.2.10 dev eth0 nolearning",
    "ip address add 172.31.0.1/24 dev vxlan.other",
    "ip neighbour add 172.31.0.2 lladdr 66:00:00:00:00:77 dev vxlan.other nud permanent",
    "bridge fdb add 66:00:00:00:00:77 dev vxlan.other dst 192.0.2.99 self permanent",
    "ip neighbour add 192.0.2.50 lladdr 66:00:00:00:00:50 dev eth0 nud permanent",
    "ip neighbour add fd00:10:244::1:77 lladdr 66:00:00:00:00:77 dev vxlan6.causeway nud noarp",
    "ip nexthop add id 77 via 192.0.2.1 dev eth0 protocol static",
    "ip route add 172.31.9.0/24 nhid 77 proto static",
    `ip route add 172.31.10.0/24 dev ${device} proto 90`,
    "ip route add 10.244.0.64/26 via 192.0.2.1 metric 100 proto static",
    "ip route add 10.244.0.64/26 via 192.0.2.1 tos 0x10 proto static",
    "ip route add 10.244.0.64/26 via 192.0.2.1 table 100 proto 202",
    "ip route add fd00:10:244::40/122 via 2001:db8:0:1::1 metric 100 proto static",
    "ip route add 10.244.0.80/28 via 192.0.2.1 proto static",
  ];
}

/** What a dump calls those of them that have a name of their own. */
export const FOREIGN_NAMES: readonly string[] = [
  "link vxlan.other",
  "address 172.31.0.1/24 on vxlan.other",
  "neighbour 172.31.0.2 on vxlan.other",
  "FDB entry 66:00:00:00:00:77 on vxlan.other",
  "neighbour 192.0.2.50 on eth0",
  "nexthop 192.0.2.1 on eth0",
  "route 172.31.9.0/24",
  "route 172.31.10.0/24",
  "route 10.244.0.64/26 of table 100",
  "route 10.244.0.80/28",
];
