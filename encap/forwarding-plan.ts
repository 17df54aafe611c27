/**
 * Everything that the data path has to know, as one value: the control plane makes it, the data path
 * takes it whole in place of the one before. It is never edited, so a packet meets the old state or
 * the new one, not a mixture. A part that has not changed is the same object as in the plan before.
 */
import type { IpAddress } from "./address/ip-address.ts";
import type { MacAddress } from "./address/mac-address.ts";
import type { TunnelMtu, Vni } from "./encap-mode.ts";
import type { OuterPolicy } from "./outer-policy.ts";
import type { RemoteTable } from "./remote-table.ts";

export interface ForwardingPlan {
  /** At most one for each encapsulation and family of the underlay. */
  readonly endpoints: readonly TunnelEndpoint[];
  /**
   * Where packets can go. A node that is reached in two ways is in here twice. An index stays with
   * its remote from plan to plan; one that no prefix leads to may be undefined.
   */
  readonly remotes: readonly (Remote | undefined)[];
  /** Inner destination -> index of `remotes`. */
  readonly prefixes: RemoteTable;
}

/** This node's end of the tunnels of one encapsulation over one underlay family. */
export type TunnelEndpoint = VxlanEndpoint | IpipEndpoint;

interface Endpoint {
  /** Address of this node on the underlay: sockets are bound to it, outer headers carry it. */
  readonly localAddress: IpAddress;
  /** Largest inner packet in bytes; what the route of an inner packet should say too. */
  readonly mtu: TunnelMtu;
  /** TTL, DSCP, ECN and DF of the outer header. */
  readonly policy: OuterPolicy;
  /**
   * Finds the underlay addresses of all other nodes, of the family of `localAddress`: a packet whose
   * source is not in here is dropped.
   */
  readonly peers: RemoteTable;
}

export interface VxlanEndpoint extends Endpoint {
  readonly encap: "vxlan";
  readonly vni: Vni;
  /** UDP destination port, here and at all peers. */
  readonly port: number;
  /** Source of the inner frames we send; those we receive are for it. */
  readonly mac: MacAddress;
}

export interface IpipEndpoint extends Endpoint {
  readonly encap: "ipip";
}

/** One way to one other node. */
export type Remote = VxlanRemote | IpipRemote;

export interface VxlanRemote {
  readonly encap: "vxlan";
  /** On the underlay; the endpoint of this encapsulation and family sends to it. */
  readonly address: IpAddress;
  /** Destination of the inner frames. */
  readonly mac: MacAddress;
}

export interface IpipRemote {
  readonly encap: "ipip";
  readonly address: IpAddress;
}
