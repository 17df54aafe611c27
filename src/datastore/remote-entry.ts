/** A record of a remote store (etcd, the Kubernetes API) as an entry: a resource, or why not. */
import type { Resource, ResourceKind } from "../../tunnels/model/snapshot.ts";
import { type Entry, type EntryProblem, entryOf, noEntries, noEntryProblems } from "./entry.ts";
import { readRecord } from "./record.ts";
import { type FieldProblem, formatFieldPath } from "./record-problem.ts";

/** A record and what its key says of it. */
export interface RemoteRecord {
  /** Where it stands, as faults name it: an etcd key, a path of the Kubernetes API. */
  readonly key: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** Parsed JSON in the form of Calico's resources. */
  readonly raw: unknown;
  /** The store has the `spec` alone; faults name its fields without that word. */
  readonly isBare?: boolean;
}

/** Reads a record. Never throws for what it holds. */
export function readRemote({ key, kind, name, raw, isBare }: RemoteRecord): Entry {
  const reading = readRecord(raw);
  let { resource } = reading;
  let problems = noEntryProblems;
  if (reading.problems.length > 0) {
    problems = reading.problems.map((problem) => entryProblem(problem, isBare === true));
  }
  // What follows would look for it under the name that the key has.
  if (reading.kind !== undefined && reading.kind !== kind) {
    problems = [...problems, mismatch("kind", reading.kind, kind)];
    resource = undefined;
  } else if (reading.name !== undefined && reading.name !== name) {
    problems = [...problems, mismatch("metadata.name", reading.name, name)];
    resource = undefined;
  }
  return entryAt(key, kind, name, resource, problems);
}

/** A record of which not even the form could be read. */
export function unreadableRemote(record: Omit<RemoteRecord, "raw">, reason: string): Entry {
  const problem: EntryProblem = { severity: "error", lineOffset: 0, reason };
  return entryAt(record.key, record.kind, record.name, undefined, [problem]);
}

/** A resource that needs no reading any more: from the snapshot on disk, or of a known form. */
export function knownRemote(key: string, resource: Resource): Entry {
  return entryOf(resource, key, { a: 0, b: 0 }, 0);
}

function entryAt(
  key: string,
  kind: ResourceKind,
  name: string,
  resource: Resource | undefined,
  problems: readonly EntryProblem[],
): Entry {
  return {
    kind,
    name,
    resource,
    problems,
    file: key,
    hashA: 0,
    hashB: 0,
    line: 0,
    at: 0,
    also: noEntries,
  };
}

export function entryProblem(problem: FieldProblem, isBare: boolean): EntryProblem {
  const { path, value, reason, severity } = problem;
  const field = formatFieldPath(isBare && path[0] === "spec" ? path.slice(1) : path);
  return {
    severity,
    lineOffset: 0,
    ...(field === "" ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    reason,
  };
}

function mismatch(field: string, found: string, wanted: string): EntryProblem {
  return {
    severity: "error",
    lineOffset: 0,
    field,
    value: JSON.stringify(found),
    reason: `the key says ${wanted}`,
  };
}
