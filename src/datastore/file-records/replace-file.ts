/** A file's new content under its name, all of it or none, whenever the machine stops. */
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CausewayError, errnoOf, reasonOf } from "../../errors.ts";

/**
 * Writes beside it under a hidden name, which whoever follows the directory passes over, and renames.
 * @param text undefined: the file is removed
 * @throws CausewayError `datastore`
 */
export async function replaceFile(path: string, text: string | undefined): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    if (text === undefined) await rm(path);
    else await writeBeside(target, text);
    await sync(dirname(target));
  } catch (error) {
    const code = errnoOf(error) ?? reasonOf(error);
    throw new CausewayError("datastore", `cannot write ${path} (${code})`, { cause: error });
  }
}

async function writeBeside(target: string, text: string): Promise<void> {
  const old = await stat(target).catch(() => undefined);
  const beside = join(dirname(target), `.${basename(target)}.causeway`);
  const file = await open(beside, "w", 0o644);
  try {
    if (old !== undefined) {
      await file.chmod(old.mode & 0o7777);
      // Only root can give a file away; whoever is not root owns what it may replace, or may not.
      await file.chown(old.uid, old.gid).catch(() => undefined);
    }
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(beside, target);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(beside, { force: true });
    throw error;
  }
}

/** Makes the renaming itself last. */
async function sync(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
