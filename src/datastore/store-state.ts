/**
 * The files of the datastore and what is in force of them: takes readings and disappearances in,
 * and decides which of them count, when. No I/O and no clock: times come in as arguments.
 */
import type { Resource, ResourceChange, ResourceFault } from "../../tunnels/model/snapshot.ts";
import { entryOf, isRefused, noEntries } from "./entry.ts";
import { faultOfLoss, faultsOfEntry } from "./entry-fault.ts";
import type { PlaceFault } from "./piece-table.ts";
import type { FileReading } from "./read-file.ts";
import { ResourceIndex } from "./resource-index.ts";
import type { BySource } from "./snapshot-file.ts";
import {
  inPathOrder,
  looksUnfinished,
  type Merged,
  mergeReading,
  newStoreFile,
  type StoreFile,
  takeReading,
} from "./store-file.ts";

export interface StoreTimings {
  /** A file written in place, and perhaps not to its end, counts after this time without a write. */
  readonly inPlaceQuiet: number;
  /** Resources of vanished files are held until no file has come or gone for this time. */
  readonly vanishQuiet: number;
}

export interface Decision {
  readonly changes: readonly ResourceChange[];
  /** Files that are not trusted yet, and when to read them again. */
  readonly held: readonly { readonly path: string; readonly until: number }[];
  /** When to decide again about vanished files. */
  readonly vanishUntil: number | undefined;
  /** When the last byte of what was taken had been read. */
  readonly readAt: number | undefined;
}

interface Candidate {
  readonly file: StoreFile;
  readonly reading: FileReading;
  readonly merged: Merged;
}

/** Coming and going cannot put the removal of vanished files off for longer than this many times. */
const PATIENCE = 10;

export class StoreState {
  readonly files: Map<string, StoreFile> = new Map();
  readonly #vanished = new Set<string>();
  readonly #index = new ResourceIndex(this.#vanished);
  readonly #timings: StoreTimings;
  /** Paths written in place since their last reading was taken, and when. */
  readonly #written = new Map<string, number>();
  #isReordered = false;
  #isFirst = true;
  #lastMove = Number.NEGATIVE_INFINITY;
  /** Nothing usable is left in the store, and its last state stays in force. */
  isHoldingLast: boolean = false;

  constructor(timings: StoreTimings) {
    this.#timings = timings;
  }

  /** Number of claims in force or held; 0 only where nothing is known at all. */
  get usable(): number {
    let total = 0;
    for (const file of this.files.values()) total += file.usable;
    return total;
  }

  get isComplete(): boolean {
    for (const file of this.files.values()) {
      if (file.isIncomplete && file.vanishedAt === undefined) return false;
    }
    return true;
  }

