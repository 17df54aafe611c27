/** One file of the datastore as it is in force, and what a new reading of it would mean. */
import {
  type Entry,
  entryDifference,
  flatEntries,
  isRefused,
  keyOf,
  noEntries,
  noEntryProblems,
} from "./entry.ts";
import type { PlaceFault } from "./piece-table.ts";
import { COMMENTS_ONLY, type FileReading } from "./read-file.ts";

export interface StoreFile {
  readonly path: string;
  /** What the file claims: its last good version, resource by resource. */
  entries: readonly Entry[];
  /** The entries that have something to report. */
  faulty: readonly Entry[];
  /** Number of resources among the entries. */
  usable: number;
  /** Why the version now on disk is not in force. */
  fault: PlaceFault | undefined;
  isEmpty: boolean;
  /** It was once read to its end, by this process or by the one that left the snapshot. */
  hasLastGood: boolean;
  /** Something of the version now on disk cannot be read. */
  isUnread: boolean;
  /** The same, and no earlier version is known. */
  isIncomplete: boolean;
  /** The last record and its fields, to recognise text cut short. */
  lastKey: string | undefined;
  lastFields: readonly string[];
  /** The version last looked at, in force or not. */
  version: string | undefined;
  inode: string | undefined;
  /** That version was written so recently that its times cannot tell it from the next. */
  isRacy: boolean;
  /** Read, and not yet in force. */
  pending: FileReading | undefined;
  /** When (`performance.now()`) the file vanished, while its resources are held. */
  vanishedAt: number | undefined;
}

export function newStoreFile(path: string): StoreFile {
  return {
    path,
    entries: noEntries,
    faulty: noEntries,
    usable: 0,
    fault: undefined,
    isEmpty: false,
    hasLastGood: false,
    isUnread: false,
    isIncomplete: false,
    lastKey: undefined,
    lastFields: [],
    version: undefined,
    inode: undefined,
    isRacy: false,
    pending: undefined,
    vanishedAt: undefined,
  };
}

/** By path: files are read at the same time, and which is done first is chance. */
export function inPathOrder(files: readonly StoreFile[]): StoreFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What would be in force of a file with a reading. */
export interface Merged {
  readonly entries: readonly Entry[];
  readonly usable: number;
}

/**
 * Refused resources keep their last good version, and where something cannot be told at all
 * nothing is removed.
 */
export function mergeReading(file: StoreFile, reading: FileReading): Merged {
  if (reading.fault !== undefined) return file;
  const refused = reading.faulty.filter(isRefused);
  if (refused.length === 0 && !reading.isPartial) return reading;
  const lastGood = new Map<string, Entry>();
  for (const entry of flatEntries(file.entries)) {
    const key = keyOf(entry);
    if (key !== undefined && entry.resource !== undefined) lastGood.set(key, entry);
  }
  let cannotTell = reading.isPartial;
  for (const entry of refused) {
    const key = keyOf(entry);
    if (key === undefined) cannotTell = true;
    else entry.resource ??= lastGood.get(key)?.resource;
  }
  if (!cannotTell) return { entries: reading.entries, usable: countUsable(reading.entries) };
  for (const entry of flatEntries(reading.entries)) lastGood.delete(keyOf(entry) ?? "");
  const carried = [...lastGood.values()].map((entry, at) => carry(entry, file.entries.length + at));
  const entries = [...reading.entries, ...carried];
  return { entries, usable: countUsable(entries) };
}

/** True if a writer who is not done yet could have left the file like this. */
export function looksUnfinished(
  file: StoreFile,
  reading: FileReading,
  next: readonly Entry[],
): boolean {
  if (reading.fault !== undefined || reading.isPartial) return true;
  const { gone, fresh } = entryDifference(file.entries, next);
  const missing = new Set<string>();
  for (const entry of gone) if (entry.resource !== undefined) missing.add(keyOf(entry) ?? "");
  let isChanged = missing.size > 0;
  for (const entry of fresh) {
    isChanged = true;
    if (entry.resource !== undefined) missing.delete(keyOf(entry) ?? "");
  }
  if (missing.size > 0) return true;
  if (reading.mayBeCutShort && isChanged) return true;
  const isSameLast = file.lastKey !== undefined && file.lastKey === lastKeyOf(reading);
  if (!isSameLast || reading.lastFields.length === 0) return false;
  const fields = new Set(reading.lastFields);
  return !file.lastFields.every((field) => fields.has(field));
}

/** Puts a reading in force. */
export function takeReading(file: StoreFile, reading: FileReading, merged: Merged): void {
  file.entries = merged.entries;
  file.usable = merged.usable;
  if (reading.fault === undefined) file.faulty = reading.faulty;
  // A file of comments that never held anything is nobody's broken file.
  const isNote = file.usable === 0 && reading.fault?.reason === COMMENTS_ONLY;
  file.fault = isNote ? undefined : reading.fault;
  file.isEmpty = reading.isEmpty;
  file.isUnread = reading.isPartial || file.fault !== undefined;
  file.hasLastGood ||= !file.isUnread;
  file.isIncomplete = file.isUnread && !file.hasLastGood;
  if (reading.fault === undefined) {
    const key = lastKeyOf(reading);
    const isRead = reading.lastFields.length > 0;
    if (isRead || key !== file.lastKey) file.lastFields = reading.lastFields;
    file.lastKey = key;
  }
  file.pending = undefined;
}

function countUsable(entries: readonly Entry[]): number {
  let count = 0;
  for (const entry of flatEntries(entries)) if (entry.resource !== undefined) count++;
  return count;
}

function carry(entry: Entry, at: number): Entry {
  if (entry.problems.length === 0) {
    entry.at = at;
    return entry;
  }
  return { ...entry, problems: noEntryProblems, at };
}

function lastKeyOf(reading: FileReading): string | undefined {
  const last = reading.entries[reading.entries.length - 1];
  return last && keyOf(last);
}
