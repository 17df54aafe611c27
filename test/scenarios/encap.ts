// What differs between the encapsulations, for scenarios that are written once.

import type { TopologyPool } from "../../src/demo/topology.ts";

export type Encap = "vxlan" | "ipip";

/** The device that carries the pools of family 4. */
export const DEVICE = { vxlan: "vxlan.causeway", ipip: "ipip.causeway" } as const;

/** The largest packet through a tunnel over an underlay of MTU 1500. */
export const TUNNEL_MTU = { vxlan: 1450, ipip: 1480 } as const;

/** The member of an IPPool's spec that holds its mode. */
export const MODE_FIELD = { vxlan: "vxlanMode", ipip: "ipipMode" } as const;

/**
 * "always" and "cross" with the encapsulation, and their twins "always6" and "cross6", which are VXLAN in any case:
 * there is no IP-in-IP of family 6.
 */
export function poolsOf(encap: Encap): readonly TopologyPool[] {
  return [
    { name: "always", cidr: "10.244.0.0/16", family: 4, encapsulation: encap, mode: "Always" },
    { name: "cross", cidr: "10.245.0.0/16", family: 4, encapsulation: encap, mode: "CrossSubnet" },
    ...(["Always", "CrossSubnet"] as const).map((mode, index): TopologyPool => {
      const name = mode === "Always" ? "always6" : "cross6";
      const cidr = `fd00:10:${244 + index}::/48`;
      return { name, cidr, family: 6, encapsulation: "vxlan", mode };
    }),
  ];
}
