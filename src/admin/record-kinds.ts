/** The kinds of records by the names that kubectl and calicoctl know them by. */
import { nearest } from "../config/nearest.ts";
import { defaultBlockName } from "../datastore/record-block.ts";
import type { RecordKind } from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";

/** The singular is the kind itself. */
const OTHER_NAMES: Readonly<Record<RecordKind, readonly string[]>> = {
  IPPool: ["ippools", "pool", "pools"],
  Node: ["nodes", "no"],
  FelixConfiguration: ["felixconfigurations", "felixconfig", "felixconfigs"],
  IPAMBlock: ["ipamblocks", "block", "blocks"],
  BlockAffinity: ["blockaffinities", "affinity", "affinities"],
  IPAMHandle: ["ipamhandles", "handle", "handles"],
  IPAMConfig: ["ipamconfigs", "ipamconfiguration", "ipamconfigurations"],
};

export const RECORD_KINDS: readonly RecordKind[] = Object.keys(OTHER_NAMES) as RecordKind[];

/** @throws CausewayError `bad-config` */
export function parseKind(text: string): RecordKind {
  const word = text.toLowerCase();
  const names = RECORD_KINDS.map(
    (kind) => [kind, [kind.toLowerCase(), ...OTHER_NAMES[kind]]] as const,
  );
  const found = names.find(([, known]) => known.includes(word));
  if (found !== undefined) return found[0];
  const near = nearest(
    word,
    names.flatMap(([, known]) => known),
  );
  const hint =
    near === undefined ? `the kinds are ${RECORD_KINDS.join(", ")}` : `did you mean ${near}?`;
  throw new CausewayError("bad-config", `"${text}": no such kind`, { hint });
}

/** A block may be called by its prefix, as tables show it: 10.77.3.64/26 is 10-77-3-64-26. */
export function parseName(kind: RecordKind, text: string): string {
  return kind === "IPAMBlock" ? defaultBlockName(text) : text;
}

/** `IPPool "green"`. */
export function titleOf(kind: RecordKind, name: string): string {
  return `${kind} "${name}"`;
}
