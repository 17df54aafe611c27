/**
 * One writer at a time for a directory of resource files: flock(2) on a hidden file in it, which
 * the kernel drops with the process. The file holds a number that every writer counts up, so that
 * readers know that something was written without looking at every file.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CausewayError, errnoOf } from "../../errors.ts";
import { tryLock } from "../../native/linux.ts";

const NAME = ".causeway.lock";
/** Milliseconds that other writers are waited for: each is done in less than one second. */
const PATIENCE = 10_000;
const PAUSE = 10;

export interface LockedDirectory {
  /** To be called after every write. */
  countUp(): string;
}

/** How often the directory was written through here; undefined where it never was. */
export function writesSoFar(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, NAME), "utf8");
  } catch {
    return undefined;
  }
}

/** @throws CausewayError `datastore` where the directory cannot be written, or is locked for long */
export async function whileLocked<T>(
  directory: string,
  work: (lock: LockedDirectory) => Promise<T>,
): Promise<T> {
  const path = join(directory, NAME);
  let lock: number;
  try {
    lock = openSync(path, "a+", 0o644);
  } catch (error) {
    throw new CausewayError("datastore", `cannot write in ${directory} (${errnoOf(error)})`, {
      cause: error,
    });
  }
  try {
    const end = performance.now() + PATIENCE;
    while (!isLockedNow(lock, path)) {
      if (performance.now() > end) {
        const hint = "another causeway that writes there does not end; find it with fuser(1)";
        throw new CausewayError("datastore", `${path} is locked by another process`, { hint });
      }
      await sleep(PAUSE * Math.random());
    }
    return await work({ countUp: () => countUp(lock, path) });
  } finally {
    closeSync(lock);
  }
}

/** @throws CausewayError `datastore` on a file system without locks */
function isLockedNow(lock: number, path: string): boolean {
  try {
    return tryLock(lock);
  } catch (error) {
    throw CausewayError.from(error, "datastore", `cannot lock ${path}`);
  }
}

function countUp(lock: number, path: string): string {
  const count = String(Number(readFileSync(path, "utf8") || 0) + 1);
  ftruncateSync(lock);
  writeSync(lock, count);
  return count;
}
