/** Checks a record against the schema of its kind and says in plain words what does not fit. */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { nearest } from "../config/nearest.ts";
import type { FieldPath, ProblemList } from "./record-problem.ts";
import { fieldsOfKind, type SchemaName, schemas } from "./schema.ts";

/** What Ajv tells about one error, for the keywords that the schemas use. */
interface ErrorDetails {
  readonly additionalProperty?: string;
  readonly missingProperty?: string;
  readonly allowedValues?: readonly unknown[];
  readonly type?: string | readonly string[];
}

interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

interface ParentSchema extends Range {
  readonly properties?: object;
  readonly anyOf?: readonly [unknown, Range];
}

/** Our own schemas need no check, and to compile the schema of schemas takes longer than all of them. */
const AJV_OPTIONS: Options = {
  // It takes a fifth of the time that the first record of a kind costs, and makes no record faster.
  code: { optimize: false },
  allErrors: true,
  verbose: true,
  strict: false,
  validateFormats: false,
  meta: false,
  validateSchema: false,
};

const compiled = new Map<SchemaName, ValidateFunction>();

/** Compiles the schema of a kind, which the first record of the kind does else: 3 to 15 ms. */
export function prepareShape(name: SchemaName): ValidateFunction {
  let validate = compiled.get(name);
  if (validate === undefined) {
    validate = new Ajv(AJV_OPTIONS).compile(schemas[name]);
    compiled.set(name, validate);
  }
  return validate;
}

/**
 * Checks types, names and ranges; what is wrong is added to `problems`.
 * @returns true if everything is of the right type, so that the rest can be read at all.
 */
export function checkShape(name: SchemaName, raw: unknown, problems: ProblemList): boolean {
  const validate = prepareShape(name);
  if (validate(raw)) return true;
  const errors = validate.errors ?? [];
  for (const error of errors) addProblem(name, error, problems);
  return !errors.some(({ keyword }) => keyword === "type" || keyword === "required");
}

function addProblem(name: SchemaName, error: ErrorObject, problems: ProblemList): void {
  const path = pathOf(error.instancePath);
  const { keyword, data } = error;
  const details = error.params as ErrorDetails;
  const schema = error.parentSchema as unknown as ParentSchema;
  switch (keyword) {
    case "additionalProperties": {
      const field = details.additionalProperty ?? "";
      const known = Object.keys(schema.properties ?? {});
      problems.warn([...path, field], `no such field${hint(name, path, field, known)}`);
      break;
    }
    case "required":
      problems.error([...path, details.missingProperty ?? ""], "missing");
      break;
    case "enum": {
      const allowed = (details.allowedValues ?? []).filter((one) => one !== "" && one !== null);
      const near = typeof data === "string" ? nearest(data, allowed.map(String)) : undefined;
      const meant = near === undefined ? "" : `; did you mean ${near}?`;
      problems.error(path, `not one of ${allowed.join(", ")}${meant}`, data);
      break;
    }
    case "minimum":
    case "maximum":
      problems.error(path, `not in ${schema.minimum} to ${schema.maximum}`, data);
      break;
    case "anyOf": {
      // Ajv names the two alternatives first, then the choice between them; one line is enough.
      while (problems.items.at(-1)?.path.join() === path.join()) problems.items.pop();
      const range = schema.anyOf?.[1];
      problems.error(path, `neither 0 nor in ${range?.minimum} to ${range?.maximum}`, data);
      break;
    }
    case "minLength":
      problems.error(path, "empty");
      break;
    case "type":
      problems.error(path, `must be ${wantedType(details)}, not ${typeOf(data)}`, data);
      break;
    default:
      problems.error(path, error.message ?? keyword, data);
  }
}

function wantedType({ type }: ErrorDetails): string {
  const names = [type ?? []].flat().map((one) => (one === "array" ? "list" : one));
  const wanted = names.filter((one) => one !== "null");
  const article = /^[aio]/.test(wanted[0] ?? "") ? "an" : "a";
  return `${article} ${wanted.join(" or a ")}`;
}

function typeOf(data: unknown): string {
  if (Array.isArray(data)) return "a list";
  if (data === null) return "null";
  if (typeof data === "number" && !Number.isInteger(data)) return "a fraction";
  return typeof data === "object" ? "an object" : `a ${typeof data}`;
}

/** "; did you mean cidr?", "; did you mean the IPPool's?", or nothing. */
function hint(name: SchemaName, path: FieldPath, field: string, known: readonly string[]): string {
  const near = nearest(field, known);
  if (near !== undefined) return `; did you mean ${near}?`;
  const own = name === "core Node" ? {} : fieldsOfKind[name];
  if (field in own) return `; did you mean spec.${field}?`;
  if (path.length > 0 && known.length === 0) return "";
  for (const [kind, others] of Object.entries(fieldsOfKind)) {
    if (kind !== name && field in others) return `; did you mean the ${kind}'s?`;
  }
  return "";
}

function pathOf(pointer: string): FieldPath {
  if (pointer === "") return [];
  return pointer
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
