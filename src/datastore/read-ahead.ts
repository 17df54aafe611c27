/**
 * A datastore that is read before anybody listens: at the start of an agent its files are parsed
 * while the kernel is still being opened.
 */
import type { ChangeBatch, Datastore } from "./datastore.ts";

/** Starts to read at once. What `watch` of the result yields is what has been read since, and on. */
export function readAhead(datastore: Datastore, signal: AbortSignal): Datastore {
  let started: AsyncIterator<ChangeBatch> | undefined = datastore
    .watch(signal)
    [Symbol.asyncIterator]();
  let next = started.next();
  // Whoever listens hears of a failure; nobody may be listening yet.
  next.catch(() => undefined);
  return {
    url: datastore.url,
    resync: (options) => datastore.resync(options),
    async *watch(later) {
      const batches = started;
      if (batches === undefined) {
        yield* datastore.watch(later);
        return;
      }
      started = undefined;
      for (;;) {
        const { done, value } = await next;
        if (done === true) return;
        yield value;
        next = batches.next();
      }
    },
  };
}
