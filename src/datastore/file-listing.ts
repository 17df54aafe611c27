/**
 * The resource files below a directory, by path relative to it. Names that begin with a dot are
 * passed over: a ConfigMap volume shows each file as a link into `..data`, and that folder and its
 * generations hold the same content again.
 */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../errors.ts";
import { type FileSignature, signatureOf } from "./read-file.ts";

export interface FileListing {
  /** Why the directory itself cannot be listed ("ENOENT"), if so. */
  readonly failure: string | undefined;
  /** Directories to watch, absolute, with their inodes. */
  readonly directories: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, FileSignature>;
  /** Files and folders that are there and cannot be looked into, with the errno. */
  readonly unreadable: ReadonlyMap<string, string>;
}

interface Lists {
  readonly directories: Map<string, string>;
  readonly files: Map<string, FileSignature>;
  readonly unreadable: Map<string, string>;
}

/** Calls of stat() under way at a time. */
const PARALLEL = 64;

export function isResourceFile(name: string): boolean {
  return !name.startsWith(".") && /\.(ya?ml|json)$/.test(name);
}

/** @param onDirectory called with each directory before it is listed, so that it can be watched. */
export async function listFiles(
  root: string,
  onDirectory: (path: string, inode: string) => void = () => {},
): Promise<FileListing> {
  const lists: Lists = { directories: new Map(), files: new Map(), unreadable: new Map() };
  let failure: string | undefined;
  try {
    await listDirectory(root, "", new Set(), lists, onDirectory);
  } catch (error) {
    failure = errnoOf(error) ?? "unknown";
  }
  return { failure, ...lists };
}

async function listDirectory(
  root: string,
  below: string,
  ancestors: ReadonlySet<string>,
  lists: Lists,
  onDirectory: (path: string, inode: string) => void,
): Promise<void> {
  const path = join(root, below);
  const { inode } = signatureOf(await stat(path, { bigint: true }));
  // A link to a folder above would go round for ever.
  if (ancestors.has(inode)) return;
  onDirectory(path, inode);
  lists.directories.set(path, inode);
  const entries = (await readdir(path, { withFileTypes: true })).filter(isWanted);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const folders: string[] = [];
  for (let first = 0; first < entries.length; first += PARALLEL) {
    const slice = entries.slice(first, first + PARALLEL);
    await Promise.all(
      slice.map(async ({ name }) => {
        if (await isFolder(root, join(below, name), lists)) folders.push(join(below, name));
      }),
    );
  }
  for (const folder of folders.sort()) {
    try {
      await listDirectory(root, folder, new Set([...ancestors, inode]), lists, onDirectory);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") lists.unreadable.set(folder, errnoOf(error) ?? "unknown");
    }
  }
}

function isWanted(entry: Dirent): boolean {
  if (entry.name.startsWith(".")) return false;
  return entry.isDirectory() || entry.isSymbolicLink() || isResourceFile(entry.name);
}

/** True for a folder; a resource file is added to the lists. */
async function isFolder(root: string, path: string, lists: Lists): Promise<boolean> {
  try {
    const stats = await stat(join(root, path), { bigint: true });
    if (stats.isDirectory()) return true;
    if (!isResourceFile(path.slice(path.lastIndexOf("/") + 1))) return false;
    if (stats.isFile()) lists.files.set(path, signatureOf(stats));
    else lists.unreadable.set(path, "not a regular file");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") lists.unreadable.set(path, errnoOf(error) ?? "unknown");
  }
  return false;
}
