/**
 * Numbers for the raw bytes of route messages without their destination. 100,000 routes have a few
 * thousand such byte strings, so that a dump makes an object for each of those and none for a row.
 */

/** What is known about an entry. */
export const RAW = {
  /** Not read yet. */
  fresh: 0,
  /** Another table, metric or TOS: nothing to us. */
  ignored: 1,
  owned: 2,
  foreign: 3,
} as const;

/** More would be a stranger's doing, such as IPv6 routes that all expire at another time. */
const LIMIT = 1 << 17;

export class RawPathTable {
  /** Hash slot -> entry + 1, 0 for empty; its size is a power of two, at least twice the entries. */
  #slots = new Int32Array(1024);
  /** Where the words of entry e start and (at e + 1) end. */
  #bounds = new Uint32Array(513);
  #words = new Uint32Array(512 * 12);
  #hashes = new Int32Array(512);
  #size = 0;
  /** By entry: one of RAW, and a number in the PathTable or -1. */
  readonly states: number[] = [];
  readonly paths: number[] = [];

  clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
    this.states.length = 0;
    this.paths.length = 0;
  }

  /**
   * The entry for three header words and the words of `from` in [start, gap) and [gapEnd, end); a
   * fresh one if they were never seen. Entries are numbered from 0 up until `clear`.
   */
  entryOf(
    from: Uint32Array,
    head0: number,
    head1: number,
    head2: number,
    start: number,
    gap: number,
    gapEnd: number,
    end: number,
  ): number {
    let hash = Math.imul(head0 ^ 0x9e3779b9, 0x85ebca6b) ^ head1;
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ head2;
    for (let at = start; at < gap; at++) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ (from[at] as number), 0x27d4eb2f);
    }
    for (let at = gapEnd; at < end; at++) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ (from[at] as number), 0x27d4eb2f);
    }
    hash ^= hash >>> 13;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] as number) - 1;
      if (entry < 0) break;
      if (
        this.#hashes[entry] === hash &&
        this.#holds(entry, from, head0, head1, head2, start, gap, gapEnd, end)
      ) {
        return entry;
      }
    }
    return this.#add(hash, from, head0, head1, head2, start, gap, gapEnd, end);
  }

  #holds(
    entry: number,
    from: Uint32Array,
    head0: number,
    head1: number,
    head2: number,
    start: number,
    gap: number,
    gapEnd: number,
    end: number,
  ): boolean {
    const words = this.#words;
    let at = this.#bounds[entry] as number;
    const length = (this.#bounds[entry + 1] as number) - at;
    if (length !== 3 + (gap - start) + (end - gapEnd)) return false;
    if (words[at] !== head0 || words[at + 1] !== head1 || words[at + 2] !== head2) return false;
    at += 3;
    for (let word = start; word < gap; word++) if (words[at++] !== from[word]) return false;
    for (let word = gapEnd; word < end; word++) if (words[at++] !== from[word]) return false;
    return true;
  }

  #add(
    hash: number,
    from: Uint32Array,
    head0: number,
    head1: number,
    head2: number,
    start: number,
    gap: number,
    gapEnd: number,
    end: number,
  ): number {
    if (this.#size === LIMIT) this.clear();
    const entry = this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    let at = entry === 0 ? 0 : (this.#bounds[entry] as number);
    const needed = at + 3 + (gap - start) + (end - gapEnd);
    if (needed > this.#words.length) {
      const words = new Uint32Array(Math.max(this.#words.length * 2, needed));
      words.set(this.#words);
      this.#words = words;
    }
    const words = this.#words;
    this.#bounds[entry] = at;
    words[at++] = head0;
    words[at++] = head1;
    words[at++] = head2;
    for (let word = start; word < gap; word++) words[at++] = from[word] as number;
    for (let word = gapEnd; word < end; word++) words[at++] = from[word] as number;
    this.#bounds[entry + 1] = at;
    this.#hashes[entry] = hash;
    this.states.push(RAW.fresh);
    this.paths.push(-1);
    this.#link(entry);
    return entry;
  }

  #link(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[entry] as number) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  /** Called with one entry more counted than linked. */
  #grow(): void {
    const bounds = new Uint32Array(this.#slots.length + 1);
    bounds.set(this.#bounds);
    this.#bounds = bounds;
    const hashes = new Int32Array(this.#slots.length);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let entry = 0; entry < this.#size - 1; entry++) this.#link(entry);
  }
}
