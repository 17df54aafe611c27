/** Where in the text of a file a record stands, and what is written there. */
import type { RecordType } from "../record.ts";
import type { FieldPath } from "../record-problem.ts";

/** A document, or an item of a list: the part of a file that is changed as one. */
export interface TextPiece {
  readonly text: string;
  /** Offsets of its text in the file, in characters. */
  readonly start: number;
  readonly end: number;
  /** Where the text ends that stands before it: another piece, or the file's beginning. */
  readonly floor: number;
  /** Line of its first character, from 1. */
  readonly line: number;
  readonly format: "json" | "yaml";
  /** An item of a list; else a document of its own. */
  readonly isItem: boolean;
  /** Such an item as `- …`. */
  readonly isDashed: boolean;
}

/** A document or item that says something, of whatever kind. */
export interface RecordClaim {
  readonly file: string;
  readonly piece: TextPiece;
  /** From the top of the piece to the record. */
  readonly path: FieldPath;
  /** As it is written. */
  readonly raw: unknown;
  /** What the list that it stands in says of all its items. */
  readonly inherited: RecordType | undefined;
}

/** Text that could not be parsed. */
export interface BrokenText {
  readonly text: string;
  readonly line: number;
  readonly reason: string;
}

/** "pools.yaml:7". */
export function placeOf({ file, piece }: RecordClaim): string {
  return `${file}:${piece.line}`;
}
