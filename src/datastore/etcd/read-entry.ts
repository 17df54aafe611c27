/** A key and its value as an entry. */
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import { reasonOf } from "../../errors.ts";
import type { Entry, EntryProblem } from "../entry.ts";
import { defaultBlockName } from "../record-block.ts";
import { knownRemote, type RemoteRecord, readRemote, unreadableRemote } from "../remote-entry.ts";
import { blockPlace, cidrOfKey, followedKey } from "./keys.ts";
import type { KeyValue } from "./messages.ts";
import { readPlainBlock } from "./plain-block.ts";
import type { TextPart } from "./range-page.ts";

/** Undefined for a key that nobody here follows. The entry of a deleted key is of no use but its key. */
export function readEntry(prefix: string, kv: KeyValue, part?: TextPart): Entry | undefined {
  const { key } = kv;
  const place = blockPlace(prefix, key);
  if (place !== undefined) {
    const block = readPlainBlock(place, part ?? whole(kv.value));
    return block === undefined ? readBlock(key, place, kv.value) : knownRemote(key, block);
  }
  const followed = followedKey(prefix, key);
  if (followed === undefined) return undefined;
  try {
    return readRemote({ key, ...followed, raw: JSON.parse(kv.value) });
  } catch (error) {
    return unreadable({ key, ...followed }, error);
  }
}

/** Address management writes the bare value of a block; its key says what it is of. */
function readBlock(key: string, place: string, value: string): Entry {
  const kind = "IPAMBlock";
  const name = defaultBlockName(place);
  const cidr = cidrOfKey(place);
  let spec: unknown;
  try {
    spec = JSON.parse(value);
  } catch (error) {
    return unreadable({ key, kind, name }, error);
  }
  const raw = { apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec };
  const entry = readRemote({ key, kind, name, raw, isBare: true });
  return (spec as { cidr?: unknown } | null)?.cidr === cidr ? entry : withCidr(entry, cidr);
}

function unreadable(record: Omit<RemoteRecord, "raw">, error: unknown): Entry {
  return unreadableRemote(record, `not JSON: ${reasonOf(error)}`);
}

function whole(text: string): TextPart {
  return { text, from: 0, to: text.length };
}

/** A block is where its key says: what else its value says of that is refused. */
function withCidr(entry: Entry, wanted: string): Entry {
  const { resource } = entry;
  if (resource?.kind !== "IPAMBlock" || isSameCidr(resource.cidr, wanted)) return entry;
  const value = JSON.stringify(String(resource.cidr));
  const reason = `the key says ${wanted}`;
  const problem: EntryProblem = { severity: "error", lineOffset: 0, field: "cidr", value, reason };
  return { ...entry, resource: undefined, problems: [...entry.problems, problem] };
}

/** Perhaps in another spelling. */
function isSameCidr(cidr: Cidr, text: string): boolean {
  try {
    return String(cidr) === String(parseCidr(text));
  } catch {
    return false;
  }
}
