/** Files of records to be written -> records, each with its place and what is wrong with it. */
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { keyOfClaim, recordOfClaim } from "../datastore/file-records/file-form.ts";
import { type FileClaims, readClaims } from "../datastore/file-records/read-claims.ts";
import { placeOf, type RecordClaim } from "../datastore/file-records/record-claim.ts";
import { COMMENTS_ONLY, loadFile } from "../datastore/read-file.ts";
import { type FieldProblem, formatFieldPath } from "../datastore/record-problem.ts";
import type { RecordValue } from "../datastore/record-store.ts";
import { findFiles } from "../datastore/validate.ts";
import { lineOfField } from "../datastore/yaml-piece.ts";
import { YamlReader } from "../datastore/yaml-reader.ts";
import { checkRecord } from "./check-record.ts";
import { titleOf } from "./record-kinds.ts";

/** A record as somebody wants it. */
export interface Manifest {
  /** "pools.yaml:7". */
  readonly where: string;
  readonly value: RecordValue;
  /** Of use all the same. */
  readonly warnings: readonly ResourceFault[];
}

export interface ManifestReading {
  readonly manifests: readonly Manifest[];
  /** Why others are not among them. */
  readonly faults: readonly ResourceFault[];
}

/** Reads files, and all resource files below directories. */
export async function readManifests(paths: readonly string[]): Promise<ManifestReading> {
  const faults: ResourceFault[] = [];
  const files = new Set<string>();
  for (const path of paths) await findFiles(path, files, faults);
  const reader = new ManifestReader(faults);
  try {
    for (const path of [...files].sort()) {
      const loaded = await loadFile(path);
      if (loaded?.bytes !== undefined) await reader.read(loaded.bytes, path);
      else faults.push(faultAt(path, loaded?.reason ?? "changed while it was read; try again"));
    }
  } finally {
    reader.close();
  }
  return reader;
}

/** @param name how places call the text */
export async function readManifestText(text: string, name: string): Promise<ManifestReading> {
  const reader = new ManifestReader([]);
  try {
    await reader.read(Buffer.from(text), name);
  } finally {
    reader.close();
  }
  return reader;
}

class ManifestReader implements ManifestReading {
  readonly manifests: Manifest[] = [];
  readonly faults: ResourceFault[];
  readonly #yaml = new YamlReader();
  readonly #places = new Map<string, string>();

  constructor(faults: ResourceFault[]) {
    this.faults = faults;
  }

  close(): void {
    this.#yaml.close();
  }

  async read(bytes: Buffer, file: string): Promise<void> {
    const { claims, broken }: FileClaims = await readClaims(bytes, file, this.#yaml);
    for (const { line, reason } of broken) {
      if (reason !== COMMENTS_ONLY) this.faults.push(faultAt(`${file}:${line}`, reason));
    }
    for (const claim of claims) this.#take(claim);
  }

  #take(claim: RecordClaim): void {
    const key = keyOfClaim(claim);
    const title = key && titleOf(key.kind, key.name);
    const found = checkRecord(claim, key?.kind).map((one) => faultOf(claim, one, title));
    const isWrong = found.some(({ severity }) => severity === "error");
    if (key === undefined || title === undefined || isWrong) {
      this.faults.push(...found);
      return;
    }
    const where = placeOf(claim);
    const value = recordOfClaim(claim, key);
    const first = this.#places.get(title);
    if (value === undefined) {
      const reason = "a core Node without Calico's annotations has nothing to write; passed over";
      this.faults.push({ ...faultAt(where, reason), what: title, severity: "warning" });
    } else if (first !== undefined) {
      this.faults.push({ ...faultAt(where, `also in ${first}; remove one of them`), what: title });
    } else {
      this.#places.set(title, where);
      this.manifests.push({ where, value, warnings: found });
    }
  }
}

function faultOf(
  { file, piece, path }: RecordClaim,
  problem: FieldProblem,
  title: string | undefined,
): ResourceFault {
  const { severity, reason, value } = problem;
  const line = piece.line + lineOfField(piece.text, [...path, ...problem.path]);
  const field = formatFieldPath(problem.path);
  return {
    where: `${file}:${line}`,
    ...(title === undefined ? {} : { what: title }),
    ...(field === "" ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    reason,
    severity,
    keptLastGood: false,
  };
}

function faultAt(where: string, reason: string): ResourceFault {
  return { where, reason, severity: "error", keptLastGood: false };
}
