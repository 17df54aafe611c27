/** An answer of the API server that is a refusal, as text and as what to do next. */
import type { Answer } from "./api-client.ts";

/** The API's `Status`, as far as it is used. */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
  };
}

export function statusOf({ value }: Pick<Answer, "value">): Status {
  return typeof value === "object" && value !== null ? (value as Status) : {};
}

/** `the API server refuses to list nodes: 403, nodes is forbidden: User …`. */
export function refusalText(answer: Answer, doing: string): string {
  const { message } = statusOf(answer);
  const said = message === undefined ? "" : `, ${message.replace(/\.$/, "")}`;
  return `the API server refuses to ${doing}: ${answer.status}${said}`;
}

/** True if a watch or list cannot go on from where it was: everything has to be listed anew. */
export function isGone(code: number, status: Status): boolean {
  if (code === 410) return true;
  // The server's data is older than what was seen of it: it was restored from a backup.
  return (
    status.details?.causes?.some(({ reason }) => reason === "ResourceVersionTooLarge") === true
  );
}

/** True if the server itself is in trouble, not the request. */
export function isServerTrouble(code: number): boolean {
  return code === 429 || code >= 500;
}