  /** What the snapshot on disk is to hold; undefined if a change goes on meanwhile. */
  *inForce(): Generator<void, BySource | undefined> {
    const byFile = new Map<string, Resource[]>();
    const isWhole = yield* this.#index.visitInForce((resource, file) => {
      const resources = byFile.get(file);
      if (resources === undefined) byFile.set(file, [resource]);
      else resources.push(resource);
    });
    return isWhole ? byFile : undefined;
  }

  /** True if the file's reading does not tell all that it should hold. */
  isTroubled(path: string): boolean {
    const reading = this.files.get(path)?.pending;
    if (reading === undefined) return false;
    return reading.fault !== undefined || reading.isPartial || reading.faulty.some(isRefused);
  }

  /** A file as it was when the snapshot on disk was written. */
  *restore(path: string, resources: readonly Resource[]): Generator<void, void> {
    const file = this.#file(path);
    const entries = resources.map((one, at) => entryOf(one, path, { a: 0, b: 0 }, at));
    yield* this.#index.replace(file.entries, entries);
    file.entries = entries;
    file.usable = entries.length;
    file.hasLastGood = true;
  }

  noteWrite(path: string, now: number): void {
    this.#written.set(path, now);
  }

  /** A file was read. Its reading counts from a later `decide` on. */
  noteReading(path: string, reading: FileReading, now: number): void {
    if (!this.files.has(path)) this.#lastMove = now;
    const file = this.#file(path);
    const { signature } = reading;
    if (signature !== undefined && signature.inode === file.inode && !this.#written.has(path)) {
      this.#written.set(path, now);
    }
    file.version = signature?.version;
    file.isRacy = signature !== undefined && Date.now() - signature.modifiedMs < 100;
    file.pending = reading;
  }

  /** Which files there are. */
  noteListing(isThere: (path: string) => boolean, now: number): void {
    for (const file of this.files.values()) {
      if (isThere(file.path) === (file.vanishedAt === undefined)) continue;
      this.#move(file, isThere(file.path) ? undefined : now, now);
    }
  }

  /** One file that is known came back or is gone. */
  noteFile(path: string, isThere: boolean, now: number): void {
    const known = this.files.get(path);
    if (known !== undefined && isThere !== (known.vanishedAt === undefined)) {
      this.#move(known, isThere ? undefined : now, now);
    }
  }

  /** Puts in force what may be. `acceptEmpty`: whatever is there counts, at once. */
  *decide(now: number, acceptEmpty: boolean): Generator<void, Decision> {
    const held: { path: string; until: number }[] = [];
    const candidates: Candidate[] = [];
    for (const file of this.files.values()) {
      const reading = file.pending;
      if (reading === undefined || file.vanishedAt !== undefined) continue;
      const merged = mergeReading(file, reading);
      const until = (this.#written.get(file.path) ?? -Infinity) + this.#timings.inPlaceQuiet;
      if (now < until && !acceptEmpty && looksUnfinished(file, reading, merged.entries)) {
        held.push({ path: file.path, until });
        file.pending = undefined;
        file.version = undefined;
      } else {
        candidates.push({ file, reading, merged });
      }
      yield;
    }
    const isEmpty =
      !acceptEmpty && this.usable > 0 && this.#usableAfter(candidates, this.#vanished) === 0;
    if (this.isHoldingLast && !isEmpty) this.#holdVanishedAnew(now);
    const vanishUntil = this.#vanishUntil();
    const isVanishDue = vanishUntil !== undefined && (now >= vanishUntil || acceptEmpty);
    if (isEmpty) {
      // Not at once: an editor may be replacing the only file.
      this.isHoldingLast ||= isVanishDue || vanishUntil === undefined || this.#isFirst;
      this.#isFirst = false;
      const changes = yield* this.#index.takeChanges();
      const until = this.isHoldingLast ? undefined : vanishUntil;
      return { changes, held, vanishUntil: until, readAt: undefined };
    }
    this.#isFirst = false;
    this.isHoldingLast = false;
    const leaving = isVanishDue ? [...this.#vanished] : [];
    let readAt: number | undefined;
    for (const { file, reading, merged } of candidates) {
      yield* this.#index.replace(file.entries, merged.entries);
      takeReading(file, reading, merged);
      file.inode = reading.signature?.inode ?? file.inode;
      this.#written.delete(file.path);
      readAt = Math.max(readAt ?? 0, reading.readAt);
    }
    for (const path of leaving) {
      yield* this.#index.replace(this.#file(path).entries, noEntries);
      this.files.delete(path);
      this.#vanished.delete(path);
      this.#written.delete(path);
    }
    if (this.#isReordered) this.#index.reorder();
    this.#isReordered = false;
    const changes = yield* this.#index.takeChanges();
    return { changes, held, vanishUntil: isVanishDue ? undefined : vanishUntil, readAt };
  }

  /** Everything that is wrong now: file by file, then what several files claim. */
  faults(): ResourceFault[] {
    const faults: ResourceFault[] = [];
    const troubled = [...this.files.values()].filter(
      (file) =>
        file.vanishedAt === undefined &&
        (file.faulty.length > 0 || this.#fileFault(file) !== undefined),
    );
    for (const file of inPathOrder(troubled)) {
      const fileFault = this.#fileFault(file);
      if (fileFault !== undefined) faults.push(faultOfFile(file, fileFault));
      for (const entry of file.faulty) {
        const { kind, name } = entry;
        const isKnown = kind !== undefined && name !== undefined && this.#index.has(kind, name);
        faults.push(...faultsOfEntry(entry, isKnown || (kind === undefined && file.hasLastGood)));
      }
    }
    const written = this.#index.losses().filter(({ loser }) => loser.line > 0);
    faults.push(...written.map(faultOfLoss));
    return faults;
  }

  #fileFault(file: StoreFile): PlaceFault | undefined {
    return file.fault ?? (this.isHoldingLast ? file.pending?.fault : undefined);
  }

  #file(path: string): StoreFile {
    let file = this.files.get(path);
    if (file === undefined) {
      file = newStoreFile(path);
      this.files.set(path, file);
    }
    return file;
  }

  #move(file: StoreFile, vanishedAt: number | undefined, now: number): void {
    this.#lastMove = now;
    file.vanishedAt = vanishedAt;
    // The same content may come back under the same times.
    file.version = undefined;
    file.pending = undefined;
    if (vanishedAt === undefined) this.#vanished.delete(file.path);
    else this.#vanished.add(file.path);
    this.#isReordered = true;
  }

  /** Where the store comes back piece by piece, what is still missing gets its time once more. */
  #holdVanishedAnew(now: number): void {
    for (const path of this.#vanished) this.#file(path).vanishedAt = now;
    this.#lastMove = now;
  }

  /** All vanished files are judged together: somebody may be replacing the whole directory. */
  #vanishUntil(): number | undefined {
    if (this.#vanished.size === 0) return undefined;
    const since = [...this.#vanished].map((path) => this.files.get(path)?.vanishedAt ?? 0);
    const { vanishQuiet } = this.#timings;
    return Math.min(this.#lastMove + vanishQuiet, Math.min(...since) + PATIENCE * vanishQuiet);
  }

  /** Resources that the files would claim after taking these readings and losing these files. */
  #usableAfter(candidates: readonly Candidate[], leaving: Iterable<string>): number {
    let left = this.usable;
    for (const { file, merged } of candidates) left += merged.usable - file.usable;
    for (const path of leaving) left -= this.files.get(path)?.usable ?? 0;
    return left;
  }
}

function faultOfFile(file: StoreFile, fault: { line: number; reason: string }): ResourceFault {
  const { path, usable } = file;
  let { reason } = fault;
  if (file.isEmpty || file.pending?.isEmpty) {
    const remove = usable === 0 ? "delete it" : `delete the file to remove its ${usable} resources`;
    reason = `${reason}; ${usable === 0 ? "write resources into it or " : ""}${remove}`;
  }
  return {
    where: fault.line > 0 ? `${path}:${fault.line}` : path,
    reason,
    severity: "error",
    keptLastGood: usable > 0,
  };
}
