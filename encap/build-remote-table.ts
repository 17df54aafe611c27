/**
 * Lays prefixes out as the buffer of a `RemoteTable`: away from the packets, for those who change
 * it.
 */
import { compareCidr } from "./address/cidr.ts";
import { addressBits, type Family } from "./address/ip-address.ts";
import { type PrefixColumns, prefixColumns, type RemotePrefix, wordsOf } from "./prefix-columns.ts";
import { type RemoteRanges, remoteRanges } from "./remote-ranges.ts";
import {
  commonBits,
  NODE_BITS,
  NODE_ENTRIES,
  NODE_FIRST,
  NODE_LAST,
  NODE_SKIP,
  RemoteTable,
  TABLE_HEADER,
  wordAtBit,
} from "./remote-table.ts";

/** 65536 entries are 256 KiB: they stay in a processor's second cache. */
const NODE_BITS_MAX = 16;
/** Ranges that are quicker searched than divided once more. */
const SEARCHED_MAX = 8;
/** So many entries of nodes are filled in between two yields. */
const SLICE = 10_000;

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
  const parts = [yield* layOut(ipv4), yield* layOut(ipv6)];
  const lengths = parts.flatMap(({ ranges, nodes }) => [ranges.count, nodes.length]);
  const pieces = parts.flatMap(({ family, ranges: { count, starts, remotes }, nodes }) => [
    nodes,
    starts.subarray(0, count * wordsOf(family)),
    remotes.subarray(0, count),
  ]);
  const words = pieces.reduce((all, piece) => all + piece.length, TABLE_HEADER);
  const table = new Uint32Array(allocate(words * 4));
  table.set(lengths);
  let at = TABLE_HEADER;
  for (const piece of pieces) {
    table.set(piece, at);
    at += piece.length;
    yield;
  }
  return new RemoteTable(table.buffer);
}

interface Part {
  readonly family: Family;
  readonly ranges: RemoteRanges;
  readonly nodes: readonly number[];
}

function* layOut(prefixes: PrefixColumns): Generator<void, Part> {
  const { family } = prefixes;
  const ranges = yield* remoteRanges(prefixes);
  if (ranges.count === 0) return { family, ranges, nodes: [] };
  return { family, ranges, nodes: yield* new NodeBuilder(ranges, family).build() };
}

/** The nodes over sorted ranges, the root first. */
class NodeBuilder {
  readonly #ranges: RemoteRanges;
  readonly #family: Family;
  readonly #nodes: number[] = [];
  #filled = 0;

  constructor(ranges: RemoteRanges, family: Family) {
    this.#ranges = ranges;
    this.#family = family;
  }

  *build(): Generator<void, readonly number[]> {
    yield* this.#addNode(0, this.#ranges.count - 1);
    return this.#nodes;
  }

  /** Adds the node of the ranges from `first` to `last`; returns its offset. */
  *#addNode(first: number, last: number): Generator<void, number> {
    const width = addressBits(this.#family);
    const skip = Math.min(this.#sharedBits(first, last), width - 1);
    const wanted = Math.ceil(Math.log2(last - first + 2));
    const bits = Math.min(wanted, NODE_BITS_MAX, width - skip);
    const node = this.#nodes.length;
    const entries = 2 ** bits + 1;
    for (let word = 0; word < NODE_ENTRIES + entries; word++) this.#nodes.push(0);
    this.#nodes[node + NODE_FIRST] = first;
    this.#nodes[node + NODE_LAST] = last;
    this.#nodes[node + NODE_SKIP] = skip;
    this.#nodes[node + NODE_BITS] = bits;
    let next = first;
    for (let value = 0; value < entries; value++) {
      const from = next;
      while (next <= last && this.#valueOf(next, skip, bits) === value) next++;
      const isMany = next - from > SEARCHED_MAX;
      const entry = isMany ? ~(yield* this.#addNode(from, next - 1)) : from;
      this.#nodes[node + NODE_ENTRIES + value] = entry;
      if (++this.#filled % SLICE === 0) yield;
    }
    return node;
  }

  /** Bits that the starts from `first` to `last` have in common: those of the outermost two. */
  #sharedBits(first: number, last: number): number {
    const { starts } = this.#ranges;
    const word = (offset: number): number => this.#word(last, offset);
    if (this.#family === 4) return Math.clz32((starts[first] as number) ^ word(0));
    return commonBits(starts, first * 4, word(0), word(1), word(2), word(3));
  }

  /** What the node goes by: `bits` bits of the start of a range, from `skip` on. */
  #valueOf(range: number, skip: number, bits: number): number {
    const word = (offset: number): number => this.#word(range, offset);
    return wordAtBit(skip, word(0), word(1), word(2), word(3)) >>> (32 - bits);
  }

  #word(range: number, offset: number): number {
    const width = wordsOf(this.#family);
    return offset < width ? (this.#ranges.starts[range * width + offset] as number) : 0;
  }
}
