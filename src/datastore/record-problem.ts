/** What is wrong with one record, field by field; gathered while it is read. */
import { reasonOf } from "../errors.ts";

/** Keys and indexes from the record's top: `["spec", "addresses", 0, "address"]`. */
export type FieldPath = readonly (string | number)[];

export interface FieldProblem {
  /** Empty where the whole record is meant. */
  readonly path: FieldPath;
  /** The value found there, as short JSON text, where showing it helps. */
  readonly value?: string;
  readonly reason: string;
  /** `error`: the record is refused. `warning`: it is used all the same. */
  readonly severity: "error" | "warning";
}

export class ProblemList {
  readonly items: FieldProblem[] = [];

  get hasErrors(): boolean {
    return this.items.some((problem) => problem.severity === "error");
  }

  error(path: FieldPath, reason: string, value?: unknown): void {
    this.add("error", path, reason, value);
  }

  warn(path: FieldPath, reason: string, value?: unknown): void {
    this.add("warning", path, reason, value);
  }

  /** Runs a parser of `value`; what it throws becomes a problem and the result is undefined. */
  attempt<T>(
    path: FieldPath,
    value: string,
    parse: (text: string) => T,
    severity: FieldProblem["severity"] = "error",
  ): T | undefined {
    try {
      return parse(value);
    } catch (error) {
      const reason = reasonOf(error);
      // The value is printed beside the field; a reason that begins with it would say it twice.
      const lead = `"${value}" `;
      const rest = reason.startsWith(lead) ? reason.slice(lead.length).replace(/^is /, "") : reason;
      this.add(severity, path, rest, value);
      return undefined;
    }
  }

  private add(
    severity: FieldProblem["severity"],
    path: FieldPath,
    reason: string,
    value: unknown,
  ): void {
    const shown = value === undefined ? undefined : shorten(JSON.stringify(value));
    this.items.push({ path, reason, severity, ...(shown === undefined ? {} : { value: shown }) });
  }
}

/** "spec.addresses[0].address"; keys that are not plain words are quoted. */
export function formatFieldPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
