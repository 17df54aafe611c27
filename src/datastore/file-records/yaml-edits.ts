/**
 * A changed YAML document as edits of its text: a scalar, a collection in brackets, or the lines of
 * one field. Whatever else stands there is not touched, down to the blanks before a comment. Layouts
 * that this cannot tell are left to change-yaml.ts, which checks every result as well.
 */
import type { Document, Pair, Scalar, ToStringOptions, YAMLMap } from "yaml";
import { yaml } from "../../lazy-yaml.ts";
import type { FieldPath } from "../record-problem.ts";
import { type ValueChange, valueAt } from "../value-difference.ts";
import { parseYamlPiece } from "../yaml-piece.ts";

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * @param wanted the whole document's value as it shall be
 * @returns undefined where a change needs more than such edits
 */
export function editYaml(
  text: string,
  document: Document,
  changes: readonly ValueChange[],
  wanted: unknown,
  layout: ToStringOptions,
): string | undefined {
  const editor = new YamlEditor(text.endsWith("\n") ? text : `${text}\n`, document, wanted, layout);
  return changes.every(({ path }) => editor.change(path)) ? editor.result() : undefined;
}

class YamlEditor {
  readonly #text: string;
  readonly #document: Document;
  readonly #wanted: unknown;
  readonly #layout: ToStringOptions;
  readonly #edits = new Map<string, Edit>();

  constructor(text: string, document: Document, wanted: unknown, layout: ToStringOptions) {
    this.#text = text;
    this.#document = document;
    this.#wanted = wanted;
    this.#layout = layout;
  }

