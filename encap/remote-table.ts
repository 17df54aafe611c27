/**
 * From an inner destination to the remote node that has it: longest-prefix match over all remote
 * blocks, in one buffer that never changes once built. A table is swapped whole: whoever looks up
 * sees the old state or the new one, never a mixture. Over a SharedArrayBuffer another thread takes
 * it without a copy.
 *
 * The ranges of remote-ranges.ts are found over a trie that is compressed both ways, as Linux's own
 * is: a node skips the bits that all its ranges have in common, and goes by up to 16 of those
 * behind.
 *
 *   node     | first range | last range | bits skipped | bits gone by | entries: one for each value,
 *            and one behind the last
 *   entry    n >= 0: n ranges of the table start before this value; few start in it: search them
 *            ~n:     many do, and node n is theirs
 *
 * A pool cut into equal blocks needs one node, several pools one more step. The buffer holds 32-bit
 * words in host order:
 *
 *   | IPv4 ranges | IPv4 node words | IPv6 ranges | IPv6 node words |
 *   | IPv4 nodes, starts, remotes   | IPv6 nodes, starts, remotes   |
 */
import type { Family } from "./address/ip-address.ts";
import { IPV4_DESTINATION } from "./header/ipv4.ts";
import { IPV6_DESTINATION } from "./header/ipv6.ts";
import type { IpPacket } from "./ip-packet.ts";
import { NO_REMOTE, wordsOf } from "./prefix-columns.ts";

export const NODE_FIRST = 0;
export const NODE_LAST = 1;
export const NODE_SKIP = 2;
export const NODE_BITS = 3;
export const NODE_ENTRIES = 4;
/** Words at the start of the buffer. */
export const TABLE_HEADER = 4;

/** One family's part of the table, as views on the buffer. */
class Section {
  readonly nodes: Int32Array;
  readonly starts: Uint32Array;
  readonly remotes: Int32Array;
  /** Offset behind it in the buffer. */
  readonly end: number;

  constructor(buffer: ArrayBufferLike, family: Family, at: number) {
    const [count, nodeWords] = new Uint32Array(buffer, family === 4 ? 0 : 8, 2) as unknown as [
      number,
      number,
    ];
    this.nodes = new Int32Array(buffer, at, nodeWords);
    this.starts = new Uint32Array(buffer, at + nodeWords * 4, count * wordsOf(family));
    const remotesAt = at + nodeWords * 4 + this.starts.byteLength;
    this.remotes = new Int32Array(buffer, remotesAt, count);
    this.end = remotesAt + count * 4;
  }
}

export class RemoteTable {
  readonly buffer: ArrayBufferLike;
  readonly #ipv4: Section;
  readonly #ipv6: Section;

  /** Over a buffer that `buildRemoteTable` filled, here or in another thread. */
  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#ipv4 = new Section(buffer, 4, TABLE_HEADER * 4);
    this.#ipv6 = new Section(buffer, 6, this.#ipv4.end);
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
    const { nodes, starts, remotes } = this.#ipv4;
    const address = w0 >>> 0;
    if (nodes.length === 0) return NO_REMOTE;
    for (let node = 0; ; ) {
      const first = nodes[node + NODE_FIRST] as number;
      const skip = nodes[node + NODE_SKIP] as number;
      const start = starts[first] as number;
      if (Math.clz32(address ^ start) < skip) {
        return remoteAt(remotes, address < start ? first - 1 : (nodes[node + NODE_LAST] as number));
      }
      const value = (address << skip) >>> (32 - (nodes[node + NODE_BITS] as number));
      const at = node + NODE_ENTRIES + value;
      const entry = nodes[at] as number;
      if (entry < 0) {
        node = ~entry;
        continue;
      }
      let low = entry - 1;
      let high = startsBefore(nodes, at + 1) - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((starts[middle] as number) <= address) low = middle;
        else high = middle - 1;
      }
      return remoteAt(remotes, low);
    }
  }

  /** The remote for an address, four words of 32 bits, signed or not, or `NO_REMOTE`. */
  lookupIpv6(w0: number, w1: number, w2: number, w3: number): number {
    const { nodes, starts, remotes } = this.#ipv6;
    if (nodes.length === 0) return NO_REMOTE;
    for (let node = 0; ; ) {
      const first = nodes[node + NODE_FIRST] as number;
      const skip = nodes[node + NODE_SKIP] as number;
      if (commonBits(starts, first << 2, w0, w1, w2, w3) < skip) {
        const isBehind = isStartAtOrBefore(starts, first << 2, w0, w1, w2, w3);
        return remoteAt(remotes, isBehind ? (nodes[node + NODE_LAST] as number) : first - 1);
      }
      const value = wordAtBit(skip, w0, w1, w2, w3) >>> (32 - (nodes[node + NODE_BITS] as number));
      const at = node + NODE_ENTRIES + value;
      const entry = nodes[at] as number;
      if (entry < 0) {
        node = ~entry;
        continue;
      }
      let low = entry - 1;
      let high = startsBefore(nodes, at + 1) - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (isStartAtOrBefore(starts, middle << 2, w0, w1, w2, w3)) low = middle;
        else high = middle - 1;
      }
      return remoteAt(remotes, low);
    }
  }
}

/** Before the first range there is none. */
function remoteAt(remotes: Int32Array, range: number): number {
  return range < 0 ? NO_REMOTE : (remotes[range] as number);
}

/** How many ranges start before the value of the entry at `at`. */
function startsBefore(nodes: Int32Array, at: number): number {
  const entry = nodes[at] as number;
  return entry >= 0 ? entry : (nodes[~entry + NODE_FIRST] as number);
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

/** How many bits an address has in common with the start at `at`, 0 to 128. */
export function commonBits(
  starts: Uint32Array,
  at: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): number {
  const x0 = (starts[at] as number) ^ w0;
  if (x0 !== 0) return Math.clz32(x0);
  const x1 = (starts[at + 1] as number) ^ w1;
  if (x1 !== 0) return 32 + Math.clz32(x1);
  const x2 = (starts[at + 2] as number) ^ w2;
  if (x2 !== 0) return 64 + Math.clz32(x2);
  return 96 + Math.clz32((starts[at + 3] as number) ^ w3);
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
