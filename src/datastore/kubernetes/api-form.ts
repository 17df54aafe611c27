/** What is kept in the Kubernetes API and how: the kinds that are followed, and what their objects say. */
import type { BlockOrigin } from "../../../tunnels/model/block-origin.ts";
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import type { Entry } from "../entry.ts";
import { type ApiKind, followedKinds } from "./api-kinds.ts";
import { entryOf, keyOf } from "./api-record.ts";
import type { ApiObject } from "./kind-list.ts";

export interface ApiForm {
  /** What the datastore's URL begins with. */
  readonly scheme: string;
  readonly kinds: readonly ApiKind[];
  /** Where a resource stands, as its entry says it. */
  keyOf(resource: Resource): string;
  /** Reads an object; never throws for what it holds. */
  entryOf(kind: ApiKind, object: ApiObject): Entry;
  /** Reads what is not followed, before everything is listed. @throws CausewayError */
  prepare?(signal: AbortSignal): Promise<void>;
  /** Entries of what is not followed; part of every full list. */
  others?(): readonly Entry[];
}

export function calicoApiForm(blocks: BlockOrigin): ApiForm {
  return {
    scheme: "kubernetes",
    kinds: followedKinds(blocks),
    keyOf: ({ kind, name }) => keyOf(kind, name),
    entryOf,
  };
}
