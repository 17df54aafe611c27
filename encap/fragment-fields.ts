/** What a fragment says about its place in the whole: the two families' fields under one name. */
import type { Family } from "./address/ip-address.ts";
import {
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_IDENTIFICATION,
  IPV4_MORE_FRAGMENTS,
  IPV4_OFFSET_MASK,
  IPV4_SOURCE,
} from "./header/ipv4.ts";
import { IPV6_SOURCE } from "./header/ipv6.ts";
import {
  FRAGMENT_HEADER,
  FRAGMENT_IDENTIFICATION,
  FRAGMENT_OFFSET,
  UpperLayer,
  walkExtensionHeaders,
} from "./header/ipv6-extension.ts";
import type { IpPacket } from "./ip-packet.ts";

/**
 * Words that fragments of one packet have in common: family and protocol, identification,
 * addresses.
 */
export const FRAGMENT_KEY_WORDS = 10;

/** One object is used for many fragments. */
export class FragmentFields {
  family: Family = 4;
  readonly key: Uint32Array = new Uint32Array(FRAGMENT_KEY_WORDS);
  /**
   * Offset in memory of the first byte, and length, of the headers that come before the payload.
   */
  headersAt = 0;
  headersLength = 0;
  /**
   * IPv6: the byte of those headers that names the fragment header, and what it shall name instead.
   */
  nextHeaderAt = 0;
  nextHeader = 0;
  payloadAt = 0;
  /** Bytes of payload. */
  size = 0;
  /** Place of the payload in the whole one, in bytes. */
  offset = 0;
  isLast = false;
  /** Of this fragment alone. */
  ecn = 0;
}

const upper = new UpperLayer();

/** Reads `packet`, which is a fragment. */
export function readFragmentFields(view: DataView, packet: IpPacket, fields: FragmentFields): void {
  fields.family = packet.family;
  fields.ecn = packet.trafficClass & 3;
  fields.headersAt = packet.at;
  fields.key.fill(0);
  if (packet.family === 4) readIpv4(view, packet, fields);
  else readIpv6(view, packet, fields);
}

function readIpv4(view: DataView, packet: IpPacket, fields: FragmentFields): void {
  const { at, upperAt, end, protocol } = packet;
  const { key } = fields;
  const word = view.getUint16(at + IPV4_FRAGMENT);
  key[0] = (4 << 8) | protocol;
  key[1] = view.getUint16(at + IPV4_IDENTIFICATION);
  key[2] = view.getUint32(at + IPV4_SOURCE);
  key[3] = view.getUint32(at + IPV4_DESTINATION);
  fields.headersLength = upperAt - at;
  fields.payloadAt = upperAt;
  fields.size = end - upperAt;
  fields.offset = (word & IPV4_OFFSET_MASK) << 3;
  fields.isLast = (word & IPV4_MORE_FRAGMENTS) === 0;
}

/** The protocol is no part of the key: only the first fragment's counts (RFC 8200 section 4.5). */
function readIpv6(view: DataView, packet: IpPacket, fields: FragmentFields): void {
  const { at, end } = packet;
  const { key } = fields;
  walkExtensionHeaders(view, at, end, upper);
  const { fragmentAt } = upper;
  const word = view.getUint16(fragmentAt + FRAGMENT_OFFSET);
  key[0] = 6 << 8;
  key[1] = view.getUint32(fragmentAt + FRAGMENT_IDENTIFICATION);
  for (let index = 0; index < 8; index++) {
    key[2 + index] = view.getUint32(at + IPV6_SOURCE + index * 4);
  }
  fields.headersLength = fragmentAt - at;
  fields.nextHeaderAt = upper.fragmentNamedAt - at;
  fields.nextHeader = view.getUint8(fragmentAt);
  fields.payloadAt = fragmentAt + FRAGMENT_HEADER;
  fields.size = end - fields.payloadAt;
  fields.offset = word & 0xfff8;
  fields.isLast = (word & 1) === 0;
}
