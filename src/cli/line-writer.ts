/** Many lines to a stream, a few at a time, no faster than it takes them. */
import { once } from "node:events";
import type { Writable } from "node:stream";

/** Characters that are gathered before they are written. */
const GATHERED = 32_768;

export class LineWriter {
  readonly #stream: Writable;
  #text = "";
  #isIdle = true;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** What it returns is to be waited for before the next line. */
  write(line: string): Promise<void> | undefined {
    this.#text += `${line}\n`;
    if (this.#text.length >= GATHERED) return this.flush();
    // Lines that come slowly, from a pipe, are shown as they come.
    if (this.#isIdle) {
      this.#isIdle = false;
      setImmediate(() => {
        this.#isIdle = true;
        this.#put();
      });
    }
    return undefined;
  }

  async flush(): Promise<void> {
    if (!this.#put()) await once(this.#stream, "drain");
  }

  /** False if the stream has enough for now. */
  #put(): boolean {
    const text = this.#text;
    this.#text = "";
    return text === "" || this.#stream.write(text);
  }
}
