/** What is kept in etcd and how: the keys that are followed, and what they say. */
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import type { Entry } from "../entry.ts";
import type { EntryChange } from "../followed-records.ts";
import { blockKey, followedRanges, type KeyRange, resourceKey, watchedRange } from "./keys.ts";
import type { KeyValue } from "./messages.ts";
import type { TextPart } from "./range-page.ts";
import { readEntry } from "./read-entry.ts";

export interface EtcdForm {
  /** What a first list has to read. */
  readonly ranges: readonly KeyRange[];
  /** The one range that all of these lie in. */
  readonly watched: KeyRange;
  /** Where a resource stands, as its entry says it. */
  keyOf(resource: Resource): string;
  /**
   * What a key stands for; empty for a key that nobody follows. The entries of a deleted key are of no
   * use but for where they stand.
   * @param value where the value stands, if that is in a page
   */
  read(kv: KeyValue, value?: TextPart): readonly Entry[];
  /** What a full list comes to; the entries as they are without. */
  listed?(entries: readonly Entry[]): Entry[];
  /** What changes of one step come to; the changes as they are without. */
  changed?(changes: readonly EntryChange[]): EntryChange[];
}

/** @param prefix without a slash at its end, for example "/calico" */
export function calicoForm(prefix: string): EtcdForm {
  return {
    ranges: followedRanges(prefix),
    watched: watchedRange(prefix),
    keyOf: (resource) =>
      resource.kind === "IPAMBlock"
        ? blockKey(prefix, String(resource.cidr))
        : resourceKey(prefix, resource.kind, resource.name),
    read: (kv, value) => {
      const entry = readEntry(prefix, kv, value);
      return entry === undefined ? [] : [entry];
    },
  };
}
