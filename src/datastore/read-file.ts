/** One file, from path to entries, read so that no half of a change is taken for the whole. */
import type { BigIntStats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, reasonOf } from "../errors.ts";
import { inTurns } from "../turns.ts";
import { splitJson } from "./document-split-json.ts";
import { splitYaml } from "./document-split-yaml.ts";
import { type Entry, noEntries } from "./entry.ts";
import type { PlaceFault, SplitFile } from "./piece-table.ts";
import { readPieces } from "./read-pieces.ts";
import type { YamlReader } from "./yaml-reader.ts";

export interface FileReading {
  /** Which version of the file this is; undefined if it could not be read. */
  readonly signature: FileSignature | undefined;
  readonly entries: readonly Entry[];
  /** Those of them that have something to report. */
  readonly faulty: readonly Entry[];
  /** Number of resources among them. */
  readonly usable: number;
  /** Why nothing of the file is of use; `entries` is empty then. */
  readonly fault: PlaceFault | undefined;
  /** The file holds no document at all, comments perhaps. */
  readonly isEmpty: boolean;
  /** Some text could not be parsed: nothing may be concluded from what is missing. */
  readonly isPartial: boolean;
  /** The text itself may be only the beginning of what a writer means to write. */
  readonly mayBeCutShort: boolean;
  /** Fields of the last record of YAML text, if it was read now. */
  readonly lastFields: readonly string[];
  /** `performance.now()` when the last byte was read. */
  readonly readAt: number;
}

/** Two readings with one signature are of one version of one file. */
export interface FileSignature {
  readonly inode: string;
  /** Inode, size and both times, in one text. */
  readonly version: string;
  readonly modifiedMs: number;
  /** Bytes. */
  readonly size: number;
}

const MAX_BYTES = 1_000_000_000;
export const COMMENTS_ONLY = "file has comments only";

export function signatureOf(stats: BigIntStats): FileSignature {
  const inode = `${stats.dev}:${stats.ino}`;
  return {
    inode,
    version: `${inode}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
    modifiedMs: Number(stats.mtimeMs),
    size: Number(stats.size),
  };
}

/** The bytes of one version of a file, or why they cannot be had. */
export type LoadedFile =
  | { readonly bytes: Buffer; readonly signature: FileSignature; readonly readAt: number }
  | { readonly bytes?: undefined; readonly reason: string };

/** Reads the bytes of a file. Undefined if it changed meanwhile or is gone: look again. */
export async function loadFile(path: string): Promise<LoadedFile | undefined> {
  try {
    return await readStable(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    return { reason: `cannot be read (${errnoOf(error) ?? reasonOf(error)})` };
  }
}

/**
 * Reads what the bytes mean.
 * @param name how faults and entries call the file
 * @param old its entries so far: those of unchanged pieces are taken over
 */
export async function readFile(
  loaded: LoadedFile,
  name: string,
  old: readonly Entry[],
  yaml: YamlReader,
): Promise<FileReading> {
  if (loaded.bytes === undefined) return unusable({ line: 0, reason: loaded.reason });
  const { bytes } = loaded;
  const onlyJson = name.endsWith(".json");
  const split = await splitText(bytes, onlyJson);
  if (split.fault !== undefined) return unusable(split.fault, loaded);
  if (split.documents === 0) {
    const isBlank = firstCharacter(bytes) === undefined;
    const reason = isBlank ? "file is empty" : COMMENTS_ONLY;
    return { ...unusable({ line: 1, reason }, loaded), isEmpty: true };
  }
  const pieces = await readPieces(split, name, old, yaml, onlyJson);
  return {
    signature: loaded.signature,
    readAt: loaded.readAt,
    entries: pieces.entries,
    faulty: pieces.faulty,
    usable: pieces.usable,
    fault: undefined,
    isEmpty: false,
    isPartial: pieces.unreadable > 0,
    mayBeCutShort: split.format === "yaml" && bytes[bytes.length - 1] !== 0x0a,
    lastFields: pieces.lastFields,
  };
}

async function readStable(path: string): Promise<LoadedFile | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const before = await handle.stat({ bigint: true });
    if (before.size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    const bytes = await readWhole(handle, Number(before.size));
    const readAt = performance.now();
    const signature = signatureOf(before);
    const after = signatureOf(await handle.stat({ bigint: true }));
    if (bytes === undefined || after.version !== signature.version) return undefined;
    return { bytes, signature, readAt };
  } finally {
    await handle?.close();
  }
}

/** One buffer of the file's size: FileHandle.readFile would go through many small ones. */
async function readWhole(handle: FileHandle, size: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(bytes, at, size - at, at);
    if (bytesRead === 0) return undefined;
    at += bytesRead;
  }
  return bytes;
}

/** JSON by its first character, whatever the name says; YAML in braces is YAML. */
export async function splitText(bytes: Buffer, onlyJson: boolean): Promise<SplitFile> {
  const first = firstCharacter(bytes);
  if (first === "{" || first === "[" || (onlyJson && first !== undefined)) {
    const split = await inTurns(splitJson(bytes));
    const isYamlPossible = !onlyJson && !(split.isCutShort && bytes.length > 65_536);
    if (split.fault === undefined || !isYamlPossible) return split;
    const yaml = await inTurns(splitYaml(bytes));
    // A single piece that is broken either way is better explained by the brackets.
    return split.isCutShort && yaml.pieces.count === 1 ? split : yaml;
  }
  return inTurns(splitYaml(bytes));
}

function firstCharacter(bytes: Buffer): string | undefined {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length && (bytes[at] as number) <= 0x20) at++;
  return at < bytes.length ? String.fromCharCode(bytes[at] as number) : undefined;
}

/** A reading of nothing, with the reason. */
export function unusable(
  fault: PlaceFault,
  version?: { readonly signature: FileSignature; readonly readAt: number },
): FileReading {
  return {
    signature: version?.signature,
    entries: noEntries,
    faulty: noEntries,
    usable: 0,
    fault,
    isEmpty: false,
    isPartial: false,
    mayBeCutShort: false,
    lastFields: [],
    readAt: version?.readAt ?? performance.now(),
  };
}
