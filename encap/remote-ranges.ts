/**
 * Prefixes, nested or not, as the sorted ranges that they cut the address space into. Longest-prefix
 * match becomes "the last range that starts at or before the address":
 *
 *   10.244.0.0/16 -> 1      |-----------------------------------|
 *   10.244.64.0/26 -> 2                 |-----|
 *
 *   starts  10.244.0.0      10.244.64.0     10.244.64.64        10.245.0.0
 *   remotes 1               2               1                   NO_REMOTE
 */
import { type Cidr, compareCidr } from "./address/cidr.ts";
import { type Family, IpAddress } from "./address/ip-address.ts";

/** Stands for "nowhere" in place of a remote. */
export const NO_REMOTE = -1;

export interface RemotePrefix {
  readonly cidr: Cidr;
  /** Index of the remote node in a list of the caller's: 0 to 2^31 - 1. */
  readonly remote: number;
}

export interface RemoteRanges {
  readonly count: number;
  /** First addresses in ascending order: one word each for IPv4, four for IPv6. */
  readonly starts: Uint32Array;
  /** The remote of each range, or `NO_REMOTE`. */
  readonly remotes: Int32Array;
}

/** Words of an address. */
export function wordsOf(family: Family): 1 | 4 {
  return family === 4 ? 1 : 4;
}

/**
 * The ranges of `prefixes`, all of `family`, in any order. Of two entries for one prefix the one
 * with the lower remote counts.
 */
export function remoteRanges(prefixes: readonly RemotePrefix[], family: Family): RemoteRanges {
  const sorted = [...prefixes].sort((a, b) => compareCidr(a.cidr, b.cidr) || b.remote - a.remote);
  const collector = new RangeCollector(family, sorted.length * 2);
  /** The prefixes around the place we are at, widest first. */
  const around: RemotePrefix[] = [];
  const leaveUntil = (isInside: (cidr: Cidr) => boolean): void => {
    for (
      let last = around.at(-1);
      last !== undefined && !isInside(last.cidr);
      last = around.at(-1)
    ) {
      around.pop();
      const after = addressAfter(last.cidr);
      if (after !== undefined) collector.add(after, around.at(-1)?.remote ?? NO_REMOTE);
    }
  };
  for (const prefix of sorted) {
    leaveUntil((cidr) => cidr.covers(prefix.cidr));
    collector.add(prefix.cidr.address, prefix.remote);
    around.push(prefix);
  }
  leaveUntil(() => false);
  return collector.ranges();
}

class RangeCollector {
  readonly #words: 1 | 4;
  readonly #starts: Uint32Array;
  readonly #remotes: Int32Array;
  #count = 0;

  constructor(family: Family, capacity: number) {
    this.#words = wordsOf(family);
    this.#starts = new Uint32Array(capacity * this.#words);
    this.#remotes = new Int32Array(capacity);
  }

  /** From `start` on it is `remote`. A start that was there before is taken over. */
  add(start: IpAddress, remote: number): void {
    if (this.#count > 0 && this.#isLastStart(start)) this.#count--;
    if (this.#count > 0 && this.#remotes[this.#count - 1] === remote) return;
    const at = this.#count * this.#words;
    this.#starts[at] = start.w0;
    if (this.#words === 4) {
      this.#starts[at + 1] = start.w1;
      this.#starts[at + 2] = start.w2;
      this.#starts[at + 3] = start.w3;
    }
    this.#remotes[this.#count++] = remote;
  }

  #isLastStart(start: IpAddress): boolean {
    const starts = this.#starts;
    const at = (this.#count - 1) * this.#words;
    if (this.#words === 1) return starts[at] === start.w0;
    return (
      starts[at] === start.w0 &&
      starts[at + 1] === start.w1 &&
      starts[at + 2] === start.w2 &&
      starts[at + 3] === start.w3
    );
  }

  ranges(): RemoteRanges {
    return {
      count: this.#count,
      starts: this.#starts.subarray(0, this.#count * this.#words),
      remotes: this.#remotes.subarray(0, this.#count),
    };
  }
}

/** The first address behind a prefix; undefined behind the last address of all. */
function addressAfter({ address, family, length }: Cidr): IpAddress | undefined {
  const words = [address.w0, address.w1, address.w2, address.w3];
  if (length === 0) return undefined;
  const word = (length - 1) >> 5;
  let carry = 2 ** (31 - ((length - 1) & 31));
  for (let at = word; at >= 0 && carry > 0; at--) {
    const sum = (words[at] as number) + carry;
    words[at] = sum % 0x100000000;
    carry = sum >= 0x100000000 ? 1 : 0;
  }
  if (carry > 0) return undefined;
  return new IpAddress(family, words[0] as number, words[1], words[2], words[3]);
}
