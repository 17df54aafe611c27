/** From `--datastore` to the store that records are written through. */
import { CausewayError } from "../errors.ts";
import type { RecordStore } from "./record-store.ts";

/** What the operator wanted to do, for the message where it cannot be: "--register". */
export type Purpose = string;

/** Whether records can be written through a datastore of this kind at all. */
export function canWriteRecords(_url: string): boolean {
  return false;
}

/** @throws CausewayError `bad-config` where nothing can be written there */
export async function openRecordStore(url: string, purpose: Purpose): Promise<RecordStore> {
  const what = `${purpose} writes records, and causeway writes none to ${url}`;
  const hint = "write the files of a file datastore yourself; see causeway validate";
  throw new CausewayError("bad-config", what, { hint });
}
