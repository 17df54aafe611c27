/**
 * Finds the documents of a YAML text, and the items of those that are plain block lists (as kubectl
 * and calicoctl write them), by the beginnings of lines alone: the parser then sees small pieces,
 * and after a change only those that differ.
 *
 * `---` at the beginning of a line ends a document wherever it stands (YAML 1.2, c-forbidden).
 * Nothing inside an item of a block sequence may be indented as little as the sequence's dashes.
 */
import { yaml } from "../lazy-yaml.ts";
import { hashBytes, PieceTable, type SplitFile } from "./piece-table.ts";
import { isListKind, itemType, type RecordType } from "./record.ts";

/** Lines between two `yield`s. */
const STEP = 5000;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const HASH = 0x23;
const DASH = 0x2d;
const DOT = 0x2e;

interface DocumentRange {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

export function* splitYaml(bytes: Buffer): Generator<void, SplitFile> {
  const pieces = new PieceTable();
  const lists: (RecordType | undefined)[] = [];
  const whole: DocumentRange = { start: 0, end: bytes.length, line: 1 };
  const documents = hasDirective(bytes) ? [whole] : yield* findDocuments(bytes);
  for (const document of documents) {
    const { start, end, line } = document;
    const first = pieces.count;
    const list = yield* splitList(bytes, document, pieces, lists.length);
    if (list === undefined) {
      pieces.truncate(first);
      pieces.push(start, end, line, hashBytes(bytes, start, end), -1);
    } else {
      const type = itemType(list);
      if (type !== undefined) pieces.mixIn(first, `${type.apiVersion} ${type.kind}`);
      lists.push(list);
    }
    if (pieces.count % 256 === 0) yield;
  }
  return {
    format: "yaml",
    bytes,
    pieces,
    lists,
    documents: documents.length,
    fault: undefined,
    isCutShort: false,
  };
}

/** With a directive (`%YAML`) the text is left to the parser as a whole. */
function hasDirective(bytes: Buffer): boolean {
  return bytes[0] === 0x25 || bytes.includes("\n%");
}

/** The documents that hold more than blanks and comments. */
function* findDocuments(bytes: Buffer): Generator<void, DocumentRange[]> {
  const documents: DocumentRange[] = [];
  let start = -1;
  let startLine = 1;
  let line = 1;
  const close = (end: number): void => {
    if (start >= 0) documents.push({ start, end, line: startLine });
    start = -1;
  };
  for (let at = 0; at < bytes.length; line++) {
    const next = nextLine(bytes, at);
    const isStart = isMarker(bytes, at, DASH);
    const isEnd = isMarker(bytes, at, DOT);
    if (isStart || isEnd) close(at);
    // A document begins with its first line that is neither marker, blank nor comment.
    if (start < 0 && !isEnd && !isBlank(bytes, isStart ? at + 3 : at, next)) {
      start = at;
      startLine = line;
    }
    at = next;
    if (line % STEP === 0) yield;
  }
  close(bytes.length);
  return documents;
}

/**
 * Adds the items of a list, if the document is one whose items can be told by their lines.
 * Undefined if not; pieces may have been added then.
 */
function* splitList(
  bytes: Buffer,
  { start, end, line: firstLine }: DocumentRange,
  pieces: PieceTable,
  list: number,
): Generator<void, RecordType | undefined> {
  const key = findItemsKey(bytes, start, end);
  // With anchors one item can mean another's text.
  if (key < 0 || bytes.subarray(start, end).includes(" &")) return undefined;
  let line = firstLine + countLines(bytes, start, key) + 1;
  let at = nextLine(bytes, key);
  const itemsStart = at;
  let dash = -1;
  let itemStart = -1;
  let itemLine = 0;
  const close = (itemEnd: number): void => {
    if (itemStart < 0) return;
    pieces.push(itemStart, itemEnd, itemLine, hashBytes(bytes, itemStart, itemEnd), list);
    itemStart = -1;
  };
  for (let count = 1; at < end; line++, count++) {
    const next = nextLine(bytes, at);
    if (!isBlank(bytes, at, next)) {
      const indent = indentOf(bytes, at);
      const after = bytes[at + indent + 1];
      const isDash =
        bytes[at + indent] === DASH && (after === SPACE || after === NEWLINE || after === RETURN);
      if (dash < 0) {
        if (!isDash) return undefined;
        dash = indent;
      }
      if (indent === dash && isDash) {
        close(at);
        itemStart = at;
        itemLine = line;
      } else if (indent <= dash) {
        break;
      }
    }
    at = next;
    if (count % STEP === 0) yield;
  }
  close(at);
  if (dash < 0) return undefined;
  return readEnvelope(bytes.toString("utf8", start, itemsStart), bytes.toString("utf8", at, end));
}

/** What the list says about itself, or undefined if it is no list after all. */
function readEnvelope(head: string, tail: string): RecordType | undefined {
  if (head.length + tail.length > 16_384) return undefined;
  try {
    const envelope: unknown = yaml().parse(`${head}\n${tail}`, { logLevel: "silent" });
    if (typeof envelope !== "object" || envelope === null) return undefined;
    const { apiVersion, kind, items } = envelope as Partial<RecordType> & { items?: unknown };
    return items === null && isListKind(kind) ? { apiVersion, kind } : undefined;
  } catch {
    return undefined;
  }
}

/** Offset of the line `items:`, or -1. */
function findItemsKey(bytes: Buffer, start: number, end: number): number {
  const document = bytes.subarray(start, end);
  for (let at = document.indexOf("items:"); at >= 0; at = document.indexOf("items:", at + 6)) {
    const isLineStart = at === 0 || document[at - 1] === NEWLINE;
    if (isLineStart && isBlank(document, at + 6, nextLine(document, at))) return start + at;
  }
  return -1;
}

function nextLine(bytes: Buffer, at: number): number {
  const newline = bytes.indexOf(NEWLINE, at);
  return newline < 0 ? bytes.length : newline + 1;
}

function countLines(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE, start); at >= 0 && at < end; count++) {
    at = bytes.indexOf(NEWLINE, at + 1);
  }
  return count;
}

/** `---` or `...`, alone or with a blank after it. */
function isMarker(bytes: Buffer, at: number, byte: number): boolean {
  if (bytes[at] !== byte || bytes[at + 1] !== byte || bytes[at + 2] !== byte) return false;
  const after = bytes[at + 3];
  return after === undefined || after <= SPACE;
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && (bytes[at] as number) <= SPACE) at++;
  return at >= end || bytes[at] === HASH;
}

function indentOf(bytes: Buffer, at: number): number {
  let indent = 0;
  while (bytes[at + indent] === SPACE) indent++;
  return indent;
}
