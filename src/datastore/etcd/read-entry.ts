/** A key and its value as an entry. */
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import { reasonOf } from "../../errors.ts";
import type { Entry, EntryProblem } from "../entry.ts";
import { readRemote, unreadableRemote } from "../remote-entry.ts";
import { cidrOfKey, followedKey } from "./keys.ts";
import type { KeyValue } from "./messages.ts";

/** Undefined for a key that nobody here follows. The entry of a deleted key is of no use but its key. */
export function readEntry(prefix: string, { key: bytes, value }: KeyValue): Entry | undefined {
  const key = bytes.toString("utf8");
  const followed = followedKey(prefix, key);
  if (followed === undefined) return undefined;
  const { kind, name } = followed;
  const isBare = kind === "IPAMBlock";
  let json: unknown;
  try {
    json = JSON.parse(value.toString("utf8"));
  } catch (error) {
    return unreadableRemote({ key, kind, name }, `not JSON: ${reasonOf(error)}`);
  }
  // Address management writes the bare value of a block; its key says what it is of.
  const apiVersion = "projectcalico.org/v3";
  const raw = isBare ? { apiVersion, kind, metadata: { name }, spec: json } : json;
  const entry = readRemote({ key, kind, name, raw, isBare });
  return isBare ? withCidrOfKey(entry, key) : entry;
}

/** A block is where its key says: what else its value says of that is refused. */
function withCidrOfKey(entry: Entry, key: string): Entry {
  const { resource } = entry;
  if (resource?.kind !== "IPAMBlock") return entry;
  const wanted = cidrOfKey(key.slice(key.lastIndexOf("/") + 1));
  if (isSameCidr(resource.cidr, wanted)) return entry;
  const value = JSON.stringify(String(resource.cidr));
  const reason = `the key says ${wanted}`;
  const problem: EntryProblem = { severity: "error", lineOffset: 0, field: "cidr", value, reason };
  return { ...entry, resource: undefined, problems: [...entry.problems, problem] };
}

function isSameCidr(cidr: Cidr, text: string): boolean {
  const written = String(cidr);
  if (written === text) return true;
  try {
    return written === String(parseCidr(text));
  } catch {
    return false;
  }
}
