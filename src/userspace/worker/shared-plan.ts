/**
 * A forwarding plan as it goes to the worker: tables in shared memory, so that a large one is not
 * copied, and descriptors in place of endpoints' addresses.
 */
import type { Family } from "../../../encap/address/ip-address.ts";
import type { OuterPolicy } from "../../../encap/outer-policy.ts";
import type { EndpointSockets } from "../underlay/endpoint-sockets.ts";

export interface SharedPlan {
  /** Counts the plans of one data path, from 1. */
  readonly revision: number;
  /** Those that an engine serves. */
  readonly endpoints: readonly SharedEndpoint[];
  /** Signed words, `REMOTE_WORDS` for each remote; see below. */
  readonly remotes: ArrayBufferLike;
  /** The revision with which `remotes` came. */
  readonly remotesRevision: number;
  /** Of a RemoteTable. */
  readonly prefixes: ArrayBufferLike;
}

export interface SharedEndpoint {
  readonly encap: "vxlan" | "ipip";
  readonly family: Family;
  readonly mtu: number;
  readonly policy: OuterPolicy;
  /** As in `IpAddress`. */
  readonly local: readonly [number, number, number, number];
  /** Of a RemoteTable of the peers' addresses. */
  readonly peers: ArrayBufferLike;
  readonly sockets: EndpointSockets;
  /** For VXLAN, else zero. */
  readonly vni: number;
  readonly port: number;
  readonly macHigh: number;
  readonly macLow: number;
}

// Words of a remote.
export const REMOTE_ENDPOINT = 0;
export const REMOTE_ADDRESS = 1;
export const REMOTE_MAC_HIGH = 5;
export const REMOTE_MAC_LOW = 6;
export const REMOTE_WORDS = 8;

/** `REMOTE_ENDPOINT` of a remote that no endpoint serves. */
export const NO_ENDPOINT = -1;
