/** How far the state in force is known to be the datastore's present one, in words. */
import type { DatastoreCondition } from "./datastore.ts";
import type { FileListing } from "./file-listing.ts";
import { inPathOrder } from "./store-file.ts";
import type { StoreState } from "./store-state.ts";

export interface ConditionFacts {
  readonly directory: string;
  readonly listing: FileListing | undefined;
  readonly state: StoreState;
  readonly inSync: boolean;
  /** When the snapshot was written that the state in force comes from, if it does. */
  readonly restoredFrom: string | undefined;
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "is not a directory",
};

export function conditionOf(facts: ConditionFacts): DatastoreCondition {
  const { directory, listing, state, inSync, restoredFrom } = facts;
  const { usable, isHoldingLast } = state;
  const last =
    restoredFrom === undefined ? "the last good state" : `the snapshot of ${restoredFrom}`;
  const going = usable > 0 ? `; going on with ${last}, ${usable} resources` : "";
  const failure = listing?.failure;
  if (failure !== undefined && !(inSync && usable === 0)) {
    const why = WHY[failure] ?? `cannot be read (${failure})`;
    return { state: "unreachable", reason: `${directory} ${why}${going}` };
  }
  if (isHoldingLast || (usable === 0 && !inSync)) {
    const why = listing?.files.size === 0 ? "no .yaml or .json file" : "no usable resource";
    return { state: "empty", reason: `${why} below ${directory}${going}` };
  }
  return brokenFiles(state);
}

function brokenFiles(state: StoreState): DatastoreCondition {
  const broken = [...state.files.values()].filter(
    ({ isUnread, vanishedAt }) => vanishedAt === undefined && isUnread,
  );
  const [first] = inPathOrder(broken);
  if (first === undefined) return { state: "ok" };
  const others = broken.length > 1 ? `, and ${broken.length - 1} more` : "";
  const kept = first.usable > 0 ? "its last good version is in force" : "nothing is removed";
  const why = first.fault === undefined ? "cannot be read to its end" : first.fault.reason;
  return { state: "incomplete", reason: `${first.path}: ${why}; ${kept}${others}` };
}
