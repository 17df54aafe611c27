/** The parser's side of YAML: pieces of text -> values, and the line of a field. No I/O. */
import { reasonOf } from "../errors.ts";
import { yaml } from "../lazy-yaml.ts";
import type { PlaceFault } from "./piece-table.ts";
import type { FieldPath } from "./record-problem.ts";

/** `fault.line` counts from 0 within the piece. */
export type YamlReading =
  | { readonly values: readonly unknown[]; readonly fault?: undefined }
  | { readonly values?: undefined; readonly fault: PlaceFault };

const options = { logLevel: "silent", prettyErrors: false } as const;

/** Values of one piece: an item `- …` of a block list, or a document (or several, with `%YAML`). */
export function parseYamlPiece(text: string, isItem: boolean): YamlReading {
  try {
    const { parseAllDocuments, parseDocument } = yaml();
    const documents = /^%/m.test(text)
      ? parseAllDocuments(text, options)
      : [parseDocument(text, options)];
    const values: unknown[] = [];
    for (const document of [documents].flat()) {
      if (!("contents" in document)) continue;
      const [error] = document.errors;
      if (error !== undefined) {
        const line = countNewlines(text, error.pos[0]);
        return { fault: { line, reason: `not YAML: ${decapitalize(error.message)}` } };
      }
      const value: unknown = document.toJS({ maxAliasCount: 1000 });
      if (isItem && Array.isArray(value)) values.push(...value);
      else if (value !== null) values.push(value);
    }
    return { values };
  } catch (error) {
    return { fault: { line: 0, reason: `not YAML: ${decapitalize(reasonOf(error))}` } };
  }
}

/** Line, from 0, of a field in the text of a piece; of the nearest part around it if it is absent. */
export function lineOfField(text: string, path: FieldPath): number {
  const { isCollection, isMap, isPair, LineCounter, parseDocument } = yaml();
  const lineCounter = new LineCounter();
  let offset = 0;
  try {
    // What stands in the text is shown even where it has errors.
    let node: unknown = parseDocument(text, { ...options, lineCounter }).contents;
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && String(item.key) === String(step));
        if (pair === undefined) break;
        offset = (pair.key as { range?: number[] }).range?.[0] ?? offset;
        node = pair.value;
      } else if (isCollection(node)) {
        node = node.items[Number(step)];
        offset = (node as { range?: number[] } | undefined)?.range?.[0] ?? offset;
      } else {
        break;
      }
    }
  } catch {
    return 0;
  }
  return countNewlines(text, offset);
}

function countNewlines(text: string, end: number): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

function decapitalize(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.charAt(0).toLowerCase() + line.slice(1).replace(/[.:]$/, "");
}
