/** The records of a directory's files by kind and name; of several claims the first one counts. */
import type { RecordKind } from "../record-store.ts";
import { keyOfClaim } from "./file-form.ts";
import type { FileClaims } from "./read-claims.ts";
import type { BrokenText, RecordClaim } from "./record-claim.ts";

export interface IndexedFile extends FileClaims {
  /** Which version of the file it is. */
  readonly version: string;
}

export interface PlacedText extends BrokenText {
  readonly place: string;
}

export class ClaimIndex {
  readonly files: Map<string, IndexedFile> = new Map();
  readonly #byKind = new Map<RecordKind, Map<string, RecordClaim[]>>();

  /** Takes a file's new content in; undefined where it is gone. */
  replace(path: string, file: IndexedFile | undefined): void {
    for (const claim of this.files.get(path)?.claims ?? []) this.#remove(claim);
    if (file === undefined) this.files.delete(path);
    else this.files.set(path, file);
    for (const claim of file?.claims ?? []) this.#add(claim);
  }

  /** All claims on a name: the one in force first, as the agent sees it. */
  find(kind: RecordKind, name: string): readonly RecordClaim[] {
    return this.#byKind.get(kind)?.get(name) ?? [];
  }

  names(kind: RecordKind): string[] {
    return [...(this.#byKind.get(kind)?.keys() ?? [])].sort();
  }

  /** Text that cannot be read and may mean this name. */
  broken(name: string): PlacedText | undefined {
    return this.allBroken().find(({ text }) => text.includes(name));
  }

  /** All text that cannot be read. */
  allBroken(): PlacedText[] {
    return [...this.files].flatMap(([path, { broken }]) =>
      broken.map((one) => ({ ...one, place: `${path}:${one.line}` })),
    );
  }

  #add(claim: RecordClaim): void {
    const key = keyOfClaim(claim);
    if (key === undefined) return;
    const { kind, name } = key;
    const names = this.#byKind.get(kind) ?? new Map<string, RecordClaim[]>();
    this.#byKind.set(kind, names);
    const claims = [...(names.get(name) ?? []), claim];
    names.set(name, claims.sort(byPlace));
  }

  #remove(claim: RecordClaim): void {
    const key = keyOfClaim(claim);
    const names = key && this.#byKind.get(key.kind);
    if (key === undefined || names === undefined) return;
    const left = (names.get(key.name) ?? []).filter((one) => one !== claim);
    if (left.length === 0) names.delete(key.name);
    else names.set(key.name, left);
  }
}

function byPlace(a: RecordClaim, b: RecordClaim): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.piece.start - b.piece.start || comparePaths(a, b);
}

function comparePaths({ path: a }: RecordClaim, { path: b }: RecordClaim): number {
  const at = a.findIndex((step, index) => step !== b[index]);
  return at < 0 ? 0 : Number(a[at]) - Number(b[at]);
}
