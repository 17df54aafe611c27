/**
 * Records in the files of a directory: what people wrote by hand stays as they laid it out, and each
 * new record gets a file of its own. Files are replaced by rename, one for each change, so that who
 * follows the directory never sees half of one. A record's revision is a hash of its text.
 */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CausewayError } from "../../errors.ts";
import type {
  ListOptions,
  RecordKind,
  RecordStore,
  RecordValue,
  StoredRecord,
} from "../record-store.ts";
import { isSameValue } from "../value-difference.ts";
import { changeText } from "./change-text.ts";
import { newYaml } from "./change-yaml.ts";
import type { IndexedFile } from "./claim-index.ts";
import { type LockedDirectory, whileLocked } from "./directory-lock.ts";
import { DirectoryRecords } from "./directory-records.ts";
import { rawOf, recordOfClaim } from "./file-form.ts";
import { newFileName } from "./file-name.ts";
import { placeOf, type RecordClaim } from "./record-claim.ts";
import { replaceFile } from "./replace-file.ts";

export interface FileRecordOptions {
  /** A directory that is not there has no records, and is made with the first. */
  readonly makesDirectory?: boolean;
}

type Named = Pick<RecordValue, "kind" | "metadata">;

export class FileRecordStore implements RecordStore {
  readonly url: string;
  readonly #directory: string;
  readonly #makesDirectory: boolean;
  readonly #records: DirectoryRecords;
  /** The last call that this store has been given. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param directory absolute, or relative to the working directory */
  constructor(directory: string, { makesDirectory = false }: FileRecordOptions = {}) {
    this.url = `file:${directory}`;
    this.#directory = resolve(directory);
    this.#makesDirectory = makesDirectory;
    this.#records = new DirectoryRecords(this.#directory, makesDirectory);
  }

