/** What the files of a directory say now, read again where they have changed. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CausewayError, errnoOf } from "../../errors.ts";
import { listFiles } from "../file-listing.ts";
import { loadFile, signatureOf } from "../read-file.ts";
import { YamlReader } from "../yaml-reader.ts";
import { ClaimIndex } from "./claim-index.ts";
import { writesSoFar } from "./directory-lock.ts";
import { readClaims } from "./read-claims.ts";
import type { RecordClaim } from "./record-claim.ts";

/** Attempts to read a file that changes while it is read. */
const ATTEMPTS = 5;

export class DirectoryRecords {
  readonly index: ClaimIndex = new ClaimIndex();
  readonly #directory: string;
  readonly #missingIsEmpty: boolean;
  readonly #yaml = new YamlReader();
  #writes: string | undefined;
  /** `performance.now()` until which the last look is good. */
  #goodUntil = 0;

  /** @param missingIsEmpty a directory that is not there yet has no records */
  constructor(directory: string, missingIsEmpty: boolean) {
    this.#directory = directory;
    this.#missingIsEmpty = missingIsEmpty;
  }

  /**
   * Looks at every file; not again within the time that the last look took, unless somebody wrote
   * through a record store since. So many calls one after the other cost twice their own time.
   * @throws CausewayError `datastore`
   */
  async look(): Promise<void> {
    const writes = writesSoFar(this.#directory);
    const start = performance.now();
    if (writes !== undefined && writes === this.#writes && start < this.#goodUntil) return;
    const { failure, files, unreadable } = await listFiles(this.#directory);
    if (failure !== undefined && !(failure === "ENOENT" && this.#missingIsEmpty)) {
      const hint = failure === "ENOENT" ? "mkdir makes it" : "mend its permissions";
      const what = `cannot read the directory ${this.#directory} (${failure})`;
      throw new CausewayError("datastore", what, { hint });
    }
    const [blocked] = unreadable;
    if (blocked !== undefined) throw unreadableFile(join(this.#directory, blocked[0]), blocked[1]);
    for (const path of this.index.files.keys()) {
      if (!files.has(path)) this.index.replace(path, undefined);
    }
    for (const [path, { version, modifiedMs }] of files) {
      // A file written a moment ago can be written again under the same times.
      const isRacy = Date.now() - modifiedMs < 50;
      if (isRacy || this.index.files.get(path)?.version !== version) await this.read(path);
    }
    const end = performance.now();
    this.#writes = writes;
    this.#goodUntil = end + (end - start);
  }

  /** Reads one file; it may be gone. @throws CausewayError `datastore` */
  async read(path: string): Promise<void> {
    const full = join(this.#directory, path);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const loaded = await loadFile(full);
      if (loaded === undefined) continue;
      if (loaded.bytes === undefined) throw unreadableFile(full, loaded.reason);
      const claims = await readClaims(loaded.bytes, path, this.#yaml);
      this.index.replace(path, { ...claims, version: loaded.signature.version });
      return;
    }
    this.index.replace(path, undefined);
  }

  /** What a file of this text would say. */
  async parse(path: string, text: string): Promise<readonly RecordClaim[]> {
    return (await readClaims(Buffer.from(text), path, this.#yaml)).claims;
  }

  /** Whether a file is still the version that was read, or still is not there. */
  async isAsRead(path: string): Promise<boolean> {
    const known = this.index.files.get(path)?.version;
    try {
      const stats = await stat(join(this.#directory, path), { bigint: true });
      return signatureOf(stats).version === known;
    } catch (error) {
      return errnoOf(error) === "ENOENT" && known === undefined;
    }
  }

  /** Told of a write of our own, which it has read. */
  wrote(writes: string): void {
    this.#writes = writes;
  }

  close(): void {
    this.#yaml.close();
  }
}

function unreadableFile(path: string, reason: string): CausewayError {
  const hint = "mend its permissions, or move it away";
  const what = reason.startsWith("cannot") ? reason : `cannot be read (${reason})`;
  return new CausewayError("datastore", `${path} ${what}`, { hint });
}
