/** The bytes of a file -> the records that stand in it, as they are written. */
import type { SplitFile } from "../piece-table.ts";
import { COMMENTS_ONLY, splitText } from "../read-file.ts";
import { isListKind, itemType, type RecordType } from "../record.ts";
import type { FieldPath } from "../record-problem.ts";
import type { YamlReading } from "../yaml-piece.ts";
import type { YamlReader } from "../yaml-reader.ts";
import type { BrokenText, RecordClaim, TextPiece } from "./record-claim.ts";

export interface FileClaims {
  readonly text: string;
  readonly claims: readonly RecordClaim[];
  readonly broken: readonly BrokenText[];
  /** Documents and items of lists. */
  readonly pieces: number;
}

/** @param file how claims call the file; by its ending it has to be JSON, or may be either */
export async function readClaims(
  bytes: Buffer,
  file: string,
  yaml: YamlReader,
): Promise<FileClaims> {
  const onlyJson = file.endsWith(".json");
  const split = await splitText(bytes, onlyJson);
  const text = bytes.toString("utf8");
  if (split.fault !== undefined) {
    const { line, reason } = split.fault;
    return { text, claims: [], broken: [{ text, line, reason }], pieces: 1 };
  }
  if (split.documents === 0) {
    const isBlank = text.trim() === "";
    const reason = isBlank ? "file is empty" : COMMENTS_ONLY;
    return { text, claims: [], broken: isBlank ? [{ text, line: 1, reason }] : [], pieces: 0 };
  }
  const pieces = piecesOf(split, text);
  const claims: RecordClaim[] = [];
  const broken: BrokenText[] = [];
  const readings = await readTexts(pieces, onlyJson, yaml);
  for (const [at, piece] of pieces.entries()) {
    const { values, fault } = readings[at] as YamlReading;
    if (values === undefined) {
      broken.push({ text: piece.text, line: piece.line + fault.line, reason: fault.reason });
      continue;
    }
    const list = split.pieces.list(at);
    const inherited = list < 0 ? undefined : itemTypeOf(split.lists[list]);
    const path = piece.isDashed ? [0] : [];
    for (const value of values) {
      for (const record of recordsIn(value, inherited, path)) {
        claims.push({ file, piece, ...record });
      }
    }
  }
  return { text, claims, broken, pieces: pieces.length };
}

function itemTypeOf(list: RecordType | undefined): RecordType | undefined {
  return list && itemType(list);
}

function piecesOf({ bytes, pieces, format }: SplitFile, text: string): TextPiece[] {
  const found: TextPiece[] = [];
  // Offsets in bytes are offsets in characters where all is ASCII.
  const isAscii = bytes.length === text.length;
  let byteAt = 0;
  let at = 0;
  let floor = 0;
  const advance = (to: number): number => {
    at = isAscii ? to : at + bytes.toString("utf8", byteAt, to).length;
    byteAt = to;
    return at;
  };
  for (let piece = 0; piece < pieces.count; piece++) {
    const start = advance(pieces.start(piece));
    const end = advance(pieces.end(piece));
    const isItem = pieces.list(piece) >= 0;
    const isDashed = isItem && format === "yaml";
    const part = { text: text.slice(start, end), line: pieces.line(piece) };
    found.push({ ...part, start, end, floor, format, isItem, isDashed });
    floor = end;
  }
  return found;
}

/** A piece in braces that is no JSON may be YAML, unless the file's name says JSON. */
async function readTexts(
  pieces: TextPiece[],
  onlyJson: boolean,
  yaml: YamlReader,
): Promise<readonly YamlReading[]> {
  const readings: (YamlReading | undefined)[] = pieces.map(({ format, text }) =>
    format === "json" ? readJson(text, onlyJson) : undefined,
  );
  const rest = pieces.flatMap((_, at) => (readings[at] === undefined ? [at] : []));
  const place = yaml.placeFor(rest.map((at) => pieces[at]?.text.length ?? 0));
  const asked = rest.map((at) => {
    const { text, isDashed } = pieces[at] as TextPiece;
    return { text, isItem: isDashed };
  });
  const parsed = await yaml.parse(asked, place);
  for (const [at, number] of rest.entries()) {
    readings[number] = parsed[at];
    pieces[number] = { ...(pieces[number] as TextPiece), format: "yaml" };
  }
  return readings as YamlReading[];
}

function readJson(text: string, onlyJson: boolean): YamlReading | undefined {
  try {
    return { values: [JSON.parse(text)] };
  } catch (error) {
    if (!onlyJson) return undefined;
    return { fault: { line: 0, reason: `not JSON: ${(error as Error).message}` } };
  }
}

type Found = Pick<RecordClaim, "raw" | "inherited" | "path">;

/** A list that is a piece of its own, or stands inside another list, is taken apart. */
function* recordsIn(
  value: unknown,
  inherited: RecordType | undefined,
  path: FieldPath,
): Generator<Found> {
  if (Array.isArray(value) && path.length === 0) {
    for (const [at, item] of value.entries()) yield* recordsIn(item, undefined, [at]);
    return;
  }
  const { apiVersion, kind, items } = (value ?? {}) as Partial<RecordType> & { items?: unknown };
  if (isListKind(kind) && (Array.isArray(items) || items === null || items === undefined)) {
    const type = itemType({ apiVersion, kind });
    for (const [at, item] of (items ?? []).entries()) {
      yield* recordsIn(item, type, [...path, "items", at]);
    }
    return;
  }
  yield { raw: value, inherited, path };
}
