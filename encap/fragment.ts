/**
 * IP fragmentation: IPv4 (RFC 791 section 3.2) where DF is clear, and IPv6 (RFC 8200 section 4.5)
 * for outer packets, whose source we are. As in segment.ts the payload stays where it is and each
 * fragment gets a block of headers of its own:
 *
 *   whole       | IP |  payload: n * 8 bytes  |  n * 8 bytes  | rest |
 *   IPv4 block  | IP, offset and "more fragments" |
 *   IPv6 block  | IP | fragment header |
 */
import { DropReason } from "./drop-reason.ts";
import { finishChecksum, sumHeader } from "./header/checksum.ts";
import { NEXT_FRAGMENT } from "./header/ip-protocol.ts";
import {
  IPV4_CHECKSUM,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_MORE_FRAGMENTS,
  IPV4_OFFSET_MASK,
  IPV4_TOTAL_LENGTH,
} from "./header/ipv4.ts";
import { IPV6_HEADER, IPV6_NEXT_HEADER, IPV6_PAYLOAD_LENGTH } from "./header/ipv6.ts";
import {
  FRAGMENT_HEADER,
  FRAGMENT_IDENTIFICATION,
  FRAGMENT_OFFSET,
} from "./header/ipv6-extension.ts";
import type { IpPacket } from "./ip-packet.ts";
import type { HeaderSpace, Segments } from "./segment.ts";

/**
 * Cuts an IPv4 packet, itself a fragment or not, into fragments of at most `mtu` bytes. All but the
 * first lose the options that are not to be copied.
 */
export function fragmentIpv4(
  view: DataView,
  packet: IpPacket,
  mtu: number,
  space: HeaderSpace,
  fragments: Segments,
): DropReason {
  const { at, upperAt, end } = packet;
  const headerLength = upperAt - at;
  const reason = layOut(headerLength, upperAt, end, mtu, space, fragments);
  if (reason !== DropReason.None) return reason;
  const { count, payloadSize, lastPayloadSize } = fragments;
  const original = view.getUint16(at + IPV4_FRAGMENT);
  if ((original & IPV4_OFFSET_MASK) + ((end - upperAt) >> 3) > IPV4_OFFSET_MASK) {
    return DropReason.FragmentMalformed;
  }
  for (let index = 0; index < count; index++) {
    const blockAt = fragments.headersAt + index * space.stride;
    const isLast = index === count - 1;
    for (let byte = 0; byte < headerLength; byte += 4) {
      view.setUint32(blockAt + byte, view.getUint32(at + byte));
    }
    if (index > 0) blankUncopiedOptions(view, blockAt + IPV4_HEADER, blockAt + headerLength);
    const offset = original + ((index * payloadSize) >> 3);
    view.setUint16(
      blockAt + IPV4_TOTAL_LENGTH,
      headerLength + (isLast ? lastPayloadSize : payloadSize),
    );
    view.setUint16(blockAt + IPV4_FRAGMENT, isLast ? offset : offset | IPV4_MORE_FRAGMENTS);
    view.setUint16(blockAt + IPV4_CHECKSUM, 0);
    view.setUint16(blockAt + IPV4_CHECKSUM, finishChecksum(sumHeader(view, blockAt, headerLength)));
  }
  return DropReason.None;
}

/**
 * Cuts an IPv6 packet without extension headers into fragments of at most `mtu` bytes; others are
 * refused. `identification`, unsigned 32 bits, is not to come again soon for the same two
 * addresses.
 */
export function fragmentIpv6(
  view: DataView,
  packet: IpPacket,
  mtu: number,
  identification: number,
  space: HeaderSpace,
  fragments: Segments,
): DropReason {
  if (packet.hasOptions) return DropReason.TooBig;
  const { at, upperAt, end } = packet;
  const headerLength = IPV6_HEADER + FRAGMENT_HEADER;
  const reason = layOut(headerLength, upperAt, end, mtu, space, fragments);
  if (reason !== DropReason.None) return reason;
  const { count, payloadSize, lastPayloadSize } = fragments;
  const nextHeader = view.getUint8(at + IPV6_NEXT_HEADER);
  for (let index = 0; index < count; index++) {
    const blockAt = fragments.headersAt + index * space.stride;
    const isLast = index === count - 1;
    for (let byte = 0; byte < IPV6_HEADER; byte += 4) {
      view.setUint32(blockAt + byte, view.getUint32(at + byte));
    }
    const length = FRAGMENT_HEADER + (isLast ? lastPayloadSize : payloadSize);
    view.setUint16(blockAt + IPV6_PAYLOAD_LENGTH, length);
    view.setUint8(blockAt + IPV6_NEXT_HEADER, NEXT_FRAGMENT);
    const fragmentAt = blockAt + IPV6_HEADER;
    view.setUint16(fragmentAt, nextHeader << 8);
    view.setUint16(fragmentAt + FRAGMENT_OFFSET, (index * payloadSize) | (isLast ? 0 : 1));
    view.setUint32(fragmentAt + FRAGMENT_IDENTIFICATION, identification);
  }
  return DropReason.None;
}

/** Decides how the payload from `upperAt` to `end` is shared out. */
function layOut(
  headerLength: number,
  upperAt: number,
  end: number,
  mtu: number,
  space: HeaderSpace,
  fragments: Segments,
): DropReason {
  const payload = end - upperAt;
  const longest = mtu - headerLength;
  // All but the last carry a multiple of 8.
  const size = longest & ~7;
  if (size < 8 || payload < 1 || headerLength > space.stride - space.room) return DropReason.TooBig;
  const count = payload <= longest ? 1 : 1 + Math.ceil((payload - longest) / size);
  if (count > space.capacity) return DropReason.TooManySegments;
  fragments.count = count;
  fragments.headersAt = space.at + space.room;
  fragments.headerLength = headerLength;
  fragments.payloadAt = upperAt;
  fragments.payloadSize = count === 1 ? payload : size;
  fragments.lastPayloadSize = payload - (count - 1) * size;
  return DropReason.None;
}

const OPTION_END = 0;
const OPTION_NOP = 1;
/** The copied flag: the option goes into every fragment. */
const OPTION_COPIED = 0x80;

/** "No operation" in place of what only the first fragment carries, so that no length changes. */
function blankUncopiedOptions(view: DataView, from: number, end: number): void {
  for (let at = from; at < end; ) {
    const type = view.getUint8(at);
    if (type === OPTION_END) return;
    if (type === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return;
    if ((type & OPTION_COPIED) === 0) {
      for (let byte = at; byte < at + length; byte++) view.setUint8(byte, OPTION_NOP);
    }
    at += length;
  }
}
