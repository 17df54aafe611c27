/** A key and its value as an entry. */
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import { reasonOf } from "../../errors.ts";
import type { Entry, EntryProblem } from "../entry.ts";
import { knownRemote, readRemote, unreadableRemote } from "../remote-entry.ts";
import { cidrOfKey, followedKey } from "./keys.ts";
import type { KeyValue } from "./messages.ts";
import { readPlainBlock } from "./plain-block.ts";

/** Undefined for a key that nobody here follows. The entry of a deleted key is of no use but its key. */
export function readEntry(prefix: string, { key, value }: KeyValue): Entry | undefined {
  const followed = followedKey(prefix, key);
  if (followed === undefined) return undefined;
  const { kind, name } = followed;
  const isBare = kind === "IPAMBlock";
  const cidr = isBare ? cidrOfKey(key.slice(key.lastIndexOf("/") + 1)) : "";
  const plain = isBare ? readPlainBlock(name, cidr, value) : undefined;
  if (plain !== undefined) return knownRemote(key, plain);
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch (error) {
    return unreadableRemote({ key, kind, name }, `not JSON: ${reasonOf(error)}`);
  }
  // Address management writes the bare value of a block; its key says what it is of.
  const apiVersion = "projectcalico.org/v3";
  const raw = isBare ? { apiVersion, kind, metadata: { name }, spec: json } : json;
  const entry = readRemote({ key, kind, name, raw, isBare });
  if (!isBare) return entry;
  return (json as { cidr?: unknown } | null)?.cidr === cidr ? entry : withCidr(entry, cidr);
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
