/** A VXLAN tunnel endpoint: what one node is to the others, in one underlay family. */
import { createHash } from "node:crypto";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";

export interface Vtep {
  readonly node: string;
  readonly family: Family;
  /** Address of the tunnel device, inside the overlay. */
  readonly tunnelIp: IpAddress;
  readonly mac: MacAddress;
  /** Address of the node, in the underlay. */
  readonly underlayIp: IpAddress;
}

/**
 * The MAC of a node that names none: 0x66 (locally administered, unicast) and the first five
 * bytes of SHA-1 over the node name, for IPv6 over the name and "-v6". Calico nodes follow the
 * same rule, so both can share one overlay.
 */
export function vtepMac(node: string, family: Family): MacAddress {
  const digest = createHash("sha1")
    .update(family === 4 ? node : `${node}-v6`)
    .digest("hex");
  return `66${digest.slice(0, 10).replace(/../g, ":$&")}` as MacAddress;
}
