/** A range that workloads draw from, and how its packets cross the underlay. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";

/** CrossSubnet: encapsulate only where the remote node is outside this node's subnet. */
export type PoolMode = "Never" | "Always" | "CrossSubnet";

export interface IpPool {
  readonly kind: "IPPool";
  readonly name: string;
  readonly cidr: Cidr;
  /** `none` where both of the record's modes are Never. */
  readonly encap: EncapMode;
  /** `Never` exactly where `encap` is `none`. */
  readonly mode: PoolMode;
  /** A pool of LoadBalancer addresses only carries no workload and no tunnel address: no routes. */
  readonly routed: boolean;
  readonly natOutgoing: boolean;
}
