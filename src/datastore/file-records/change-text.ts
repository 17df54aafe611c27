/** The text of a file with one of its records changed or gone, and all others as they were. */
import { changeJson } from "./change-json.ts";
import { changeYaml } from "./change-yaml.ts";
import type { FileClaims } from "./read-claims.ts";
import type { RecordClaim, TextPiece } from "./record-claim.ts";

/**
 * @param raw what is to stand in the claim's place; undefined: nothing
 * @returns undefined where nothing is left in the file
 */
export function changeText(
  { text, pieces }: FileClaims,
  { piece, path }: RecordClaim,
  raw: unknown,
): string | undefined {
  const { start, end, format } = piece;
  const depth = piece.isDashed ? 1 : 0;
  if (raw === undefined && path.length === depth) {
    return pieces === 1 ? undefined : withoutPiece(text, piece);
  }
  const changed =
    format === "json" ? changeJson(piece.text, path, raw) : changeYaml(piece, path, raw);
  const isBefore = text.slice(end).trim() !== "" && format === "yaml";
  const newline = isBefore && !changed.endsWith("\n") ? "\n" : "";
  return text.slice(0, start) + changed + newline + text.slice(end);
}

function withoutPiece(text: string, piece: TextPiece): string {
  const { start, end, floor, format, isItem, isDashed } = piece;
  if (format === "yaml" && (isDashed || !isItem)) {
    const from = isDashed ? withComments(text, start) : documentStart(text, floor, start);
    // What comments follow the last line of an item are about the next.
    const to = isDashed ? start + contentLength(piece.text) : end;
    return text.slice(0, from) + text.slice(to);
  }
  if (!isItem) return text.slice(0, start) + text.slice(end).replace(/^[ \t]*\n/, "");
  const comma = /^\s*,\s*/.exec(text.slice(end));
  if (comma !== null) return text.slice(0, start) + text.slice(end + comma[0].length);
  return text.slice(0, start).replace(/,\s*$/, "") + text.slice(end);
}

/** The marker `---` before a document, or else the comments right above it. */
function documentStart(text: string, floor: number, start: number): number {
  const between = text.slice(floor, start);
  const markers = [...between.matchAll(/^---.*$/gm)];
  const last = markers.at(-1);
  return last === undefined ? withComments(text, start) : floor + last.index;
}

/** Where the comments begin that stand right above `start`, without a blank line between. */
function withComments(text: string, start: number): number {
  const lines = text.slice(0, start).split(/(?<=\n)/);
  let at = start;
  for (const line of lines.reverse()) {
    if (!/^[ \t]*#/.test(line)) break;
    at -= line.length;
  }
  return at;
}

/** Without blank lines and comments at its end. */
function contentLength(text: string): number {
  const lines = text.split(/(?<=\n)/);
  while (lines.length > 1 && /^\s*(?:#.*)?$/.test((lines.at(-1) as string).trimEnd())) lines.pop();
  return lines.join("").length;
}
