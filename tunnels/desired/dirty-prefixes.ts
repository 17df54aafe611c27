/** The prefixes whose route has to be decided again. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import { RouteTable } from "../kernel/route-table.ts";

/** Sorting more IPv6 prefixes than this takes longer than the event loop should wait. */
const SORTABLE_IPV6 = 20_000;

export class DirtyPrefixes {
  #tables: { 4: RouteTable; 6: RouteTable } = { 4: new RouteTable(4), 6: new RouteTable(6) };

  get size(): number {
    return this.#tables[4].size + this.#tables[6].size;
  }

  mark(cidr: Cidr): void {
    this.#tables[cidr.family].setCidr(cidr, 0);
  }

  /** As `mark`, without an object for the prefix. */
  markRow(table: RouteTable, row: number): void {
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
   * Takes the prefixes out one by one, ascending; `always` sorts whatever their number, so that the
   * rows of a first list ascend. Prefixes that nobody took yet, because the walk was given up, and
   * those marked meanwhile are there for the next walk.
   */
  *take(family: Family, always: boolean): Generator<Cidr> {
    const table = this.#tables[family];
    if (table.size === 0) return;
    for (const row of sortedRows(table, always)) {
      const cidr = table.destinationOf(row);
      table.removeRow(row);
      yield cidr;
    }
    if (table.size === 0) this.#tables[family] = new RouteTable(family);
  }
}

function sortedRows(table: RouteTable, always: boolean): Iterable<number> {
  if (table.family === 4) return sortedIpv4(table);
  const rows = [...table.rows()];
  if (!always && rows.length > SORTABLE_IPV6) return rows;
  return rows.sort((a, b) => compareRows(table, a, b));
}

/** Address and length together are 38 bits: they sort as plain numbers, without a comparison call. */
function* sortedIpv4(table: RouteTable): Generator<number> {
  const keys = new Float64Array(table.size);
  let at = 0;
  for (const row of table.rows()) keys[at++] = table.wordOf(row, 0) * 64 + table.lengthOf(row);
  keys.sort();
  for (const key of keys) yield table.find(Math.floor(key / 64), 0, 0, 0, key % 64);
}

function compareRows(table: RouteTable, a: number, b: number): number {
  for (let at = 0; at < 4; at++) {
    const order = table.wordOf(a, at) - table.wordOf(b, at);
    if (order !== 0) return order;
  }
  return table.lengthOf(a) - table.lengthOf(b);
}
