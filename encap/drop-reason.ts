/**
 * Why a packet was refused: a closed set of numbers. Decoders return one, never throw; whoever
 * called counts it. `None` is 0, so `if (reason)` reads as "if refused".
 *
 * Counters are one Float64Array with a slot for each reason, whose index is the reason. A worker
 * can have it over a SharedArrayBuffer that the main thread reads: one writer, and counts stay
 * exact to 2^53.
 */

export const DropReason = {
  None: 0,

  // The IP packet itself, inner or outer.
  Truncated: 1,
  NotIp: 2,
  BadHeaderLength: 3,
  BadTotalLength: 4,
  BadHeaderChecksum: 5,

  // The outer headers, on the way in.
  NotTunnel: 6,
  OuterFragment: 7,
  BadUdpLength: 8,
  BadUdpChecksum: 9,
  MissingUdpChecksum: 10,
  MissingVni: 11,
  WrongVni: 12,
  VxlanReservedBits: 13,
  InnerSourceMac: 14,
  InnerDestinationMac: 15,
  InnerNotIp: 16,
  EcnNotCapable: 17,
  UnknownPeer: 18,

  // The inner packet, on the way out.
  NoRemote: 19,
  TooBig: 20,
  TooLong: 21,
  BadOffload: 22,
  TooManySegments: 23,

  // Reassembly.
  FragmentMalformed: 24,
  FragmentOverlap: 25,
  FragmentLimit: 26,
  FragmentTimeout: 27,

  // The devices at both ends.
  SendBufferFull: 28,
  SendFailed: 29,
  TunBufferFull: 30,
  TunWriteFailed: 31,
} as const;

export type DropReason = (typeof DropReason)[keyof typeof DropReason];

/** Slots of a counters array. */
export const DROP_REASONS = 32;

const TEXTS: Record<DropReason, string> = {
  [DropReason.None]: "accepted",
  [DropReason.Truncated]: "shorter than its headers",
  [DropReason.NotIp]: "neither IPv4 nor IPv6",
  [DropReason.BadHeaderLength]: "IPv4 header length is under 20 or beyond the packet",
  [DropReason.BadTotalLength]: "length field says more than what arrived, or less than its header",
  [DropReason.BadHeaderChecksum]: "IPv4 header checksum is wrong",
  [DropReason.NotTunnel]: "carries neither IP-in-IP nor VXLAN",
  [DropReason.OuterFragment]: "outer packet is a fragment",
  [DropReason.BadUdpLength]: "UDP length is under 8 or beyond the packet",
  [DropReason.BadUdpChecksum]: "UDP checksum is wrong",
  [DropReason.MissingUdpChecksum]: "UDP over IPv6 without a checksum",
  [DropReason.MissingVni]: "VXLAN header without the I flag",
  [DropReason.WrongVni]: "VNI is of another network",
  [DropReason.VxlanReservedBits]: "VXLAN header with reserved bits set",
  [DropReason.InnerSourceMac]: "inner source MAC is our own, a group's or zero",
  [DropReason.InnerDestinationMac]: "inner destination MAC is not ours",
  [DropReason.InnerNotIp]: "inner frame or payload is neither IPv4 nor IPv6",
  [DropReason.EcnNotCapable]: "congestion mark on a packet that cannot carry it (RFC 6040)",
  [DropReason.UnknownPeer]: "outer source is no node of the overlay",
  [DropReason.NoRemote]: "no remote node has the inner destination",
  [DropReason.TooBig]: "does not fit the path, and may not be fragmented",
  [DropReason.TooLong]: "over 65535 bytes with its outer headers",
  [DropReason.BadOffload]: "offload header does not fit its packet",
  [DropReason.TooManySegments]: "more segments than there is room for",
  [DropReason.FragmentMalformed]: "fragment has an impossible offset or length",
  [DropReason.FragmentOverlap]: "fragments overlap (RFC 5722)",
  [DropReason.FragmentLimit]: "too many packets wait for their fragments",
  [DropReason.FragmentTimeout]: "fragments did not all arrive in time",
  [DropReason.SendBufferFull]: "send buffer of the socket is full",
  [DropReason.SendFailed]: "socket refused to send it",
  [DropReason.TunBufferFull]: "TUN device takes no more",
  [DropReason.TunWriteFailed]: "TUN device refused it",
};

const NAMES: readonly string[] = Object.keys(DropReason).map((key) =>
  key.replace(/(?<!^)[A-Z]/g, (capital) => `-${capital}`).toLowerCase(),
);

/** For metrics and tables: "wrong-vni". */
export function dropReasonName(reason: DropReason): string {
  return NAMES[reason] as string;
}

/** For people: "VNI is of another network". */
export function dropReasonText(reason: DropReason): string {
  return TEXTS[reason];
}

/** Adds `packets` to the slot of `reason`. */
export function countDrop(counters: Float64Array, reason: DropReason, packets = 1): void {
  counters[reason] = (counters[reason] as number) + packets;
}
