/** The prefixes whose route has to be decided again. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import { RouteTable } from "../kernel/route-table.ts";

/** Sorting more prefixes than this takes longer than the event loop should wait. */
const SORTABLE = 20_000;

/** Prefixes that are being taken out, and how many of them are out already. */
interface Walk {
  readonly table: RouteTable;
  readonly rows: Int32Array;
  taken: number;
}

export class DirtyPrefixes {
  #tables: { 4: RouteTable; 6: RouteTable } = { 4: new RouteTable(4), 6: new RouteTable(6) };
  readonly #walks: { 4: Walk | undefined; 6: Walk | undefined } = { 4: undefined, 6: undefined };
  readonly #families: readonly Family[];
  #isUntouched = true;

  /** Prefixes of other families are nobody's concern and never dirty. */
  constructor(families: readonly Family[]) {
    this.#families = families;
  }

  /** True before the first prefix is taken: whatever is known by then is marked already. */
  get isUntouched(): boolean {
    return this.#isUntouched;
  }

  get size(): number {
    const { 4: walk4, 6: walk6 } = this.#walks;
    return this.#tables[4].size + this.#tables[6].size + remaining(walk4) + remaining(walk6);
  }

  mark(cidr: Cidr): void {
    if (this.#families.includes(cidr.family)) this.#tables[cidr.family].setCidr(cidr, 0);
  }

  /** As `mark`, without an object for the prefix. */
  markRow(table: RouteTable, row: number): void {
    if (!this.#families.includes(table.family)) return;
    this.#tables[table.family].set(
      table.wordOf(row, 0),
      table.wordOf(row, 1),
      table.wordOf(row, 2),
      table.wordOf(row, 3),
      table.lengthOf(row),
      0,
    );
  }

  /**
   * Takes the prefixes out one by one, ascending; too many for that only if `always` is set, so that
   * the rows of a first list ascend. Prefixes that nobody took yet, because the walk was given up, and
   * those marked meanwhile are there for the next walk.
   */
  *take(family: Family, always: boolean): Generator<Cidr> {
    const walk = this.#walks[family] ?? this.#begin(family, always);
    if (walk === undefined) return;
    this.#walks[family] = walk;
    const { table, rows } = walk;
    while (walk.taken < rows.length) yield table.destinationOf(rows[walk.taken++] as number);
    this.#walks[family] = undefined;
  }

  /** What is marked from now on is there for the next walk. */
  #begin(family: Family, always: boolean): Walk | undefined {
    const table = this.#tables[family];
    if (table.size === 0) return undefined;
    this.#isUntouched = false;
    this.#tables[family] = new RouteTable(family);
    return { table, rows: sortedRows(table, always), taken: 0 };
  }
}

function remaining(walk: Walk | undefined): number {
  return walk === undefined ? 0 : walk.rows.length - walk.taken;
}

function sortedRows(table: RouteTable, always: boolean): Int32Array {
  const rows = new Int32Array(table.size);
  let count = 0;
  for (let row = 0; row < table.rowLimit; row++) if (table.pathOf(row) >= 0) rows[count++] = row;
  if (!always && count > SORTABLE) return rows;
  if (table.family === 6) return rows.sort((a, b) => compareRows(table, a, b));
  // Address and length together are 38 bits: they sort as plain numbers, without comparison calls.
  const keys = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    const row = rows[at] as number;
    keys[at] = table.wordOf(row, 0) * 64 + table.lengthOf(row);
  }
  keys.sort();
  for (let at = 0; at < count; at++) {
    const key = keys[at] as number;
    rows[at] = table.find(Math.floor(key / 64), 0, 0, 0, key % 64);
  }
  return rows;
}

function compareRows(table: RouteTable, a: number, b: number): number {
  for (let at = 0; at < 4; at++) {
    const order = table.wordOf(a, at) - table.wordOf(b, at);
    if (order !== 0) return order;
  }
  return table.lengthOf(a) - table.lengthOf(b);
}
