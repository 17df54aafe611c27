/** The configuration file: a YAML mapping of settings, each with the place where it stands. */
import { readFileSync } from "node:fs";
import { CausewayError, errnoOf, reasonOf } from "../errors.ts";
import { yaml } from "../lazy-yaml.ts";

export interface PlacedValue {
  readonly value: unknown;
  /** "config.yaml:3". */
  readonly place: string;
}

/**
 * What the file says, by key; an empty file says nothing.
 * @throws CausewayError "bad-config" if it cannot be read, or is not YAML, or no mapping
 */
export function readConfigFile(path: string): Map<string, PlacedValue> {
  const { isMap, isScalar, LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new CausewayError("bad-config", `${path}:${line}:${col}: not YAML: ${error.message}`);
  }
  const settings = new Map<string, PlacedValue>();
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return settings;
  if (!isMap(contents)) {
    const hint = "write one setting a line, for example  node: alder";
    throw new CausewayError("bad-config", `${path}: not a mapping of settings`, { hint });
  }
  const values = contents.toJS(document) as Record<string, unknown>;
  for (const { key } of contents.items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const place = `${path}:${lines.linePos(key.range?.[0] ?? 0).line}`;
    settings.set(name, { value: values[name], place });
  }
  return settings;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: "there is no such file",
      EACCES: "not permitted",
      EISDIR: "it is a directory",
    };
    const reason = reasons[errnoOf(error) ?? ""] ?? reasonOf(error);
    throw new CausewayError("bad-config", `cannot read --config ${path}: ${reason}`, {
      cause: error,
    });
  }
}
