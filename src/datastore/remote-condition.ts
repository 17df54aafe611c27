/** How far the state in force is known to be a remote store's present one, in words. */
import type { DatastoreCondition } from "./datastore.ts";
import type { FollowedRecords } from "./followed-records.ts";
import type { RemoteTrouble } from "./remote-feed.ts";

export interface RemoteFacts {
  /** The store as its URL names it. */
  readonly url: string;
  readonly records: FollowedRecords;
  readonly inSync: boolean;
  /** Why the store cannot be reached or read; undefined while it answers. */
  readonly trouble: RemoteTrouble | undefined;
  /** A list of it has been read to its end. */
  readonly isListed: boolean;
  /** The store was found to be older than what had been seen of it: from which revision to which. */
  readonly wentBack: string | undefined;
  /** When the snapshot was written that the state in force comes from, if it does. */
  readonly restoredFrom: string | undefined;
}

const ACCEPT = "if it is right as it is: causeway resync --accept-empty";

export function remoteCondition(facts: RemoteFacts): DatastoreCondition {
  const { url, records, inSync, trouble, isListed, wentBack, restoredFrom } = facts;
  const { present, missing } = records;
  const last =
    restoredFrom === undefined ? "the last good state" : `the snapshot of ${restoredFrom}`;
  const total = present + missing;
  const going = total > 0 ? `; going on with ${last}, ${total} resources` : "";
  if (trouble !== undefined) return { state: trouble.state, reason: `${trouble.reason}${going}` };
  if (!isListed) return { state: "starting", reason: `${url} has not answered yet${going}` };
  if (missing > 0) {
    const back = wentBack === undefined ? "" : ` (it went back ${wentBack})`;
    if (present === 0) {
      const reason = `${url} has lost all its resources${back}${going}; ${ACCEPT}`;
      return { state: "empty", reason };
    }
    const kept = `${missing} resources are gone from it and kept in force all the same`;
    return { state: "incomplete", reason: `${url} has lost data${back}: ${kept}; ${ACCEPT}` };
  }
  if (total === 0 && !inSync) return { state: "empty", reason: `no usable resource in ${url}` };
  return { state: "ok" };
}
