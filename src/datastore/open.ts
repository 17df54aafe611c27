/** From `--datastore` to the datastore. */
import { CausewayError } from "../errors.ts";
import type { Datastore } from "./datastore.ts";
import { FileDatastore } from "./file.ts";
import type { SnapshotFile } from "./snapshot-file.ts";

export interface OpenOptions {
  /** Where the copy of the last good state is kept; none without. */
  readonly snapshot?: SnapshotFile;
}

/**
 * @param url `file:DIR`; a relative DIR is below the working directory
 * @throws CausewayError `bad-config`
 */
export function openDatastore(url: string, options: OpenOptions = {}): Datastore {
  const [, kind, rest] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (kind !== "file") {
    throw new CausewayError("bad-config", `--datastore "${url}": unknown kind; use file:DIR`);
  }
  const directory = rest?.startsWith("///") ? rest.slice(2) : rest;
  if (directory === undefined || directory === "") {
    throw new CausewayError("bad-config", `--datastore "${url}": no directory; use file:DIR`);
  }
  return new FileDatastore(directory, options);
}
