/** A key and its value as an entry. */
import { reasonOf } from "../../errors.ts";
import type { Entry } from "../entry.ts";
import { readRemote, unreadableRemote } from "../remote-entry.ts";
import { followedKey } from "./keys.ts";
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
  return readRemote({ key, kind, name, raw, isBare });
}
