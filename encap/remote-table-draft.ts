/**
 * Prefixes that change, and the table of them as they are now: a change costs a copy of the
 * columns, never a sort of all of them. Tables that were built before stay as they are.
 */
import { type Cidr, compareCidr } from "./address/cidr.ts";
import type { Family } from "./address/ip-address.ts";
import { layOutRemoteTable } from "./build-remote-table.ts";
import {
  mergeColumns,
  type PrefixColumns,
  prefixColumns,
  type RemotePrefix,
} from "./prefix-columns.ts";
import type { RemoteTable } from "./remote-table.ts";

/** So many changes are sorted at once; the runs are merged then. */
const RUN = 2_000;

export class RemoteTableDraft {
  readonly #columns: Record<Family, PrefixColumns> = {
    4: prefixColumns(4, []),
    6: prefixColumns(6, []),
  };
  /** In the order in which they came. */
  readonly #changes: Record<Family, RemotePrefix[]> = { 4: [], 6: [] };
  #table: RemoteTable | undefined;
  #isChanged = true;

  /** From the next table on, `cidr` leads to `remote`: an index, or `NO_REMOTE` to
   * take it out. */
  set(cidr: Cidr, remote: number): void {
    this.#changes[cidr.family].push({ cidr, remote });
    this.#isChanged = true;
  }

  /** True if the next table differs from the last one, or is the first. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /**
   * The table, built in slices of a few milliseconds; the same object as long as nothing changes. A
   * build that is given up is taken up by the next one.
   */
  *build(): Generator<void, RemoteTable> {
    if (this.#table !== undefined && !this.#isChanged) return this.#table;
    for (const family of [4, 6] as const) {
      const changes = this.#changes[family];
      const taken = changes.length;
      const merged = yield* merge(this.#columns[family], family, changes.slice());
      this.#columns[family] = merged;
      changes.splice(0, taken);
    }
    this.#table = yield* layOutRemoteTable(this.#columns[4], this.#columns[6]);
    // What changed while it was built is in the next one.
    this.#isChanged = this.#changes[4].length + this.#changes[6].length > 0;
    return this.#table;
  }
}

function* merge(
  columns: PrefixColumns,
  family: Family,
  changes: readonly RemotePrefix[],
): Generator<void, PrefixColumns> {
  if (changes.length === 0) return columns;
  let runs: PrefixColumns[] = [];
  for (let from = 0; from < changes.length; from += RUN) {
    // A stable sort: the later of two changes of one prefix stays behind the earlier one.
    const run = changes.slice(from, from + RUN).sort((a, b) => compareCidr(a.cidr, b.cidr));
    runs.push(prefixColumns(family, run));
    yield;
  }
  while (runs.length > 1) {
    const longer: PrefixColumns[] = [];
    for (let at = 0; at < runs.length; at += 2) {
      const [older, newer] = [runs[at], runs[at + 1]] as [PrefixColumns, PrefixColumns | undefined];
      longer.push(newer === undefined ? older : yield* mergeColumns(older, newer, true));
    }
    runs = longer;
  }
  return yield* mergeColumns(columns, runs[0] as PrefixColumns, false);
}
