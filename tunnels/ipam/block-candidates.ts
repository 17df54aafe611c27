/** Which block of a pool a node tries to claim next. */
import { Cidr } from "../../encap/address/cidr.ts";
import { addressAt, addressCount } from "./address-number.ts";

export interface PoolRange {
  readonly cidr: Cidr;
  /** Prefix length of its blocks. */
  readonly blockSize: number;
}

/**
 * The blocks of a pool that nothing in `taken` overlaps, each once. Every node begins at a place of
 * its own, found from its name, so that nodes that start together seldom want the same block; from
 * there on in order, and round.
 */
export function* blockCandidates(
  { cidr, blockSize }: PoolRange,
  node: string,
  taken: Iterable<Cidr>,
): Generator<Cidr> {
  const { occupied, larger } = sortTaken(taken, blockSize);
  const count = 1n << BigInt(blockSize - cidr.length);
  const size = addressCount(new Cidr(cidr.address, blockSize));
  const start = hashOf(`${node} ${cidr}`) % count;
  for (let step = 0n; step < count; step++) {
    const index = (start + step) % count;
    const block = new Cidr(addressAt(cidr, index * size), blockSize);
    if (occupied.has(block.toString())) continue;
    if (!larger.some((one) => one.overlaps(block))) yield block;
  }
}

/** The pool may have had blocks of another size before. */
function sortTaken(
  taken: Iterable<Cidr>,
  blockSize: number,
): { occupied: ReadonlySet<string>; larger: readonly Cidr[] } {
  const occupied = new Set<string>();
  const larger: Cidr[] = [];
  for (const cidr of taken) {
    if (cidr.length < blockSize) larger.push(cidr);
    else occupied.add(new Cidr(cidr.address, blockSize).toString());
  }
  return { occupied, larger };
}

/** FNV-1a with 64 bits. */
function hashOf(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < text.length; at++) {
    hash ^= BigInt(text.charCodeAt(at));
    hash = (hash * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash;
}
