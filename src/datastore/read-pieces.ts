/**
 * Pieces of text -> entries. A piece whose bytes are as before keeps its entry; the others are
 * parsed, many JSON pieces at a time, and never all raw objects are alive at once.
 */
import { inTurns } from "../turns.ts";
import { type Entry, type EntryProblem, flatEntries, noEntries, noEntryProblems } from "./entry.ts";
import type { PieceTable, SplitFile } from "./piece-table.ts";
import { isListKind, itemType, type RecordReading, type RecordType, readRecord } from "./record.ts";
import { type FieldPath, type FieldProblem, formatFieldPath } from "./record-problem.ts";
import { reuseEntries } from "./reuse-entries.ts";
import { lineOfField, type YamlReading } from "./yaml-piece.ts";
import type { YamlReader } from "./yaml-reader.ts";

export interface PiecesReading {
  readonly entries: readonly Entry[];
  /** Those that have something to report. */
  readonly faulty: readonly Entry[];
  /** Number of resources among the entries. */
  readonly usable: number;
  /** Pieces that could not be parsed: what they held cannot be told. */
  readonly unreadable: number;
  /** Fields of the last piece, if it was read; a text cut short lacks some of the whole's. */
  readonly lastFields: readonly string[];
}

/** JSON text that is parsed in one go. */
const RUN = 16_384;
/** YAML text that is parsed in one go; its values are unpacked in one turn of the main loop. */
const BATCH = 65_536;
/** Finding the line of a field means parsing once more: a flood of faults gets the pieces' lines. */
const PLACED_FAULTS = 200;

/** Reads what is new in `split`; `old` are the file's entries so far. */
export async function readPieces(
  split: SplitFile,
  file: string,
  old: readonly Entry[],
  yaml: YamlReader,
  onlyJson: boolean,
): Promise<PiecesReading> {
  const work = new PieceReader(split, file);
  const rest = await inTurns(reuseEntries(split.pieces, old, work.entries));
  if (split.format === "json") {
    const refused = await inTurns(work.readJson(rest, onlyJson));
    if (refused.length > 0) await work.readYaml(refused, yaml);
  } else {
    await work.readYaml(rest, yaml);
  }
  return inTurns(work.result());
}

class PieceReader {
  /** By number of the piece. */
  readonly entries: Entry[];
  readonly #split: SplitFile;
  readonly #pieces: PieceTable;
  readonly #file: string;
  #unreadable = 0;
  #lastFields: readonly string[] = [];
  #placed = 0;

  constructor(split: SplitFile, file: string) {
    this.#split = split;
    this.#pieces = split.pieces;
    this.#file = file;
    this.entries = new Array(split.pieces.count);
  }

