/** A full list of one kind, in pages of one revision. */
import { CausewayError } from "../../errors.ts";
import type { Answer, ApiClient } from "./api-client.ts";
import { isGone, statusOf } from "./refusal.ts";

/** An object as the API has it, before anything is known of what it holds. */
export interface ApiObject {
  readonly metadata?: {
    readonly name?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface ObjectList {
  readonly revision: string;
  /** `performance.now()` when the last byte had been read. */
  readonly readAt: number;
}

interface ListBody {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly ApiObject[] | null;
}

/** Objects in one page; as many as kubectl asks for. */
export const PAGE = 500;

/**
 * Lists a kind; `take` gets each page, and `restart` says that all pages so far are void.
 * @returns the answer, where it is a refusal
 * @throws CausewayError `datastore`
 */
export async function listKind(
  client: ApiClient,
  path: string,
  taker: { take(items: readonly ApiObject[]): void; restart(): void },
  signal?: AbortSignal,
): Promise<ObjectList | Answer> {
  let token: string | undefined;
  let limit: number | undefined = PAGE;
  for (;;) {
    const query = { limit: limit?.toString(), continue: token };
    const answer = await client.request({ method: "GET", path, query }, signal);
    if (token !== undefined && isGone(answer.status, statusOf(answer))) {
      // Reading took longer than the server keeps a revision: now all of it in one piece.
      token = undefined;
      limit = undefined;
      taker.restart();
      continue;
    }
    if (answer.status !== 200) return answer;
    const { metadata, items } = answer.value as ListBody;
    if (metadata?.resourceVersion === undefined) {
      throw new CausewayError("datastore", `${client.server}${path}: the answer is no list`);
    }
    taker.take(items ?? []);
    token = metadata.continue || undefined;
    if (token === undefined) {
      return { revision: metadata.resourceVersion, readAt: performance.now() };
    }
  }
}