  result(): string {
    // From the back, so that offsets stay good; what is added at one place keeps its order.
    const edits = [...this.#edits.values()].reverse().sort((a, b) => b.start - a.start);
    return edits.reduce((all, { start, end, text }) => {
      return all.slice(0, start) + text + all.slice(end);
    }, this.#text);
  }

  /** Makes the field at `path` what it shall be. False where that cannot be told. */
  change(path: FieldPath): boolean {
    const brackets = this.#bracketsAround(path);
    if (brackets === undefined) return this.#scalar(path) || this.#field(path);
    const isWritten = this.#edits.has(`${brackets}`);
    return isWritten || this.#scalar(path) || this.#collection(brackets);
  }

  /** The outermost collection in brackets that the field is in. */
  #bracketsAround(path: FieldPath): FieldPath | undefined {
    for (let depth = 0; depth <= path.length; depth++) {
      const at = path.slice(0, depth);
      const node: unknown = this.#document.getIn(at, true);
      if (yaml().isCollection(node) && node.flow) return at;
    }
    return undefined;
  }

  /** Writes a collection in brackets anew, instead of what was to change in it. */
  #collection(path: FieldPath): boolean {
    const node: unknown = this.#document.getIn(path, true);
    const after = valueAt(this.#wanted, path);
    if (!yaml().isCollection(node) || !node.range || node.anchor || !isCollectionValue(after)) {
      return false;
    }
    const [start, end] = node.range;
    if (this.#text.slice(start, end).includes("\n")) return false;
    const next = this.#document.createNode(inOrder(after, node.toJSON()), { flow: true });
    keepQuotes(next, node);
    const text = yaml().stringify(next, this.#layout).trimEnd();
    for (const [key, edit] of this.#edits) {
      if (edit.start >= start && edit.end <= end) this.#edits.delete(key);
    }
    this.#edits.set(`${path}`, { start, end, text });
    return !text.includes("\n");
  }

  #scalar(path: FieldPath): boolean {
    const node: unknown = this.#document.getIn(path, true);
    if (!yaml().isScalar(node) || !node.range || node.anchor || node.tag) return false;
    const [start, end] = node.range;
    const text = scalarText(valueAt(this.#wanted, path), node);
    const source = this.#text.slice(start, end);
    if (text === undefined || source === "" || source.includes("\n")) return false;
    this.#edits.set(`${path}`, { start, end, text });
    return true;
  }

  /** A field of a map that is not in brackets, line by line. */
  #field(path: FieldPath): boolean {
    const key = path.at(-1);
    const map: unknown = this.#document.getIn(path.slice(0, -1), true);
    if (!yaml().isMap(map) || typeof key !== "string") return false;
    const pairs = map.items.map((pair) => this.#linesOf(pair));
    const last = pairs.at(-1);
    const first = pairs[0];
    if (pairs.includes(undefined) || last === undefined || first === undefined) return false;
    const found = pairs[(map as YAMLMap).items.findIndex((pair) => String(pair.key) === key)];
    const after = valueAt(this.#wanted, path);
    const margin = " ".repeat(first.column);
    const text = after === undefined ? "" : this.#fieldText(key, after, margin);
    if (found === undefined) {
      this.#edits.set(`${path}`, { start: last.end, end: last.end, text });
      return true;
    }
    // The first field of an item stands behind its dash.
    const isFirstOfItem = this.#text.slice(found.start, found.start + found.column).trim() !== "";
    if (isFirstOfItem) return false;
    this.#edits.set(`${path}`, { start: found.start, end: found.end, text });
    return true;
  }

  /** Where a field's lines begin and end, without the blank lines and comments that follow. */
  #linesOf({
    key,
  }: Pair<unknown, unknown>): { start: number; end: number; column: number } | undefined {
    const offset = yaml().isScalar(key) ? key.range?.[0] : undefined;
    if (offset === undefined) return undefined;
    const start = this.#text.lastIndexOf("\n", offset - 1) + 1;
    const column = offset - start;
    let end = this.#nextLine(start);
    for (let at = end; at < this.#text.length; ) {
      const next = this.#nextLine(at);
      const line = this.#text.slice(at, next).trimEnd();
      const indent = line.length - line.trimStart().length;
      const isPart = indent > column || (indent === column && /^ *-(?: |$)/.test(line));
      const isNote = /^ *(?:#.*)?$/.test(line);
      if (!isPart && !isNote) break;
      if (isPart && !isNote) end = next;
      at = next;
    }
    return { start, end, column };
  }

  #nextLine(at: number): number {
    const newline = this.#text.indexOf("\n", at);
    return newline < 0 ? this.#text.length : newline + 1;
  }

  #fieldText(key: string, value: unknown, margin: string): string {
    return yaml()
      .stringify({ [key]: value }, this.#layout)
      .replace(/^(?=.)/gm, margin);
  }
}

function scalarText(value: unknown, { type }: Scalar): string | undefined {
  if (typeof value === "number" || typeof value === "boolean" || value === null) {
    return String(value);
  }
  if (typeof value !== "string") return undefined;
  if (type === "PLAIN" && /^[\w./-][\w.:/-]*$/.test(value)) {
    const { values } = parseYamlPiece(value, false);
    if (values?.[0] === value) return value;
  }
  return type === "QUOTE_SINGLE" && !/['\n]/.test(value) ? `'${value}'` : JSON.stringify(value);
}

function isCollectionValue(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The members that were there before, in the order that they had, and then the others. */
function inOrder(after: unknown, before: unknown): unknown {
  if (!isCollectionValue(after) || !isCollectionValue(before)) return after;
  if (Array.isArray(after)) return after.map((item, at) => inOrder(item, Reflect.get(before, at)));
  const keys = new Set([
    ...Object.keys(before).filter((key) => key in after),
    ...Object.keys(after),
  ]);
  const member = (key: string): unknown =>
    inOrder(Reflect.get(after, key), Reflect.get(before, key));
  return Object.fromEntries([...keys].map((key) => [key, member(key)]));
}

/** Texts that were in quotes stay in quotes. */
function keepQuotes(next: unknown, before: unknown): void {
  const { isMap, isScalar, isSeq } = yaml();
  if (isScalar(next) && isScalar(before)) {
    if (typeof next.value === "string" && before.type) next.type = before.type;
  } else if (isMap(next) && isMap(before)) {
    for (const { key, value } of next.items) {
      keepQuotes(value, before.get(isScalar(key) ? key.value : key, true));
    }
  } else if (isSeq(next) && isSeq(before)) {
    for (const [at, item] of next.items.entries()) keepQuotes(item, before.items[at]);
  }
}
