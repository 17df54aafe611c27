/**
 * Watches directories for changes of the files in them. Events are hints only: what they name is
 * looked at again. One watch for each folder (fs.watch), armed anew when a folder is replaced.
 */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../errors.ts";
import { isResourceFile } from "./file-listing.ts";

export interface FileWatchEvents {
  /** A file may have changed. `isWrite`: its content was written in place. */
  onFile(path: string, isWrite: boolean): void;
  /** Something else may have: look at everything. */
  onAll(): void;
}

interface Watch {
  readonly inode: string;
  readonly watcher: FSWatcher;
}

export class FileWatch {
  readonly #root: string;
  readonly #events: FileWatchEvents;
  readonly #watches = new Map<string, Watch>();
  #above: { path: string; watcher: FSWatcher } | undefined;
  /** Why a folder cannot be watched, if so; looking at intervals has to do then. */
  failure: string | undefined;

  constructor(root: string, events: FileWatchEvents) {
    this.#root = root;
    this.#events = events;
  }

  /** Watches a folder, if not this one already. */
  arm(path: string, inode: string): void {
    if (this.#watches.get(path)?.inode === inode) return;
    this.#disarm(path);
    const watcher = this.#open(path, (type, name) => this.#onEvent(path, type, name));
    if (watcher !== undefined) this.#watches.set(path, { inode, watcher });
  }

  /** Ends the watches of folders that are no more, and watches above the root for its return. */
  settle(directories: ReadonlyMap<string, string>): void {
    for (const path of this.#watches.keys()) if (!directories.has(path)) this.#disarm(path);
    this.#watchAbove();
  }

  close(): void {
    for (const { watcher } of this.#watches.values()) watcher.close();
    this.#watches.clear();
    this.#above?.watcher.close();
    this.#above = undefined;
  }

  #disarm(path: string): void {
    this.#watches.get(path)?.watcher.close();
    this.#watches.delete(path);
  }

  /** The nearest folder above the root that exists: there the root is made, renamed or linked. */
  #watchAbove(): void {
    const isThere = this.#watches.has(this.#root);
    if (this.#above !== undefined && isThere && this.#above.path === dirname(this.#root)) return;
    this.#above?.watcher.close();
    this.#above = undefined;
    for (let path = this.#root; path !== dirname(path); path = dirname(path)) {
      const above = dirname(path);
      const watcher = this.#open(above, (_, name) => {
        if (name === null || name === basename(path)) this.#events.onAll();
      });
      if (watcher !== undefined) {
        this.#above = { path: above, watcher };
        return;
      }
    }
  }

  #open(path: string, onEvent: (type: string, name: string | null) => void): FSWatcher | undefined {
    try {
      const watcher = watch(path, { persistent: false });
      watcher.on("change", (type, name) => onEvent(type, name === null ? null : String(name)));
      watcher.on("error", () => this.#events.onAll());
      return watcher;
    } catch (error) {
      const code = errnoOf(error);
      if (code !== "ENOENT" && code !== "ENOTDIR") this.failure = `${path}: ${code}`;
      return undefined;
    }
  }

  #onEvent(folder: string, type: string, name: string | null): void {
    const path = name === null ? folder : join(folder, name);
    // The folder itself went: one made in its place may have the same inode, and needs a new watch.
    if (type === "rename" && name === basename(folder)) this.#disarm(folder);
    if (name !== null && isResourceFile(name)) {
      this.#events.onFile(path, type === "change");
    } else if (name === null || type === "rename" || this.#watches.has(path)) {
      // `..data` is what a ConfigMap volume swaps; other hidden names are editors' own.
      if (!name?.startsWith(".") || name.startsWith("..")) this.#events.onAll();
    }
  }
}
