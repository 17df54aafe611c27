/** Checks resource files without an agent: everything that is wrong, by file and line. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { errnoOf } from "../errors.ts";
import { type Entry, flatEntries, keyOf, noEntries, titleOf } from "./entry.ts";
import { faultsOfEntry } from "./entry-fault.ts";
import { listFiles } from "./file-listing.ts";
import { COMMENTS_ONLY, loadFile, readFile } from "./read-file.ts";
import { YamlReader } from "./yaml-reader.ts";

export interface ValidationReport {
  /** By file, as given on the command line, and line. */
  readonly problems: readonly ResourceFault[];
  /** Files that were read. */
  readonly files: number;
  /** Resources without any problem. */
  readonly fine: number;
}

/** Checks files, and all resource files below directories. */
export async function validatePaths(paths: readonly string[]): Promise<ValidationReport> {
  const problems: ResourceFault[] = [];
  const files = new Set<string>();
  for (const path of paths) await findFiles(path, files, problems);
  const yaml = new YamlReader();
  const places = new Map<string, string>();
  let fine = 0;
  for (const path of [...files].sort()) {
    const loaded = (await loadFile(path)) ?? { reason: "changed while it was read; try again" };
    const reading = await readFile(loaded, path, noEntries, yaml);
    const { fault } = reading;
    if (fault !== undefined && fault.reason !== COMMENTS_ONLY) {
      problems.push(problem(fault.line > 0 ? `${path}:${fault.line}` : path, fault.reason));
    }
    for (const entry of flatEntries(reading.entries)) {
      const found = problemsOf(entry, places);
      problems.push(...found);
      if (found.length === 0 && entry.resource !== undefined) fine++;
    }
  }
  yaml.close();
  problems.sort(byPlace);
  return { problems, files: files.size, fine };
}

/** Adds a file, or all resource files below a directory, to `files`, or what is wrong to `problems`. */
export async function findFiles(
  path: string,
  files: Set<string>,
  problems: ResourceFault[],
): Promise<void> {
  try {
    if (!(await stat(path)).isDirectory()) {
      files.add(path);
      return;
    }
  } catch (error) {
    const isMissing = errnoOf(error) === "ENOENT";
    const reason = isMissing ? "no such file or directory" : `cannot be read (${errnoOf(error)})`;
    problems.push(problem(path, reason));
    return;
  }
  const listing = await listFiles(path);
  for (const file of listing.files.keys()) files.add(join(path, file));
  for (const [below, code] of listing.unreadable) {
    problems.push(problem(join(path, below), `cannot be read (${code})`));
  }
  if (listing.failure !== undefined) {
    problems.push(problem(path, `cannot be read (${listing.failure})`));
  } else if (listing.files.size + listing.unreadable.size === 0) {
    problems.push(problem(path, "no .yaml or .json file in this directory"));
  }
}

function problemsOf(entry: Entry, places: Map<string, string>): ResourceFault[] {
  const found = faultsOfEntry(entry, false);
  const key = keyOf(entry);
  if (key === undefined || (entry.resource === undefined && found.length === 0)) return found;
  const place = `${entry.file}:${entry.line}`;
  const first = places.get(key);
  if (first === undefined) places.set(key, place);
  else found.push({ ...problem(place, `also in ${first}; remove one of them`), ...what(entry) });
  return found;
}

function what(entry: Entry): { what?: string } {
  const title = titleOf(entry);
  return title === undefined ? {} : { what: title };
}

function problem(where: string, reason: string): ResourceFault {
  return { where, reason, severity: "error", keptLastGood: false };
}

/** By file, then by line. */
export function byPlace(a: ResourceFault, b: ResourceFault): number {
  const [fileA, lineA] = placeOf(a);
  const [fileB, lineB] = placeOf(b);
  return fileA < fileB ? -1 : fileA > fileB ? 1 : lineA - lineB;
}

function placeOf({ where }: ResourceFault): [string, number] {
  const [, file = where, line = "0"] = /^(.*):(\d+)$/s.exec(where) ?? [];
  return [file, Number(line)];
}
