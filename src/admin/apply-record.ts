/** Writes one record as it shall be, whether it is there already or not. */

import type { RecordStore, RecordValue } from "../datastore/record-store.ts";
import { isSameValue } from "../datastore/value-difference.ts";
import { CausewayError } from "../errors.ts";
import { changeRecord } from "../register/change-record.ts";
import { blocksIn } from "./removal-obstacles.ts";

export type Outcome = "created" | "changed" | "unchanged";

export interface ApplyOptions {
  /** Nothing is written. */
  readonly dryRun?: boolean;
}

/**
 * Somebody else who is first is taken into account: it reads again and writes again.
 * @throws CausewayError `bad-resource` where the store, or what is there, does not allow it
 */
export async function applyRecord(
  store: RecordStore,
  wanted: RecordValue,
  { dryRun = false }: ApplyOptions = {},
): Promise<Outcome> {
  const { kind, metadata } = wanted;
  let before = (await store.get(kind, metadata.name))?.value;
  if (before !== undefined) await refuseMovedPool(store, before, wanted);
  if (dryRun) {
    if (before === undefined) return "created";
    return isSameValue(before, merged(before, wanted)) ? "unchanged" : "changed";
  }
  const after = await changeRecord(store, kind, metadata.name, (current) => {
    before = current;
    if (current === undefined) return wanted;
    const next = merged(current, wanted);
    return isSameValue(current, next) ? undefined : next;
  });
  if (before === undefined) return "created";
  // A store may keep less than it was given: a core Node only what annotations hold.
  return isSameValue(contentOf(before), contentOf(after)) ? "unchanged" : "changed";
}

/** Labels and annotations that are not given stay, and so does what the store says of the record. */
function merged(current: RecordValue, wanted: RecordValue): RecordValue {
  const annotations = { ...current.metadata.annotations, ...wanted.metadata.annotations };
  const hasAny = Object.keys(annotations).length > 0;
  const { labels } = wanted.metadata;
  return withMetadata(current, wanted, {
    ...(labels === undefined ? {} : { labels }),
    ...(hasAny ? { annotations } : {}),
  });
}

/** The current record with everything of the wanted one, metadata but for the given fields aside. */
export function withMetadata(
  current: RecordValue,
  wanted: RecordValue,
  fields: Readonly<Record<string, unknown>>,
): RecordValue {
  return { ...current, ...wanted, metadata: { ...current.metadata, ...fields } };
}

function contentOf(record: RecordValue | undefined): unknown {
  if (record === undefined) return undefined;
  const { labels, annotations } = record.metadata;
  return { ...record, metadata: { labels, annotations } };
}

/** Its blocks would be in no pool, or of another size than the next. */
export async function refuseMovedPool(
  store: RecordStore,
  before: RecordValue,
  wanted: RecordValue,
): Promise<void> {
  if (before.kind !== "IPPool") return;
  for (const field of ["cidr", "blockSize"] as const) {
    const [is, shall] = [fieldOf(before, field), fieldOf(wanted, field)];
    if (is === shall) continue;
    const blocks = await blocksIn(store, String(before.spec["cidr"]));
    if (blocks.length === 0) return;
    const what = `spec.${field} ${JSON.stringify(shall)}: it is ${is}, and blocks are in it (${blocks[0]?.spec["cidr"]}${blocks.length > 1 ? " and more" : ""})`;
    const hint = "make another pool, and delete this one when it has no blocks";
    throw new CausewayError("bad-resource", what, { hint });
  }
}

function fieldOf({ spec }: RecordValue, field: "cidr" | "blockSize"): unknown {
  if (field === "cidr" || spec["blockSize"]) return spec[field];
  return String(spec["cidr"]).includes(":") ? 122 : 26;
}
