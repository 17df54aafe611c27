/** The one error class, with a closed set of codes; foreign errors are mapped at the edge. */

export type ErrorCode =
  /** A flag, variable or configuration value is wrong. */
  | "bad-config"
  /** A resource or file of the datastore is wrong. */
  | "bad-resource"
  /** The datastore cannot be reached or read. */
  | "datastore"
  /** A record of the datastore was changed by somebody else since it was read. */
  | "conflict"
  /** The kernel refused, or lacks what is needed. */
  | "kernel"
  /** Root or a capability is missing. */
  | "not-permitted"
  /** No agent answers, or another one is in the way. */
  | "agent"
  /** A fault of ours. */
  | "internal";

export class CausewayError extends Error {
  readonly code: ErrorCode;
  /** What to do about it, in the imperative. */
  readonly hint: string | undefined;

  /** @param message what failed, with what, and why; one line, no full stop at the end. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; hint?: string }) {
    super(message, options);
    this.name = "CausewayError";
    this.code = code;
    this.hint = options?.hint;
  }

  /** Keeps a CausewayError as it is and wraps anything else, with what was being done. */
  static from(error: unknown, code: ErrorCode, doing: string): CausewayError {
    if (error instanceof CausewayError) return error;
    return new CausewayError(code, `${doing}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The text of any thrown value. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The symbolic errno of a Node system error ("ENOENT"), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
