/** What differs between two values of JSON, and whether anything does. */
import { isDeepStrictEqual } from "node:util";
import type { FieldPath } from "./record-problem.ts";

/** `after` is undefined where the field is to go. */
export interface ValueChange {
  readonly path: FieldPath;
  readonly before: unknown;
  readonly after: unknown;
}

/** The smallest fields that differ; of lists of different lengths, the whole list. */
export function* differences(
  before: unknown,
  after: unknown,
  path: FieldPath = [],
): Generator<ValueChange> {
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* differences(before[key], after[key], [...path, key]);
    }
  } else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (const [at, item] of before.entries()) yield* differences(item, after[at], [...path, at]);
  } else if (!isSameValue(before, after)) {
    yield { path, before, after };
  }
}

/** Members in any order; one that is undefined is none. */
export function isSameValue(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function valueAt(value: unknown, path: FieldPath): unknown {
  let found = value;
  for (const step of path) found = (found as Record<string | number, unknown> | null)?.[step];
  return found;
}

/** The value with another one at `path`; undefined takes a field or an item out. */
export function withValue(value: unknown, path: FieldPath, after: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return after;
  if (Array.isArray(value)) {
    if (after === undefined && rest.length === 0) return value.filter((_, at) => at !== step);
    return value.map((item, at) => (at === step ? withValue(item, rest, after) : item));
  }
  const inner = (value as Record<string, unknown>)[step];
  return { ...(value as object), [step]: withValue(inner, rest, after) };
}
