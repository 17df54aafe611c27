/** An object of the Kubernetes API as an entry of the datastore. */
import type { ResourceKind } from "../../../tunnels/model/snapshot.ts";
import type { Entry } from "../entry.ts";
import { readRemote } from "../remote-entry.ts";
import type { ApiKind } from "./api-kinds.ts";
import type { ApiObject } from "./kind-list.ts";

const plurals: Readonly<Record<ResourceKind, string>> = {
  Node: "nodes",
  IPPool: "ippools",
  IPAMBlock: "ipamblocks",
  FelixConfiguration: "felixconfigurations",
};

/** "ippools/green", as kubectl takes it. */
export function keyOf(kind: ResourceKind, name: string): string {
  return `${plurals[kind]}/${name}`;
}

/** Reads an object; never throws for what it holds. */
export function entryOf({ kind }: ApiKind, object: ApiObject): Entry {
  const name = object.metadata?.name ?? "";
  // Items of a list of a core kind do not say what they are.
  const raw = kind === "Node" ? { ...object, apiVersion: "v1", kind } : object;
  return readRemote({ key: keyOf(kind, name), kind, name, raw });
}
