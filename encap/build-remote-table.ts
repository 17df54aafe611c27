/** Lays prefixes out as the buffer of a `RemoteTable`: away from the packets, for those who change it. */
import { compareCidr } from "./address/cidr.ts";
import { addressBits, type Family } from "./address/ip-address.ts";
import { type PrefixColumns, prefixColumns, type RemotePrefix, wordsOf } from "./prefix-columns.ts";
import { type RemoteRanges, remoteRanges } from "./remote-ranges.ts";
import { RemoteTable, SECTION_WORDS, wordAtBit } from "./remote-table.ts";

/** 65536 buckets are 256 KiB: they stay in a processor's second cache. */
const INDEX_BITS_MAX = 16;

/** Makes a zeroed buffer. */
export type Allocate = (bytes: number) => ArrayBufferLike;

/** Memory that threads share. */
const allocateShared: Allocate = (bytes) => new SharedArrayBuffer(bytes);

/**
 * The table of `prefixes`, in any order; of two entries for one prefix the one with the lower
 * remote counts.
 */
export function buildRemoteTable(
  prefixes: readonly RemotePrefix[],
  allocate: Allocate = allocateShared,
): RemoteTable {
  const sorted = [...prefixes].sort((a, b) => compareCidr(a.cidr, b.cidr) || b.remote - a.remote);
  const ofFamily = (family: Family): PrefixColumns =>
    prefixColumns(
      family,
      sorted.filter(({ cidr }) => cidr.family === family),
    );
  const layout = layOutRemoteTable(ofFamily(4), ofFamily(6), allocate);
  for (;;) {
    const step = layout.next();
    if (step.done) return step.value;
  }
}

/** The table of prefixes of both families, in slices of a few milliseconds. */
export function* layOutRemoteTable(
  ipv4: PrefixColumns,
  ipv6: PrefixColumns,
  allocate: Allocate = allocateShared,
): Generator<void, RemoteTable> {
  const sections = [yield* layOut(ipv4), yield* layOut(ipv6)];
  const words = sections.reduce((all, section) => all + section.words, 2 * SECTION_WORDS);
  const table = new Uint32Array(allocate(words * 4));
  let where = 2 * SECTION_WORDS;
  for (const [at, section] of sections.entries()) {
    writeSection(table, at * SECTION_WORDS, where, section);
    where += section.words;
    yield;
  }
  return new RemoteTable(table.buffer);
}

interface SectionLayout {
  readonly family: Family;
  readonly ranges: RemoteRanges;
  readonly count: number;
  /** The longest prefix around all others. */
  readonly cover: Cover;
  readonly indexBits: number;
  /** Length of index, starts and remotes. */
  readonly words: number;
}

interface Cover {
  /** Four words. */
  readonly address: Uint32Array;
  readonly length: number;
}

function* layOut(prefixes: PrefixColumns): Generator<void, SectionLayout> {
  const { family } = prefixes;
  const ranges = yield* remoteRanges(prefixes);
  const cover = coverOf(prefixes);
  const last = ranges.count - 1;
  // What begins where the cover ends: lookups never come to it, and the index has no bucket for it.
  const isLastOutside = last >= 0 && !isInside(cover, ranges, last * wordsOf(family), family);
  const count = isLastOutside ? last : ranges.count;
  const wanted = Math.ceil(Math.log2(count + 2));
  const indexBits = Math.min(wanted, INDEX_BITS_MAX, addressBits(family) - cover.length);
  const words = 2 ** indexBits + 1 + count * (wordsOf(family) + 1);
  return { family, ranges, count, cover, indexBits, words };
}

/** Not longer than 31 or 127 bits, so that at least one is left for the index. */
function coverOf({ family, count, words, lengths }: PrefixColumns): Cover {
  const width = wordsOf(family);
  const address = new Uint32Array(4);
  let length = addressBits(family) - 1;
  if (count === 0) return { address, length };
  // What the first and the last one have in common all those between them have.
  const last = (count - 1) * width;
  for (let word = 0, bits = 0; word < width; word++, bits += 32) {
    const differing = (words[word] as number) ^ (words[last + word] as number);
    if (differing !== 0) {
      length = Math.min(length, bits + Math.clz32(differing));
      break;
    }
  }
  for (let row = 0; row < count; row++) length = Math.min(length, lengths[row] as number);
  for (let word = 0; word < width; word++) {
    address[word] = (words[word] as number) & maskWord(length, word);
  }
  return { address, length };
}

function isInside(cover: Cover, { starts }: RemoteRanges, at: number, family: Family): boolean {
  for (let word = 0; word < wordsOf(family); word++) {
    const differing = (cover.address[word] as number) ^ (starts[at + word] as number);
    if ((differing & maskWord(cover.length, word)) !== 0) return false;
  }
  return true;
}

/** The part of a mask of `length` bits that lies over word `word`. */
function maskWord(length: number, word: number): number {
  const bits = length - word * 32;
  return bits >= 32 ? -1 : bits <= 0 ? 0 : -1 << (32 - bits);
}

function writeSection(
  table: Uint32Array,
  headerAt: number,
  where: number,
  { family, ranges, count, cover, indexBits }: SectionLayout,
): void {
  table.set([count, cover.length, indexBits, where, ...cover.address], headerAt);
  const width = wordsOf(family);
  const buckets = 2 ** indexBits;
  const index = new Int32Array(table.buffer, where * 4, buckets + 1);
  const startsAt = where + buckets + 1;
  const { starts } = ranges;
  table.set(starts.subarray(0, count * width), startsAt);
  table.set(ranges.remotes.subarray(0, count), startsAt + count * width);

  let next = 0;
  for (let range = 0, at = 0; range < count; range++, at += width) {
    const word = (offset: number): number => (width === 4 ? (starts[at + offset] as number) : 0);
    const bits = wordAtBit(cover.length, starts[at] as number, word(1), word(2), word(3));
    const bucket = bits >>> (32 - indexBits);
    while (next <= bucket) index[next++] = range - 1;
  }
  while (next <= buckets) index[next++] = count - 1;
}
