/**
 * Everything that the data path has to know, as one value: the control plane makes it, the data path
 * takes it whole in place of the one before. It is never edited, so a packet meets the old state or
 * the new one, not a mixture.
 */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { TunnelMtu, Vni } from "../../encap/encap-mode.ts";
import type { OuterPolicy } from "../../encap/outer-policy.ts";
import type { RemotePrefix } from "../../encap/remote-ranges.ts";

export interface ForwardingPlan {
  /** At most one for each encapsulation and family of the underlay. */
  readonly endpoints: readonly TunnelEndpoint[];
  /** Where packets can go. A node that is reached in two ways is in here twice. */
  readonly remotes: readonly Remote[];
  /** Inner destinations; `remote` is an index of `remotes`. The longest match counts. */
  readonly prefixes: readonly RemotePrefix[];
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
   * Underlay addresses of all nodes of the overlay, of the family of `localAddress`: a packet from
   * anywhere else is dropped.
   */
  readonly peers: readonly IpAddress[];
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
