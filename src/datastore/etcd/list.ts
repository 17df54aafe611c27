/** Ranges of keys, read in pages that are all of one revision. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EtcdClient } from "./client.ts";
import { EtcdError } from "./etcd-error.ts";
import type { KeyRange } from "./keys.ts";
import { RangePage } from "./range-page.ts";

/** Bytes of a page, about: what is decoded in one go holds the event loop up. */
const PAGE_LENGTH = 16_000_000;
/** Keys of a range's first page, before it is known how long the values are. */
const FIRST_PAGE = 500;
const MOST = 20_000;
/** Pages of a range that are on their way, or have come, while one is taken in. */
const AHEAD = 2;
/** Times that a list is begun anew because its revision was compacted away meanwhile. */
const ATTEMPTS = 5;

/**
 * Calls `onPage` with every page in order of keys, while the next ones are on their way.
 * @param onStart called before the first page; again when the list is begun anew
 * @returns the revision that all pages are of
 * @throws EtcdError
 */
export async function listRanges(
  client: EtcdClient,
  ranges: readonly KeyRange[],
  onStart: () => void,
  onPage: (page: RangePage) => void | Promise<void>,
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
  onPage: (page: RangePage) => void | Promise<void>,
): Promise<number> {
  // A page may take its time; whether anybody is there at all shows sooner.
  const { header } = await client.range({ key: Buffer.from(ranges[0]?.from ?? "/") });
  const revision = header?.revision ?? 0;
  // All begin at once: etcd works on what comes later while this is taken in.
  const lists = ranges.map((range) => readAhead(pagesOf(client, range, revision)));
  for (const pages of lists) {
    for await (const page of pages) {
      // First the questions go out.
      await nextTurn();
      await onPage(page);
    }
  }
  return revision;
}

/** Asks for the first pages at once. */
function readAhead(pages: AsyncGenerator<RangePage, void>): AsyncIterable<RangePage> {
  const waiting: Promise<IteratorResult<RangePage, void>>[] = [];
  const ask = (): void => {
    const page = pages.next();
    // It is waited for only when the pages before it have been taken in.
    page.catch(() => undefined);
    waiting.push(page);
  };
  for (let count = 0; count < AHEAD; count++) ask();
  return {
    async *[Symbol.asyncIterator]() {
      for (let next = await waiting.shift(); next?.done === false; next = await waiting.shift()) {
        ask();
        yield next.value;
      }
    },
  };
}

async function* pagesOf(
  client: EtcdClient,
  { from, to }: KeyRange,
  revision: number,
): AsyncGenerator<RangePage, void> {
  const rangeEnd = Buffer.from(to);
  let key = Buffer.from(from);
  let limit = FIRST_PAGE;
  for (;;) {
    const page = await client.page({ key, rangeEnd, limit, revision });
    yield page;
    const { count, lastKey, total } = endOf(page);
    if (total <= count) return;
    key = Buffer.from(`${lastKey}\0`);
    limit = Math.max(1, Math.min(MOST, Math.round((PAGE_LENGTH * count) / page.bytes.length)));
  }
}

/** What is known of a page when it has been gone through. */
function endOf({ bytes }: RangePage): { count: number; lastKey: string; total: number } {
  const page = new RangePage(bytes);
  let count = 0;
  while (page.next()) count++;
  return { count, lastKey: page.key, total: page.total };
}
