/** A bearer token in a file that somebody replaces before it expires. */
import { readFile } from "node:fs/promises";

/** How long a token read is good without another look at the file, in milliseconds. */
const FRESH = 10_000;

export class TokenFile {
  readonly #path: string;
  #token: string | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param now look at the file whatever the age of the last look
   * @throws a system error where there was never a token
   */
  async read(now: boolean): Promise<string> {
    const age = performance.now() - this.#readAt;
    if (this.#token !== undefined && age < FRESH && !now) return this.#token;
    try {
      this.#token = (await readFile(this.#path, "utf8")).trim();
      this.#readAt = performance.now();
    } catch (error) {
      // In the moment of its replacement the last one is still good.
      if (this.#token === undefined) throw error;
    }
    return this.#token;
  }
}
