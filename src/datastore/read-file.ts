/** One file, from path to entries, read so that no half of a change is taken for the whole. */
import type { BigIntStats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
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
  /** Why nothing of the file is of use; `entries` is empty then. */
  readonly fault: PlaceFault | undefined;
  /** The file holds no document at all, comments perhaps. */
  readonly isEmpty: boolean;
  /** Some text could not be parsed: nothing may be concluded from what is missing. */
  readonly isPartial: boolean;
  /** The text itself may be only the beginning of what a writer means to write. */
  readonly mayBeCutShort: boolean;
  readonly lastLeaves: number;
  /** `performance.now()` when the last byte was read. */
  readonly readAt: number;
}

/** Two readings with one signature are of one version of one file. */
export interface FileSignature {
  readonly inode: string;
  /** Inode, size and both times, in one text. */
  readonly version: string;
  readonly modifiedMs: number;
}

const MAX_BYTES = 1_000_000_000;

export function signatureOf(stats: BigIntStats): FileSignature {
  const inode = `${stats.dev}:${stats.ino}`;
  return {
    inode,
    version: `${inode}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
    modifiedMs: Number(stats.mtimeMs),
  };
}

/**
 * Reads a file. Undefined if it changed meanwhile or is gone: look again.
 * @param path where it is
 * @param name how faults and entries call it
 */
export async function readFile(
  path: string,
  name: string,
  old: readonly Entry[],
  yaml: YamlReader,
): Promise<FileReading | undefined> {
  let bytes: Buffer;
  let signature: FileSignature;
  try {
    const content = await readStable(path);
    if (content === undefined) return undefined;
    ({ bytes, signature } = content);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    return unusable(undefined, { line: 0, reason: `cannot be read (${errnoOf(error) ?? error})` });
  }
  return readBytes(bytes, signature, name, old, yaml);
}

/** The reading of a text that is in memory. */
export async function readBytes(
  bytes: Buffer,
  signature: FileSignature | undefined,
  name: string,
  old: readonly Entry[],
  yaml: YamlReader,
): Promise<FileReading> {
  const readAt = performance.now();
  const onlyJson = name.endsWith(".json");
  const split = await splitText(bytes, onlyJson);
  if (split.fault !== undefined) return unusable(signature, split.fault, readAt);
  if (split.documents === 0) {
    const isBlank = bytes.toString("latin1").trim() === "";
    const reason = isBlank ? "file is empty" : "file has comments only";
    return { ...unusable(signature, { line: 1, reason }, readAt), isEmpty: true };
  }
  const { entries, unreadable, lastLeaves } = await readPieces(split, name, old, yaml, onlyJson);
  return {
    signature,
    entries,
    fault: undefined,
    isEmpty: false,
    isPartial: unreadable > 0,
    mayBeCutShort: split.format === "yaml" && bytes[bytes.length - 1] !== 0x0a,
    lastLeaves,
    readAt,
  };
}

async function readStable(
  path: string,
): Promise<{ bytes: Buffer; signature: FileSignature } | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const before = await handle.stat({ bigint: true });
    if (before.size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    const bytes = await handle.readFile();
    const signature = signatureOf(before);
    const after = signatureOf(await handle.stat({ bigint: true }));
    if (after.version !== signature.version || BigInt(bytes.length) !== before.size) {
      return undefined;
    }
    return { bytes, signature };
  } finally {
    await handle?.close();
  }
}

/** JSON by its first character, whatever the name says; YAML in braces is YAML. */
async function splitText(bytes: Buffer, onlyJson: boolean): Promise<SplitFile> {
  const first = firstCharacter(bytes);
  const isBlank = first === undefined;
  if (first === "{" || first === "[" || (onlyJson && !isBlank)) {
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
  signature: FileSignature | undefined,
  fault: PlaceFault,
  readAt: number = performance.now(),
): FileReading {
  return {
    signature,
    entries: noEntries,
    fault,
    isEmpty: false,
    isPartial: false,
    mayBeCutShort: false,
    lastLeaves: 0,
    readAt,
  };
}
