/** Builds the buffer of a `RemoteTable`: once for each change of the cluster, away from the packets. */
import { Cidr } from "./address/cidr.ts";
import { addressBits, type Family, IpAddress } from "./address/ip-address.ts";
import { type RemotePrefix, type RemoteRanges, remoteRanges, wordsOf } from "./remote-ranges.ts";
import { RemoteTable, SECTION_WORDS, wordAtBit } from "./remote-table.ts";

/** 65536 buckets are 256 KiB: they stay in a processor's second cache. */
const INDEX_BITS_MAX = 16;

/**
 * The table of `prefixes`, in any order; of two entries for one prefix the one with the lower
 * remote counts. `allocate` makes the zeroed buffer: by default one that threads share.
 */
export function buildRemoteTable(
  prefixes: readonly RemotePrefix[],
  allocate: (bytes: number) => ArrayBufferLike = (bytes) => new SharedArrayBuffer(bytes),
): RemoteTable {
  const sections = ([4, 6] as const).map((family) => layOut(prefixes, family));
  const words = sections.reduce((all, section) => all + section.words, 2 * SECTION_WORDS);
  const table = new Uint32Array(allocate(words * 4));
  let where = 2 * SECTION_WORDS;
  for (const [at, section] of sections.entries()) {
    writeSection(table, at * SECTION_WORDS, where, section);
    where += section.words;
  }
  return new RemoteTable(table.buffer);
}

interface SectionLayout {
  readonly family: Family;
  readonly ranges: RemoteRanges;
  readonly count: number;
  /** The longest prefix around all others. */
  readonly cover: Cidr;
  readonly indexBits: number;
  /** Length of index, starts and remotes. */
  readonly words: number;
}

function layOut(all: readonly RemotePrefix[], family: Family): SectionLayout {
  const prefixes = all.filter(({ cidr }) => cidr.family === family);
  const ranges = remoteRanges(prefixes, family);
  const cover = coverOf(prefixes, family);
  const last = ranges.count - 1;
  // What begins where the cover ends: lookups never come to it, and the index has no bucket for it.
  const isLastOutside = last >= 0 && !cover.contains(startOf(ranges, family, last));
  const count = isLastOutside ? last : ranges.count;
  const wanted = Math.ceil(Math.log2(count + 2));
  const indexBits = Math.min(wanted, INDEX_BITS_MAX, addressBits(family) - cover.length);
  const words = 2 ** indexBits + 1 + count * (wordsOf(family) + 1);
  return { family, ranges, count, cover, indexBits, words };
}

/** Not longer than 31 or 127 bits, so that at least one is left for the index. */
function coverOf(prefixes: readonly RemotePrefix[], family: Family): Cidr {
  let length = addressBits(family) - 1;
  const first = prefixes[0]?.cidr.address ?? new IpAddress(family, 0);
  for (const { cidr } of prefixes) {
    length = Math.min(length, cidr.length, commonBits(first, cidr.address));
  }
  return new Cidr(first, length);
}

function commonBits(a: IpAddress, b: IpAddress): number {
  let bits = Math.clz32(a.w0 ^ b.w0);
  if (bits === 32) bits += Math.clz32(a.w1 ^ b.w1);
  if (bits === 64) bits += Math.clz32(a.w2 ^ b.w2);
  if (bits === 96) bits += Math.clz32(a.w3 ^ b.w3);
  return bits;
}

function startOf({ starts }: RemoteRanges, family: Family, range: number): IpAddress {
  const at = range * wordsOf(family);
  const word = (offset: number): number => starts[at + offset] as number;
  if (family === 4) return new IpAddress(4, word(0));
  return new IpAddress(6, word(0), word(1), word(2), word(3));
}

function writeSection(
  table: Uint32Array,
  headerAt: number,
  where: number,
  { family, ranges, count, cover, indexBits }: SectionLayout,
): void {
  const { w0, w1, w2, w3 } = cover.address;
  table.set([count, cover.length, indexBits, where, w0, w1, w2, w3], headerAt);
  const buckets = 2 ** indexBits;
  const index = new Int32Array(table.buffer, where * 4, buckets + 1);
  const startsAt = where + buckets + 1;
  const startsLength = count * wordsOf(family);
  table.set(ranges.starts.subarray(0, startsLength), startsAt);
  table.set(ranges.remotes.subarray(0, count), startsAt + startsLength);

  let next = 0;
  for (let range = 0; range < count; range++) {
    const start = startOf(ranges, family, range);
    const bits = wordAtBit(cover.length, start.w0, start.w1, start.w2, start.w3);
    const bucket = bits >>> (32 - indexBits);
    while (next <= bucket) index[next++] = range - 1;
  }
  while (next <= buckets) index[next++] = count - 1;
}
