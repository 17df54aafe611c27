/** One node of the cluster, as its record in the datastore says. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";

/** Where a node address was found; the first that is there wins. */
export type NodeAddressSource = "BGP" | "InternalIP" | "ExternalIP";

/** The address other nodes send encapsulated packets to, in one family. */
export interface NodeAddress {
  readonly address: IpAddress;
  /** Prefix length of the subnet the record names; undefined where it names none. */
  readonly subnetLength: number | undefined;
  readonly source: NodeAddressSource;
}

/** What a node is called inside the overlay; each part is absent until somebody assigns it. */
export interface TunnelAddresses {
  readonly vxlan?: IpAddress;
  readonly vxlanMac?: MacAddress;
  readonly vxlan6?: IpAddress;
  readonly vxlan6Mac?: MacAddress;
  readonly ipip?: IpAddress;
}

export interface Node {
  readonly kind: "Node";
  readonly name: string;
  readonly ipv4: NodeAddress | undefined;
  readonly ipv6: NodeAddress | undefined;
  readonly tunnel: TunnelAddresses;
  /** Every further valid address of the record, both families, without duplicates. */
  readonly otherAddresses: readonly IpAddress[];
  /** `spec.podCIDRs` of a core Node: blocks of their own where the datastore has no IPAMBlock. */
  readonly podCidrs: readonly Cidr[];
  /** Somebody asks whether the node's agent lives, and waits for it to take this away. */
  readonly rollCall?: string;
}
