/**
 * Changes a record in the text of its YAML document: by edits of the text where that can be told,
 * else the document is written anew from its parsed form, which keeps comments, the order of fields
 * and the style of each value.
 */
import type { Document, ToStringOptions } from "yaml";
import { yaml } from "../../lazy-yaml.ts";
import type { FieldPath } from "../record-problem.ts";
import {
  differences,
  isSameValue,
  type ValueChange,
  valueAt,
  withValue,
} from "../value-difference.ts";
import { parseYamlPiece } from "../yaml-piece.ts";
import type { TextPiece } from "./record-claim.ts";
import { editYaml } from "./yaml-edits.ts";

const PARSE = { logLevel: "silent", prettyErrors: false } as const;
/** Lines are broken where their author broke them. */
const LAYOUT: ToStringOptions = { lineWidth: 0 };

/** The piece's text with another value at `path`; undefined takes it out. */
export function changeYaml(piece: TextPiece, path: FieldPath, after: unknown): string {
  const { text } = piece;
  const document = yaml().parseDocument(text, PARSE);
  const before: unknown = valueAt(document.toJS({ maxAliasCount: 1000 }), path);
  const changes = [...differences(before, after, path)];
  const wanted = withValue(document.toJS({ maxAliasCount: 1000 }), path, after);
  const isRight = (changed: string | undefined): changed is string =>
    changed !== undefined && isSameValue(parseYamlPiece(changed, false).values?.[0], wanted);
  const layout = layoutOf(text);
  const edited = editYaml(text, document, changes, wanted, layout);
  if (isRight(edited)) return edited;
  for (const change of changes) apply(document, change);
  return indented(document.toString(layout), piece);
}

/** A new record as a document of its own. */
export function newYaml(value: unknown): string {
  const document = new (yaml().Document)(value);
  yaml().visit(document, {
    // Ordinals of a block would fill screens.
    Seq: (_, node) => {
      node.flow = node.items.every((item) => {
        return yaml().isScalar(item) && typeof item.value !== "string";
      });
    },
  });
  return document.toString(LAYOUT);
}

function apply(document: Document, { path, after }: ValueChange): void {
  if (after === undefined) {
    document.deleteIn(path);
    return;
  }
  const node: unknown = document.getIn(path, true);
  const isScalar = typeof after !== "object" || after === null;
  if (isScalar && yaml().isScalar(node)) node.value = after;
  else document.setIn(path, document.createNode(after));
}

/** As the document is laid out so far. */
function layoutOf(text: string): ToStringOptions {
  const nested = /^( *)(- )?[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n\1( +)[^\s#-]/m.exec(text);
  const [, , dash = "", margin = "  "] = nested ?? [];
  const isFlush = /^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n\1- /m.test(text);
  return {
    ...LAYOUT,
    indent: Math.max(2, margin.length - dash.length),
    indentSeq: !isFlush,
    flowCollectionPadding: /[{[] /.test(text) || !/[{[]/.test(text),
  };
}

/** An item of a list stands as far to the right as its dash. */
function indented(text: string, { text: before, isDashed }: TextPiece): string {
  const margin = isDashed ? (/^ */.exec(before)?.[0] ?? "") : "";
  return margin === "" ? text : text.replace(/^(?=.)/gm, margin);
}
