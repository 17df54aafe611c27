/** What is known of a file already: entries whose pieces have the same bytes as before. */
import type { Entry } from "./entry.ts";
import type { PieceTable } from "./piece-table.ts";

/**
 * Puts those of the `old` entries whose pieces are unchanged into `entries`, each at the number that
 * its piece has now; returns the other pieces.
 */
export function* reuseEntries(
  pieces: PieceTable,
  old: readonly Entry[],
  entries: Entry[],
): Generator<void, number[]> {
  const { count } = pieces;
  const isSame = (piece: number, entry: Entry | undefined): entry is Entry =>
    entry !== undefined && pieces.hasHash(piece, entry.hashA, entry.hashB);
  const take = (piece: number, entry: Entry): void => {
    entry.line = pieces.line(piece);
    entry.at = piece;
    entries[piece] = entry;
  };
  // Most changes leave the beginning and the end as they were.
  let head = 0;
  for (let entry = old[0]; head < count && isSame(head, entry); entry = old[head]) {
    take(head++, entry);
    if (head % 4096 === 0) yield;
  }
  let tail = 0;
  while (tail < count - head && tail < old.length - head) {
    const entry = old[old.length - 1 - tail];
    if (!isSame(count - 1 - tail, entry)) break;
    take(count - 1 - tail, entry);
    if (++tail % 4096 === 0) yield;
  }
  const rest: number[] = [];
  const byHash = new Map<number, Entry>();
  for (let at = head; at < old.length - tail; at++) {
    const entry = old[at] as Entry;
    byHash.set(entry.hashA, entry);
  }
  for (let piece = head; piece < count - tail; piece++) {
    const entry = byHash.get(pieces.hash(piece).a);
    if (isSame(piece, entry)) {
      byHash.delete(entry.hashA);
      take(piece, entry);
    } else {
      rest.push(piece);
    }
    if (piece % 1024 === 0) yield;
  }
  return rest;
}
