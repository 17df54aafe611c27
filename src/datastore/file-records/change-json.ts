/** Changes a record in the text of its JSON document, indented as it was. */
import type { FieldPath } from "../record-problem.ts";
import { withValue } from "../value-difference.ts";

/** The piece's text with another value at `path`; undefined takes it out. */
export function changeJson(text: string, path: FieldPath, after: unknown): string {
  const value = withValue(JSON.parse(text), path, after);
  const second = /\n([ \t]*)\S/.exec(text)?.[1];
  if (second === undefined) return JSON.stringify(value);
  // The last line's bracket stands where the first line began.
  const margin = /\n([ \t]*)[}\]]\s*$/.exec(text)?.[1] ?? "";
  const step = second.slice(margin.length) || "  ";
  return JSON.stringify(value, undefined, step).replaceAll("\n", `\n${margin}`);
}
