/**
 * Compare-and-swap on one record: read, decide, write, and again from the start where somebody else
 * was first or the answer was lost. What a change decides depends on what is read alone, so a write
 * that did happen is found done, and not done twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordKind, RecordStore, RecordValue } from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";

/** The record as it shall be, "delete", or undefined where it is right as it is. */
export type Change = RecordValue | "delete" | undefined;

/** So often somebody else may be first; each time somebody got on. */
const CONFLICTS = 20;
/** So many answers may be lost in a row. */
const FAILURES = 2;
/** Milliseconds, at most, before the next try: those who collided do not do so again in step. */
const PAUSE = 20;

/**
 * @returns the record as it is then; undefined if there is none
 * @throws CausewayError of the store; `conflict` where the record never stood still
 */
export async function changeRecord(
  store: RecordStore,
  kind: RecordKind,
  name: string,
  change: (current: RecordValue | undefined) => Change,
): Promise<RecordValue | undefined> {
  let failures = 0;
  for (let conflicts = 0; ; ) {
    try {
      return await tryOnce(store, kind, name, change);
    } catch (error) {
      const code = error instanceof CausewayError ? error.code : undefined;
      if (code === "conflict" && ++conflicts <= CONFLICTS) failures = 0;
      else if (code !== "datastore" || ++failures > FAILURES) throw error;
      await sleep(Math.random() * PAUSE);
    }
  }
}

async function tryOnce(
  store: RecordStore,
  kind: RecordKind,
  name: string,
  change: (current: RecordValue | undefined) => Change,
): Promise<RecordValue | undefined> {
  const current = await store.get(kind, name);
  const wanted = change(current?.value);
  if (wanted === undefined) return current?.value;
  if (wanted !== "delete") {
    const written =
      current === undefined ? store.create(wanted) : store.update(wanted, current.revision);
    return (await written).value;
  }
  if (current !== undefined) await store.delete(kind, name, current.revision);
  return undefined;
}
