/**
 * Looks at the directory: which files there are, which may have changed, what they say now. What
 * counts of it is decided in store-state.ts.
 */
import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { errnoOf } from "../errors.ts";
import { noEntries } from "./entry.ts";
import { type FileListing, listFiles } from "./file-listing.ts";
import { FileWatch } from "./file-watch.ts";
import { type FileSignature, loadFile, readFile, signatureOf, unusable } from "./read-file.ts";
import type { StoreState } from "./store-state.ts";
import { YamlReader } from "./yaml-reader.ts";

/** Bytes that are read from the disk before it is their turn, beyond the next file. */
const READ_AHEAD = 1_000_000;
const NOTHING = Promise.resolve(undefined);

export interface ScanTimings {
  /** Everything is looked at again after this time, in case that an event was missed. */
  readonly rescan: number;
  /** The same while the directory is missing, or cannot be watched. */
  readonly poll: number;
}

export class FileScan {
  readonly #directory: string;
  readonly #timings: ScanTimings;
  readonly #state: StoreState;
  readonly #onEvent: () => void;
  readonly #watch: FileWatch;
  readonly #yaml = new YamlReader();
  /** Paths, below the directory, to look at again. */
  readonly #dirty = new Set<string>();
  #isAllDirty = true;
  #mustReadAll = false;
  #scannedAt = 0;
  /** `performance.now()` of the last sign that something changed. */
  lastEvent = 0;
  listing: FileListing | undefined;

  /** @param onEvent called when there may be something to `read`. */
  constructor(directory: string, timings: ScanTimings, state: StoreState, onEvent: () => void) {
    this.#directory = directory;
    this.#timings = timings;
    this.#state = state;
    this.#onEvent = onEvent;
    this.#watch = new FileWatch(directory, {
      onFile: (path, isWrite) => this.#noteEvent(relative(directory, path), isWrite),
      onAll: () => this.#noteEvent(undefined, false),
    });
  }

  /** Why the directory cannot be watched, so that it is looked at every now and then instead. */
  get watchFailure(): string | undefined {
    return this.#watch.failure;
  }

  /** When (`performance.now()`) everything is to be looked at again. */
  get nextScan(): number {
    const isPolling = this.listing?.failure !== undefined || this.#watch.failure !== undefined;
    return this.#scannedAt + (isPolling ? this.#timings.poll : this.#timings.rescan);
  }

  close(): void {
    this.#watch.close();
    this.#yaml.close();
  }

  /** The next `read` reads everything again. */
  forget(): void {
    this.#mustReadAll = true;
    this.#noteEvent(undefined, false);
  }

  /** The next `read` looks at this file again. */
  revisit(path: string): void {
    this.#dirty.add(path);
  }

  #noteEvent(path: string | undefined, isWrite: boolean): void {
    this.lastEvent = performance.now();
    if (path === undefined) this.#isAllDirty = true;
    else this.#dirty.add(path);
    if (path !== undefined && isWrite) this.#state.noteWrite(path, this.lastEvent);
    this.#onEvent();
  }

  /**
   * Reads what may have changed into the state. False if a file changed meanwhile.
   * @param acceptEmpty a directory that is gone counts as one without files.
   */
  async read(acceptEmpty: boolean): Promise<boolean> {
    const now = performance.now();
    const mustReadAll = this.#mustReadAll;
    this.#mustReadAll = false;
    const named = new Set(this.#dirty);
    this.#dirty.clear();
    const isNone = this.listing === undefined || this.listing.failure !== undefined;
    if (this.#isAllDirty || isNone || this.nextScan <= now) {
      await this.#list(acceptEmpty);
    } else {
      await this.#listNamed(named);
    }
    const listing = this.listing as FileListing;
    let isStable = true;
    const wanted = [...listing.files].filter(
      ([path, signature]) => mustReadAll || this.#isNew(path, signature, named.has(path)),
    );
    for (const path of listing.unreadable.keys()) this.#noteUnreadable(path, listing);
    for await (const { path, loaded } of this.#loadAll(wanted)) {
      if (loaded !== undefined) {
        const old = this.#state.files.get(path)?.entries ?? noEntries;
        const reading = await readFile(loaded, path, old, this.#yaml);
        this.#state.noteReading(path, reading, performance.now());
      } else {
        this.#dirty.add(path);
        isStable = false;
      }
    }
    return isStable;
  }

  /** The next files come from the disk while one is read. */
  async *#loadAll(
    wanted: readonly (readonly [string, FileSignature])[],
  ): AsyncGenerator<{ path: string; loaded: Awaited<ReturnType<typeof loadFile>> }> {
    const loads: ReturnType<typeof loadFile>[] = [];
    let ahead = 0;
    for (const [at, [path, { size }]] of wanted.entries()) {
      while (loads.length < wanted.length && (loads.length <= at + 1 || ahead < READ_AHEAD)) {
        const [next, signature] = wanted[loads.length] as readonly [string, FileSignature];
        loads.push(loadFile(join(this.#directory, next)));
        ahead += signature.size;
      }
      const loaded = await (loads[at] as (typeof loads)[number]);
      // What was read is not kept.
      loads[at] = NOTHING;
      ahead -= size;
      yield { path, loaded };
    }
  }

  #isNew(path: string, { version }: FileSignature, isNamed: boolean): boolean {
    const file = this.#state.files.get(path);
    return file?.version !== version || (isNamed && file.isRacy);
  }

  #noteUnreadable(path: string, { unreadable }: FileListing): void {
    const reason = `cannot be read (${unreadable.get(path)}); mend its permissions, or move it away`;
    this.#state.noteReading(path, unusable({ line: 0, reason }), performance.now());
  }

  async #list(acceptEmpty: boolean): Promise<void> {
    this.#isAllDirty = false;
    this.#scannedAt = performance.now();
    this.#watch.failure = undefined;
    const listing = await listFiles(this.#directory, (path, inode) => this.#watch.arm(path, inode));
    this.#watch.settle(listing.directories);
    this.listing = listing;
    // A directory that cannot be listed tells nothing about its files, gone or not.
    const isKnown = listing.failure === undefined || acceptEmpty;
    this.#state.noteListing((path) => !isKnown || isListed(listing, path), performance.now());
  }

  async #listNamed(named: ReadonlySet<string>): Promise<void> {
    const listing = this.listing as FileListing;
    const files = new Map(listing.files);
    const unreadable = new Map(listing.unreadable);
    for (const path of named) {
      files.delete(path);
      unreadable.delete(path);
      try {
        const stats = await stat(join(this.#directory, path), { bigint: true });
        if (stats.isDirectory()) this.#noteEvent(undefined, false);
        else if (stats.isFile()) files.set(path, signatureOf(stats));
        else unreadable.set(path, "not a regular file");
      } catch (error) {
        const code = errnoOf(error) ?? "unknown";
        if (code !== "ENOENT") unreadable.set(path, code);
      }
      this.#state.noteFile(path, files.has(path) || unreadable.has(path), performance.now());
    }
    this.listing = { ...listing, files, unreadable };
  }
}

/** There, or in a folder that cannot be looked into. */
export function isListed({ files, unreadable }: FileListing, path: string): boolean {
  if (files.has(path) || unreadable.has(path)) return true;
  for (const blocked of unreadable.keys()) if (path.startsWith(`${blocked}/`)) return true;
  return false;
}
