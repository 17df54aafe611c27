/**
 * Flow entropy: the outer UDP source port carries a hash of the inner flow (RFC 7348 section 5), so
 * that routers and NICs that spread by the outer header spread inner flows, and one flow keeps one
 * path. The same hash serves as the outer IPv6 flow label of IP-in-IP (RFC 6438).
 */
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import { IPV4_SOURCE } from "./header/ipv4.ts";
import { IPV6_SOURCE, ipv6FlowLabel } from "./header/ipv6.ts";
import type { IpPacket } from "./ip-packet.ts";

/** Both ends are used. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** Linux's `net.ipv4.ip_local_port_range`, which its vxlan devices use too. */
export const DEFAULT_PORT_RANGE: PortRange = { low: 32768, high: 60999 };

const PROTOCOL_SCTP = 132;
const PROTOCOL_UDPLITE = 136;
const PROTOCOL_DCCP = 33;

/**
 * A hash of the flow of `packet`, 32 bits as a signed number: addresses and protocol, with ports
 * where they can be seen, else with the IPv6 flow label. Fragments count without ports, the first
 * one too, so that all pieces of a packet take one path. A `seed` of the node's own keeps the ports
 * unguessable.
 */
export function hashFlow(view: DataView, packet: IpPacket, seed = 0): number {
  const { at, family, protocol } = packet;
  let hash = seed ^ protocol;
  const addresses = at + (family === 4 ? IPV4_SOURCE : IPV6_SOURCE);
  const end = addresses + (family === 4 ? 8 : 32);
  for (let next = addresses; next < end; next += 4) hash = mix(hash, view.getInt32(next));
  if (!packet.isFragment && hasPorts(protocol) && packet.upperAt + 4 <= packet.end) {
    hash = mix(hash, view.getInt32(packet.upperAt));
  } else if (family === 6) {
    hash = mix(hash, ipv6FlowLabel(view, at));
  }
  return scatter(hash);
}

/** The outer UDP source port for `packet`, within `range`. */
export function flowEntropy(
  view: DataView,
  packet: IpPacket,
  range: PortRange = DEFAULT_PORT_RANGE,
  seed = 0,
): number {
  const share = (hashFlow(view, packet, seed) >>> 0) / 0x100000000;
  return range.low + Math.floor(share * (range.high - range.low + 1));
}

function hasPorts(protocol: number): boolean {
  switch (protocol) {
    case PROTOCOL_TCP:
    case PROTOCOL_UDP:
    case PROTOCOL_DCCP:
    case PROTOCOL_SCTP:
    case PROTOCOL_UDPLITE:
      return true;
    default:
      return false;
  }
}

/** One round of MurmurHash3 (32 bits). */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Its end: every bit of the input comes to matter for every bit of the result. */
function scatter(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
