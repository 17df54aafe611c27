/**
 * Who claims which prefix. Mostly a prefix has one claim, and that costs one slot of an array; more
 * claims stand in order, the one that wins first.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import { RouteTable } from "../kernel/route-table.ts";
import type { DirtyPrefixes } from "./dirty-prefixes.ts";

/** Rows that are marked between two yields. */
const SLICE = 10_000;

/** The prefixes of one family. */
interface Side<T> {
  /** A row number leads from a prefix to its claims; the "path" is not used. */
  readonly table: RouteTable;
  readonly claims: (T | T[] | undefined)[];
  readonly contested: Set<number>;
  /** How many prefixes have each length. */
  readonly count: number[];
  /** The lengths that occur, longest first. */
  lengths: number[];
}

export class PrefixClaims<T extends object> {
  readonly #compare: (a: T, b: T) => number;
  readonly #sides: { readonly 4: Side<T>; readonly 6: Side<T> } = { 4: side(4), 6: side(6) };

  /** `compare` must order any two claims that can meet on one prefix; the first one wins. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  add(cidr: Cidr, claim: T): void {
    const { table, claims, contested, count } = this.#sides[cidr.family];
    const row = table.setCidr(cidr, 0);
    const held = claims[row];
    if (held === undefined) {
      claims[row] = claim;
      count[cidr.length] = (count[cidr.length] ?? 0) + 1;
      if (count[cidr.length] === 1) this.#listLengths(cidr.family);
      return;
    }
    const all = Array.isArray(held) ? held : [held];
    all.push(claim);
    all.sort(this.#compare);
    claims[row] = all;
    contested.add(row);
  }

  /** Withdraws exactly the claim that was added. */
  remove(cidr: Cidr, claim: T): void {
    const { table, claims, contested, count } = this.#sides[cidr.family];
    const row = table.findCidr(cidr);
    const held = row < 0 ? undefined : claims[row];
    if (Array.isArray(held)) {
      const rest = held.filter((other) => other !== claim);
      claims[row] = rest.length === 1 ? rest[0] : rest;
      if (rest.length === 1) contested.delete(row);
    } else if (held === claim) {
      claims[row] = undefined;
      table.removeRow(row);
      count[cidr.length] = (count[cidr.length] ?? 0) - 1;
      if (count[cidr.length] === 0) this.#listLengths(cidr.family);
    }
  }

  /** The claim that wins on exactly this prefix. */
  first(cidr: Cidr): T | undefined {
    const { table, claims } = this.#sides[cidr.family];
    const row = table.findCidr(cidr);
    return row < 0 ? undefined : winner(claims[row]);
  }

  /** All claims on exactly this prefix, in order. */
  all(cidr: Cidr): readonly T[] {
    const { table, claims } = this.#sides[cidr.family];
    const row = table.findCidr(cidr);
    const held = row < 0 ? undefined : claims[row];
    return held === undefined ? [] : Array.isArray(held) ? held : [held];
  }

  /** The winning claim on the longest prefix, of at most `length` bits, that contains the address. */
  deepest(ip: IpAddress, length: number): T | undefined {
    const { table, claims, lengths } = this.#sides[ip.family];
    for (const bits of lengths) {
      if (bits > length) continue;
      const w0 = maskWord(ip.w0, bits);
      const w1 = maskWord(ip.w1, bits - 32);
      const w2 = maskWord(ip.w2, bits - 64);
      const w3 = maskWord(ip.w3, bits - 96);
      const row = table.find(w0, w1, w2, w3, bits);
      if (row >= 0) return winner(claims[row]);
    }
    return undefined;
  }

  /** The prefixes with more than one claim. */
  *contested(): Generator<{ cidr: Cidr; claims: readonly T[] }> {
    for (const { table, claims, contested } of [this.#sides[4], this.#sides[6]]) {
      for (const row of contested) {
        yield { cidr: table.destinationOf(row), claims: claims[row] as T[] };
      }
    }
  }

  /** Marks every claimed prefix, or those inside `within`, in slices of a millisecond. */
  *mark(dirty: DirtyPrefixes, within?: Cidr): Generator<void> {
    let done = 0;
    for (const { table } of within ? [this.#sides[within.family]] : Object.values(this.#sides)) {
      for (const row of table.rows()) {
        if (within === undefined || isInside(table, row, within)) dirty.markRow(table, row);
        if (++done % SLICE === 0) yield;
      }
    }
  }

  markAtOnce(dirty: DirtyPrefixes, within?: Cidr): void {
    for (const _slice of this.mark(dirty, within));
  }

  clear(): void {
    for (const family of [4, 6] as const) {
      const { table, claims, contested, count } = this.#sides[family];
      table.clear();
      claims.length = 0;
      contested.clear();
      count.length = 0;
      this.#listLengths(family);
    }
  }

  #listLengths(family: Family): void {
    const { count } = this.#sides[family];
    this.#sides[family].lengths = [...count.keys()].filter((bits) => count[bits]).reverse();
  }
}

function side<T>(family: Family): Side<T> {
  const table = new RouteTable(family);
  return { table, claims: [], contested: new Set(), count: [], lengths: [] };
}

function winner<T>(claims: T | T[] | undefined): T | undefined {
  return Array.isArray(claims) ? claims[0] : claims;
}

function isInside(table: RouteTable, row: number, cidr: Cidr): boolean {
  if (table.lengthOf(row) < cidr.length) return false;
  const { w0, w1, w2, w3 } = cidr.address;
  const words = [w0, w1, w2, w3];
  for (let at = 0; at * 32 < cidr.length; at++) {
    const differing = (table.wordOf(row, at) ^ (words[at] as number)) >>> 0;
    const bits = cidr.length - at * 32;
    if ((bits >= 32 ? differing : differing >>> (32 - bits)) !== 0) return false;
  }
  return true;
}

/** The word with all bits after the first `bits` cleared. */
function maskWord(word: number, bits: number): number {
  return bits >= 32 ? word : bits <= 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0;
}
