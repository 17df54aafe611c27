/** Words that the demo uses in several places. */
import type { Family } from "../../encap/address/ip-address.ts";
import type { TopologyPool } from "./topology.ts";

export function familyName(family: Family): string {
  return family === 4 ? "IPv4" : "IPv6";
}

/** "VXLAN always", "IP-in-IP across subnets only", "no encapsulation". */
export function poolInWords(pool: TopologyPool): string {
  const encapsulation = pool.encapsulation === "vxlan" ? "VXLAN" : "IP-in-IP";
  if (pool.mode === "Never") return "no encapsulation";
  return `${encapsulation} ${pool.mode === "Always" ? "always" : "across subnets only"}`;
}