  get(kind: RecordKind, name: string): Promise<StoredRecord | undefined> {
    return this.#inTurn(async () => {
      await this.#records.look();
      const found = this.#find(kind, name);
      if (found === undefined) this.#refuseBroken(kind, name);
      return found && stored(found, kind, name);
    });
  }

  list(kind: RecordKind, options: ListOptions = {}): Promise<readonly StoredRecord[]> {
    return this.#inTurn(async () => {
      const { node, onUnreadable } = options;
      await this.#records.look();
      for (const { place, reason } of this.#records.index.allBroken()) {
        onUnreadable?.(this.#unreadable(`${join(this.#directory, place)}: ${reason}`));
      }
      const found = this.#records.index.names(kind).flatMap((name) => {
        const claim = this.#find(kind, name);
        return claim === undefined ? [] : [stored(claim, kind, name)];
      });
      return found.filter(({ value }) => node === undefined || value.spec["node"] === node);
    });
  }

  create(value: RecordValue): Promise<StoredRecord> {
    const { kind, metadata } = value;
    return this.#writing(async (lock) => {
      const [first] = this.#records.index.find(kind, metadata.name);
      const existing = this.#find(kind, metadata.name);
      if (existing !== undefined)
        throw conflict(value, `there is one already, ${this.#place(existing)}`);
      this.#refuseBroken(kind, metadata.name);
      // A core Node that nobody has registered yet.
      if (first !== undefined) return this.#change(lock, first, value);
      const { files } = this.#records.index;
      const path = newFileName(value, (name) => files.has(name));
      await this.#replace(lock, path, newYaml(value));
      return this.#written(value);
    });
  }

  update(value: RecordValue, revision: string): Promise<StoredRecord> {
    const { kind, metadata } = value;
    return this.#writing(async (lock) => {
      const claim = this.#find(kind, metadata.name);
      if (claim === undefined) throw conflict(value, "it is gone");
      if (revisionOf(claim) !== revision) throw conflict(value, "it has changed since it was read");
      return this.#change(lock, claim, value);
    });
  }

  async delete(kind: RecordKind, name: string, revision: string): Promise<void> {
    const value = { kind, metadata: { name } };
    await this.#writing(async (lock) => {
      const claim = this.#find(kind, name);
      if (claim === undefined) return;
      if (revisionOf(claim) !== revision) throw conflict(value, "it has changed since it was read");
      // The one in force goes last: never does another come into force in its place.
      for (let left = this.#claims(kind, name); left.length > 0; ) {
        await this.#put(lock, left.at(-1) as RecordClaim, undefined);
        left = this.#claims(kind, name);
      }
    });
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    this.#records.close();
  }

  /** The claims that are records. */
  #claims(kind: RecordKind, name: string): RecordClaim[] {
    const claims = this.#records.index.find(kind, name);
    return claims.filter((claim) => recordOfClaim(claim, { kind, name }) !== undefined);
  }

  #find(kind: RecordKind, name: string): RecordClaim | undefined {
    return this.#claims(kind, name)[0];
  }

  /** What cannot be read may be the record that is asked for. */
  #refuseBroken(kind: RecordKind, name: string): void {
    const broken = this.#records.index.broken(name);
    if (broken === undefined) return;
    const where = join(this.#directory, broken.place);
    const what = `${kind} "${name}" may be in ${where}, which cannot be read: ${broken.reason}`;
    throw this.#unreadable(what);
  }

  #unreadable(what: string): CausewayError {
    const hint = `mend it; causeway validate ${this.#directory}`;
    return new CausewayError("bad-resource", what, { hint });
  }

  async #change(
    lock: LockedDirectory,
    claim: RecordClaim,
    value: RecordValue,
  ): Promise<StoredRecord> {
    await this.#put(lock, claim, value);
    return this.#written(value);
  }

  #written({ kind, metadata: { name } }: RecordValue): StoredRecord {
    const claim = this.#find(kind, name);
    if (claim === undefined) {
      const what = `${kind} "${name}" has nothing that a record in ${this.url} could keep`;
      throw new CausewayError("bad-resource", what);
    }
    return stored(claim, kind, name);
  }

  /** @param value undefined: the record is to go */
  async #put(
    lock: LockedDirectory,
    claim: RecordClaim,
    value: RecordValue | undefined,
  ): Promise<void> {
    const file = this.#records.index.files.get(claim.file) as IndexedFile;
    const raw = rawOf(claim, value);
    const text = changeText(file, claim, raw);
    const at = file.claims.indexOf(claim);
    const raws = file.claims.map((one) => one.raw);
    const wanted = raw === undefined ? raws.toSpliced(at, 1) : raws.with(at, raw);
    const next = text === undefined ? [] : await this.#records.parse(claim.file, text);
    if (
      !isSameValue(
        next.map((one) => one.raw),
        wanted,
      )
    ) {
      const what = `${this.#place(claim)} cannot be changed without harm to what is around it`;
      throw new CausewayError("bad-resource", what, { hint: "edit the file itself" });
    }
    await this.#replace(lock, claim.file, text);
  }

  async #replace(lock: LockedDirectory, path: string, text: string | undefined): Promise<void> {
    if (!(await this.#records.isAsRead(path))) {
      const hint = "somebody else was first: read it again";
      const what = `${join(this.#directory, path)} was changed by somebody else just now`;
      throw new CausewayError("conflict", what, { hint });
    }
    await replaceFile(join(this.#directory, path), text);
    this.#records.wrote(lock.countUp());
    await this.#records.read(path);
  }

  async #writing<T>(work: (lock: LockedDirectory) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      if (this.#makesDirectory) await mkdir(this.#directory, { recursive: true });
      return whileLocked(this.#directory, async (lock) => {
        await this.#records.look();
        return work(lock);
      });
    });
  }

  /** Calls of one store wait for each other, rather than for the lock. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #place(claim: RecordClaim): string {
    return join(this.#directory, placeOf(claim));
  }
}

function stored(claim: RecordClaim, kind: RecordKind, name: string): StoredRecord {
  const value = recordOfClaim(claim, { kind, name }) as RecordValue;
  return { value, revision: revisionOf(claim) };
}

function revisionOf({ piece, path }: RecordClaim): string {
  const digest = createHash("sha256").update(piece.text).update(JSON.stringify(path));
  return digest.digest("hex").slice(0, 16);
}

function conflict({ kind, metadata }: Named, reason: string): CausewayError {
  const hint = "somebody else was first: read it again";
  return new CausewayError("conflict", `${kind} "${metadata.name}": ${reason}`, { hint });
}
