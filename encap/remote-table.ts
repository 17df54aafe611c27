/**
 * From an inner destination to the remote node that has it: longest-prefix match over all remote
 * blocks, in one buffer that never changes once built. A table is swapped whole: whoever looks up
 * sees the old state or the new one, never a mixture. Over a SharedArrayBuffer another thread takes
 * it without a copy.
 *
 * Ranges (remote-ranges.ts) are searched by halving, but only among those that begin like the
 * address: the bits behind what all prefixes have in common pick a bucket of the index first. With
 * a pool cut into equal blocks a bucket holds a few; at worst one holds all, which is 17 halvings
 * for 100,000 prefixes.
 *
 *   buffer, 32-bit words in host order:
 *   +--------------+--------------+-------------------------+-------------------------+
 *   | IPv4 section | IPv6 section | index, starts, remotes  | index, starts, remotes  |
 *   +--------------+--------------+-------------------------+-------------------------+
 *   section: count, shared bits, index bits, where, four words that all prefixes share
 */
import { maskIp } from "./address/cidr.ts";
import { type Family, IpAddress } from "./address/ip-address.ts";
import { IPV4_DESTINATION } from "./header/ipv4.ts";
import { IPV6_DESTINATION } from "./header/ipv6.ts";
import type { IpPacket } from "./ip-packet.ts";
import { NO_REMOTE, wordsOf } from "./prefix-columns.ts";

/** Words of one section's header. */
export const SECTION_WORDS = 8;

/** One family's part of the table, as views on the buffer. */
export class RemoteSection {
  /** Ranges. */
  readonly count: number;
  /** Bits that all prefixes have in common; the index goes by those behind. */
  readonly sharedBits: number;
  readonly indexBits: number;
  readonly shared: IpAddress;
  readonly mask: IpAddress;
  /** For each bucket the last range that starts before it, or -1; one more behind the last. */
  readonly index: Int32Array;
  readonly starts: Uint32Array;
  readonly remotes: Int32Array;

  constructor(buffer: ArrayBufferLike, family: Family) {
    const headerAt = family === 4 ? 0 : SECTION_WORDS * 4;
    const [count, sharedBits, indexBits, where, ...shared] = new Uint32Array(
      buffer,
      headerAt,
      SECTION_WORDS,
    ) as unknown as [number, number, number, number, number, number, number, number];
    const buckets = 2 ** indexBits;
    const startsAt = where * 4 + (buckets + 1) * 4;
    const startsLength = count * wordsOf(family);
    this.count = count;
    this.sharedBits = sharedBits;
    this.indexBits = indexBits;
    this.shared = new IpAddress(family, ...shared);
    this.mask = maskIp(new IpAddress(family, -1, -1, -1, -1), sharedBits);
    this.index = new Int32Array(buffer, where * 4, buckets + 1);
    this.starts = new Uint32Array(buffer, startsAt, startsLength);
    this.remotes = new Int32Array(buffer, startsAt + startsLength * 4, count);
  }
}

export class RemoteTable {
  readonly buffer: ArrayBufferLike;
  readonly #ipv4: RemoteSection;
  readonly #ipv6: RemoteSection;

  /** Over a buffer that `buildRemoteTable` filled, here or in another thread. */
  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#ipv4 = new RemoteSection(buffer, 4);
    this.#ipv6 = new RemoteSection(buffer, 6);
  }

  /** The remote for the destination of `packet`, or `NO_REMOTE`. */
  lookup(view: DataView, { family, at }: IpPacket): number {
    if (family === 4) return this.lookupIpv4(view.getInt32(at + IPV4_DESTINATION));
    const destination = at + IPV6_DESTINATION;
    return this.lookupIpv6(
      view.getInt32(destination),
      view.getInt32(destination + 4),
      view.getInt32(destination + 8),
      view.getInt32(destination + 12),
    );
  }

  /**
   * The remote for an address, one word of 32 bits, or `NO_REMOTE`. Signed or not is the same; V8
   * passes a signed one without a heap number.
   */
  lookupIpv4(w0: number): number {
    const address = w0 >>> 0;
    const { shared, mask, sharedBits, indexBits, index, starts, remotes } = this.#ipv4;
    if (((address ^ shared.w0) & mask.w0) !== 0) return NO_REMOTE;
    const bucket = (address << sharedBits) >>> (32 - indexBits);
    let low = index[bucket] as number;
    let high = index[bucket + 1] as number;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= address) low = middle;
      else high = middle - 1;
    }
    return low < 0 ? NO_REMOTE : (remotes[low] as number);
  }

  /** The remote for an address, four words of 32 bits, signed or not, or `NO_REMOTE`. */
  lookupIpv6(w0: number, w1: number, w2: number, w3: number): number {
    const { shared, mask, sharedBits, indexBits, index, starts, remotes } = this.#ipv6;
    const strange =
      ((w0 ^ shared.w0) & mask.w0) |
      ((w1 ^ shared.w1) & mask.w1) |
      ((w2 ^ shared.w2) & mask.w2) |
      ((w3 ^ shared.w3) & mask.w3);
    if (strange !== 0) return NO_REMOTE;
    const bucket = wordAtBit(sharedBits, w0, w1, w2, w3) >>> (32 - indexBits);
    let low = index[bucket] as number;
    let high = index[bucket + 1] as number;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (isStartAtOrBefore(starts, middle << 2, w0, w1, w2, w3)) low = middle;
      else high = middle - 1;
    }
    return low < 0 ? NO_REMOTE : (remotes[low] as number);
  }
}

/** The 32 bits of an address from `bit` on (0 to 127), with zeros behind the last. */
export function wordAtBit(bit: number, w0: number, w1: number, w2: number, w3: number): number {
  const word = bit >> 5;
  const shift = bit & 31;
  const first = word === 0 ? w0 : word === 1 ? w1 : word === 2 ? w2 : w3;
  if (shift === 0) return first;
  const second = word === 0 ? w1 : word === 1 ? w2 : word === 2 ? w3 : 0;
  return (first << shift) | (second >>> (32 - shift));
}

function isStartAtOrBefore(
  starts: Uint32Array,
  at: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): boolean {
  const s0 = starts[at] as number;
  if (s0 !== w0 >>> 0) return s0 < w0 >>> 0;
  const s1 = starts[at + 1] as number;
  if (s1 !== w1 >>> 0) return s1 < w1 >>> 0;
  const s2 = starts[at + 2] as number;
  if (s2 !== w2 >>> 0) return s2 < w2 >>> 0;
  return (starts[at + 3] as number) <= w3 >>> 0;
}
