/**
 * The headers of a packet as values, one for each kind: for people and tests, not for the packet
 * path.
 */
import type { Family, IpAddress } from "./address/ip-address.ts";
import type { MacAddress } from "./address/mac-address.ts";
import type { DropReason } from "./drop-reason.ts";

export interface EthernetLayer {
  readonly kind: "ethernet";
  readonly source: MacAddress;
  readonly destination: MacAddress;
  /** Of what is inside, VLAN tags skipped. */
  readonly ethertype: number;
  readonly vlans: readonly number[];
}

/** Linux's cooked capture, in place of a header of the device. */
export interface CookedLayer {
  readonly kind: "cooked";
  /** Undefined where it is no MAC address. */
  readonly source: MacAddress | undefined;
  /** Of what is inside, VLAN tags skipped. */
  readonly ethertype: number;
  readonly vlans: readonly number[];
}

export interface IpLayer {
  readonly kind: "ip";
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly trafficClass: number;
  readonly ttl: number;
  readonly dontFragment: boolean;
  /** IPv4 alone; 0 for IPv6. */
  readonly identification: number;
  /** IPv6 alone; 0 for IPv4. */
  readonly flowLabel: number;
  readonly isFragment: boolean;
  readonly isLaterFragment: boolean;
  /** Of the upper layer, or -1. */
  readonly protocol: number;
  /** Bytes, header included. */
  readonly length: number;
}

export interface UdpLayer {
  readonly kind: "udp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly checksum: number;
  /** Bytes of data. */
  readonly length: number;
}

export interface TcpLayer {
  readonly kind: "tcp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** Bytes of data. */
  readonly length: number;
}

export interface IcmpLayer {
  readonly kind: "icmp";
  readonly family: Family;
  readonly type: number;
  readonly code: number;
  /** The word behind the checksum: identifier and sequence number, MTU, or nothing. */
  readonly rest: number;
  /** Bytes, header included. */
  readonly length: number;
}

export interface VxlanLayer {
  readonly kind: "vxlan";
  readonly vni: number;
}

/** Bytes that are not looked into. */
export interface DataLayer {
  readonly kind: "data";
  readonly length: number;
}

/** The capture has no more of the packet. */
export interface UncapturedLayer {
  readonly kind: "uncaptured";
}

/** Why there is no more. */
export interface RefusalLayer {
  readonly kind: "refused";
  readonly reason: DropReason;
}

export type PacketLayer =
  | EthernetLayer
  | CookedLayer
  | IpLayer
  | UdpLayer
  | TcpLayer
  | IcmpLayer
  | VxlanLayer
  | DataLayer
  | UncapturedLayer
  | RefusalLayer;
