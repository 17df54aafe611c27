/** Keeps the conflist where runtimes and `causeway pod` look for it. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CausewayError, reasonOf } from "../errors.ts";
import { CONFLIST_NAME, type Conflist } from "./conflist.ts";

export class ConflistFile {
  readonly #directories: readonly string[];
  #written = "";

  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /**
   * Writes the conflist where it is not so already. A runtime that reads meanwhile finds the old one
   * or the new one, never a part. True if anything was written.
   * @throws CausewayError `bad-config` where a directory cannot be written
   */
  keep(conflist: Conflist): boolean {
    const text = `${JSON.stringify(conflist, undefined, 2)}\n`;
    if (text === this.#written) return false;
    let isChanged = false;
    for (const directory of this.#directories) isChanged = write(directory, text) || isChanged;
    this.#written = text;
    return isChanged;
  }
}

function write(directory: string, text: string): boolean {
  const path = join(directory, CONFLIST_NAME);
  if (textOf(path) === text) return false;
  try {
    mkdirSync(directory, { recursive: true });
    // Runtimes take names that end in .conf, .conflist or .json.
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return true;
  } catch (error) {
    const what = `cannot write ${path}: ${reasonOf(error)}`;
    const hint = "let the agent write there, or leave --cni-dir out";
    throw new CausewayError("bad-config", what, { cause: error, hint });
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
