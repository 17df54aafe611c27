/** A stream of bytes as values: one JSON text a line. */
import { StringDecoder } from "node:string_decoder";

export class JsonLines {
  readonly #decoder = new StringDecoder("utf8");
  /** What is there of the line that has not ended yet. */
  #parts: string[] = [];

  /** @throws SyntaxError for a line that is no JSON */
  *push(chunk: Buffer): Generator<unknown> {
    const lines = this.#decoder.write(chunk).split("\n");
    for (const [at, line] of lines.entries()) {
      this.#parts.push(line);
      if (at === lines.length - 1) break;
      const text = this.#parts.join("");
      this.#parts = [];
      if (text.trim() !== "") yield parseLine(text);
    }
  }

  /** @throws SyntaxError if the stream ended in the middle of a line */
  end(): void {
    if (this.#parts.join("").trim() !== "") throw new SyntaxError("the stream ended within a line");
  }
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError(`not JSON: ${text.slice(0, 60)}`);
  }
}