  *result(): Generator<void, PiecesReading> {
    const entries = this.entries;
    const faulty: Entry[] = [];
    let usable = 0;
    for (let first = 0; first < entries.length; first += 8192) {
      for (const entry of entries.slice(first, first + 8192)) {
        for (const one of entry.also === noEntries ? [entry] : flatEntries([entry])) {
          if (one.problems !== noEntryProblems) faulty.push(one);
          if (one.resource !== undefined) usable++;
        }
      }
      yield;
    }
    const unreadable = this.#unreadable;
    return { entries, faulty, usable, unreadable, lastFields: this.#lastFields };
  }

  /** Returns the pieces that are not JSON but may be YAML in braces, unless `onlyJson`. */
  *readJson(pieces: readonly number[], onlyJson: boolean): Generator<void, number[]> {
    const refused: number[] = [];
    for (let first = 0; first < pieces.length; ) {
      let last = first;
      const start = this.#pieces.start(pieces[first] as number);
      const list = this.#pieces.list(pieces[first] as number);
      while (this.#continues(pieces, last, list, start)) last++;
      const run = pieces.slice(first, last + 1);
      const values = this.#parseRun(run);
      run.forEach((piece, at) => {
        if (values !== undefined) this.#add(piece, [values[at]]);
        else if (!this.#readJsonAlone(piece, onlyJson)) refused.push(piece);
      });
      first = last + 1;
      yield;
    }
    return refused;
  }

  async readYaml(pieces: readonly number[], yaml: YamlReader): Promise<void> {
    const lengths = pieces.map((piece) => this.#pieces.end(piece) - this.#pieces.start(piece));
    const place = yaml.placeFor(lengths);
    for (let first = 0; first < pieces.length; ) {
      let last = first;
      for (let length = 0; last < pieces.length && (length === 0 || length < BATCH); last++) {
        length += lengths[last] as number;
      }
      const batch = pieces.slice(first, last);
      const readings = await yaml.parse(
        batch.map((piece) => ({ text: this.#text(piece), isItem: this.#isYamlItem(piece) })),
        place,
      );
      await inTurns(this.#takeYaml(batch, readings));
      first = last;
    }
  }

  *#takeYaml(pieces: readonly number[], readings: readonly YamlReading[]): Generator<void, void> {
    for (const [at, piece] of pieces.entries()) {
      const reading = readings[at];
      if (reading?.values === undefined) {
        this.#addUnreadable(piece, reading?.fault.line ?? 0, reading?.fault.reason ?? "not YAML");
      } else {
        this.#add(piece, reading.values, this.#isYamlItem(piece) ? [0] : []);
        if (piece === this.#pieces.count - 1) this.#lastFields = [...fieldsOf(reading.values)];
      }
      yield;
    }
  }

  /** Its text is `- …`: a sequence of one. */
  #isYamlItem(piece: number): boolean {
    return this.#split.format === "yaml" && this.#pieces.list(piece) >= 0;
  }

  #continues(pieces: readonly number[], last: number, list: number, start: number): boolean {
    const next = pieces[last + 1];
    return (
      next !== undefined &&
      list >= 0 &&
      next === (pieces[last] as number) + 1 &&
      this.#pieces.list(next) === list &&
      this.#pieces.end(next) - start < RUN
    );
  }

  /** Neighbouring items of one list are an array's text already. */
  #parseRun(run: readonly number[]): readonly unknown[] | undefined {
    const start = this.#pieces.start(run[0] as number);
    const end = this.#pieces.end(run[run.length - 1] as number);
    try {
      const values: unknown[] = JSON.parse(`[${this.#split.bytes.toString("utf8", start, end)}]`);
      return values.length === run.length ? values : undefined;
    } catch {
      return undefined;
    }
  }

  #readJsonAlone(piece: number, onlyJson: boolean): boolean {
    const text = this.#text(piece);
    try {
      this.#add(piece, [JSON.parse(text)]);
    } catch (error) {
      if (!onlyJson) return false;
      const { message } = error as Error;
      const position = / position (\d+)/.exec(message)?.[1];
      const before = position === undefined ? "" : text.slice(0, Number(position));
      this.#addUnreadable(piece, before.split("\n").length - 1, `not JSON: ${plain(message)}`);
    }
    return true;
  }

  #text(piece: number): string {
    return this.#split.bytes.toString("utf8", this.#pieces.start(piece), this.#pieces.end(piece));
  }

  #add(piece: number, values: readonly unknown[], prefix: FieldPath = []): void {
    const listAt = this.#pieces.list(piece);
    const list = listAt < 0 ? undefined : this.#split.lists[listAt];
    const entries = values.flatMap((value) =>
      this.#entriesOf(piece, value, list && itemType(list), prefix),
    );
    const [first = this.#entry(piece, undefined, []), ...also] = entries;
    this.entries[piece] = also.length === 0 ? first : { ...first, also };
  }

  /** A list that is a piece of its own, or stands inside another list, is taken apart here. */
  #entriesOf(
    piece: number,
    value: unknown,
    inherited: RecordType | undefined,
    prefix: FieldPath,
  ): Entry[] {
    if (Array.isArray(value) && prefix.length === 0) {
      return value.flatMap((item, at) => this.#entriesOf(piece, item, undefined, [at]));
    }
    if (typeof value === "object" && value !== null) {
      const { apiVersion, kind, items } = value as Partial<RecordType> & { items?: unknown };
      if (isListKind(kind) && (Array.isArray(items) || items === null || items === undefined)) {
        const type = itemType({ apiVersion, kind });
        return (items ?? []).flatMap((item: unknown, at: number) =>
          this.#entriesOf(piece, item, type, [...prefix, "items", at]),
        );
      }
    }
    const reading = readRecord(value, inherited);
    return [this.#entry(piece, reading, prefix)];
  }

  #entry(piece: number, reading: RecordReading | undefined, prefix: FieldPath): Entry {
    const { a, b } = this.#pieces.hash(piece);
    const problems = reading?.problems ?? [];
    return {
      kind: reading?.kind,
      name: reading?.name,
      resource: reading?.resource,
      problems:
        problems.length === 0
          ? noEntryProblems
          : problems.map((problem) => this.#place(piece, problem, prefix)),
      file: this.#file,
      hashA: a,
      hashB: b,
      line: this.#pieces.line(piece),
      at: piece,
      also: noEntries,
    };
  }

  #place(piece: number, problem: FieldProblem, prefix: FieldPath): EntryProblem {
    const { path, severity, reason, value } = problem;
    const isPlaced = this.#placed++ < PLACED_FAULTS;
    const field = formatFieldPath(path);
    return {
      severity,
      lineOffset: isPlaced ? lineOfField(this.#text(piece), [...prefix, ...path]) : 0,
      ...(field === "" ? {} : { field }),
      ...(value === undefined ? {} : { value }),
      reason,
    };
  }

  #addUnreadable(piece: number, lineOffset: number, reason: string): void {
    this.#unreadable++;
    const entry = this.#entry(piece, undefined, []);
    this.entries[piece] = { ...entry, problems: [{ severity: "error", lineOffset, reason }] };
  }
}

/** The paths of all leaves. */
function* fieldsOf(value: unknown, path = ""): Generator<string> {
  if (typeof value !== "object" || value === null) yield path;
  else for (const [key, part] of Object.entries(value)) yield* fieldsOf(part, `${path}.${key}`);
}

/** V8's message without the position and the excerpt, which the line replaces. */
function plain(message: string): string {
  const text = message.replace(/ (in JSON )?at position .*$/, "").replace(/, "?\.\.\..*$/s, "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}
