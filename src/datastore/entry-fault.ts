/** What is wrong with entries, as faults. */
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { type Entry, titleOf } from "./entry.ts";
import type { Loss } from "./resource-index.ts";

/** The problems of one entry as faults. */
export function faultsOfEntry(entry: Entry, isInForce: boolean): ResourceFault[] {
  const what = titleOf(entry);
  return entry.problems.map(({ severity, lineOffset, field, value, reason }) => ({
    where: placeOf(entry, lineOffset),
    ...(what === undefined ? {} : { what }),
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    reason,
    severity,
    keptLastGood: severity === "error" && isInForce,
  }));
}

/** An entry that is not in force because another has its name. */
export function faultOfLoss({ loser, winner }: Loss): ResourceFault {
  const what = titleOf(loser);
  return {
    where: placeOf(loser),
    ...(what === undefined ? {} : { what }),
    reason: `also in ${placeOf(winner)}, which is in force; remove one of them`,
    severity: "error",
    keptLastGood: true,
  };
}

/** "pools.yaml:7", or a key, which has no lines. */
function placeOf({ file, line }: Entry, lineOffset = 0): string {
  return line > 0 ? `${file}:${line + lineOffset}` : file;
}
