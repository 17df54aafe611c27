/** Ranges of keys, read in pages that are all of one revision. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EtcdClient } from "./client.ts";
import { EtcdError } from "./etcd-error.ts";
import type { KeyRange } from "./keys.ts";
import type { KeyValue, RangeAnswer } from "./messages.ts";

/** Characters of a page, about: what is decoded in one go holds the event loop up. */
const PAGE_LENGTH = 8_000_000;
const FIRST_PAGE = 500;
const MOST = 20_000;
/** Times that a list is begun anew because its revision was compacted away meanwhile. */
const ATTEMPTS = 5;

/**
 * Calls `onPage` with every page in order of keys, while the next one is on its way.
 * @param onStart called before the first page; again when the list is begun anew
 * @returns the revision that all pages are of
 * @throws EtcdError
 */
export async function listRanges(
  client: EtcdClient,
  ranges: readonly KeyRange[],
  onStart: () => void,
  onPage: (kvs: readonly KeyValue[]) => void | Promise<void>,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    onStart();
    try {
      return await listOnce(client, ranges, onPage);
    } catch (error) {
      if (!(error instanceof EtcdError) || !error.isCompacted || attempt === ATTEMPTS) throw error;
    }
  }
}

async function listOnce(
  client: EtcdClient,
  ranges: readonly KeyRange[],
  onPage: (kvs: readonly KeyValue[]) => void | Promise<void>,
): Promise<number> {
  let revision = 0;
  let limit = FIRST_PAGE;
  for (const { from, to } of ranges) {
    const rangeEnd = Buffer.from(to);
    const ask = (key: Buffer): Promise<RangeAnswer> => {
      const page = client.range({ key, rangeEnd, limit, revision });
      // It is waited for only when the page before it has been taken in.
      page.catch(() => undefined);
      return page;
    };
    let next: Promise<RangeAnswer> | undefined = ask(Buffer.from(from));
    while (next !== undefined) {
      const { header, kvs, more }: RangeAnswer = await next;
      if (revision === 0) revision = header?.revision ?? 0;
      limit = pageSize(kvs, limit);
      const last = kvs.at(-1);
      next = more && last !== undefined ? ask(Buffer.from(`${last.key}\0`)) : undefined;
      // First the question goes out: the server works on it while this page is taken in.
      if (next !== undefined) await nextTurn();
      await onPage(kvs);
    }
  }
  return revision;
}

function pageSize(kvs: readonly KeyValue[], before: number): number {
  if (kvs.length === 0) return before;
  const total = kvs.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  return Math.max(1, Math.min(MOST, Math.round((PAGE_LENGTH * kvs.length) / total)));
}
