/**
 * Finds the documents of a JSON text, and the items of those that are lists, in one pass over the
 * bytes and without parsing: documents may follow one another (newline-delimited or not). Only the
 * nesting is checked here; JSON.parse sees each piece that has changed.
 */
import { hashBytes, PieceTable, type PlaceFault, type SplitFile } from "./piece-table.ts";
import { isListKind, itemType, type RecordType } from "./record.ts";

/** Bytes between two `yield`s: a millisecond or two. */
const STEP = 1 << 19;
const MAX_DEPTH = 500;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export function* splitJson(bytes: Buffer): Generator<void, SplitFile> {
  const scan = new JsonScan(bytes);
  while (scan.step()) yield;
  return scan.result();
}

class JsonScan {
  readonly #bytes: Buffer;
  readonly #pieces = new PieceTable();
  readonly #lists: (RecordType | undefined)[] = [];
  #documents = 0;
  #fault: PlaceFault | undefined;
  #isCutShort = false;

  #at: number;
  #line = 1;
  #depth = 0;
  readonly #openers = new Uint8Array(MAX_DEPTH + 1);
  readonly #openLines = new Int32Array(MAX_DEPTH + 1);
  #documentStart = 0;
  #documentLine = 1;
  /** Depth at which the items of the present list stand, or 0. */
  #itemDepth = 0;
  #itemStart = -1;
  #itemEnd = 0;
  #itemLine = 1;
  #firstItem = 0;
  #itemsOpen = -1;
  #itemsClose = -1;
  #isAfterComma = false;
  /** The last string at depth 1, and whether the value after its colon is meant next. */
  #keyStart = 0;
  #isItemsKey = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    // A byte order mark is no part of the text.
    this.#at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  }

  result(): SplitFile {
    return {
      format: "json",
      bytes: this.#bytes,
      pieces: this.#pieces,
      lists: this.#lists,
      documents: this.#documents,
      fault: this.#fault,
      isCutShort: this.#isCutShort,
    };
  }

  /** Goes on for some bytes. False at the end, or at a fault. */
  step(): boolean {
    const bytes = this.#bytes;
    const end = Math.min(bytes.length, this.#at + STEP);
    let at = this.#at;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte <= 0x20) {
        if (byte === 0x0a) this.#line++;
        else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) {
          return this.#fail(`found ${show(byte)}`);
        }
        at++;
        continue;
      }
      const isBetween = this.#depth === this.#itemDepth && this.#itemStart < 0;
      if (isBetween && byte !== COMMA && byte !== CLOSE_BRACKET) {
        if (this.#depth === 0) {
          if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) {
            return this.#fail(`expected { or [, found ${show(byte)}`);
          }
          this.#documentStart = at;
          this.#documentLine = this.#line;
        } else {
          this.#itemStart = at;
          this.#itemLine = this.#line;
        }
      }
      at++;
      if (byte === QUOTE) {
        if (this.#depth === 1) this.#keyStart = at;
        let char = 0;
        while (at < bytes.length) {
          char = bytes[at++] as number;
          if (char === QUOTE || char === 0x0a) break;
          if (char === BACKSLASH && at < bytes.length) {
            at++;
            char = 0;
          }
        }
        if (char === 0x0a) return this.#fail("a string is not closed on its line");
        if (char !== QUOTE) break;
        this.#itemEnd = at;
        continue;
      }
      // The rest of the state changes at punctuation only.
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (!this.#open(byte, at)) return false;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (!this.#close(byte, at)) return false;
      } else if (byte === COMMA) {
        if (!this.#comma()) return false;
      } else {
        if (byte === COLON && this.#depth === 1) {
          this.#isItemsKey =
            this.#itemEnd - this.#keyStart === 6 &&
            bytes.toString("latin1", this.#keyStart, this.#itemEnd) === 'items"';
        }
        this.#itemEnd = at;
      }
    }
    this.#at = at;
    return at < bytes.length ? true : this.#finish();
  }

  #open(byte: number, at: number): boolean {
    if (this.#depth === MAX_DEPTH) return this.#fail(`nested deeper than ${MAX_DEPTH}`);
    const isList =
      byte === OPEN_BRACKET &&
      this.#itemDepth === 0 &&
      (this.#depth === 0 || (this.#depth === 1 && this.#isItemsKey));
    this.#depth++;
    this.#openers[this.#depth] = byte;
    this.#openLines[this.#depth] = this.#line;
    if (this.#depth === 1) {
      this.#firstItem = this.#pieces.count;
      this.#itemsOpen = -1;
      this.#isItemsKey = false;
    }
    if (isList) {
      this.#itemDepth = this.#depth;
      this.#itemStart = -1;
      this.#itemsOpen = at;
      this.#isAfterComma = false;
    }
    return true;
  }

  #close(byte: number, at: number): boolean {
    const depth = this.#depth;
    if (depth === 0) return this.#fail(`expected { or [, found ${show(byte)}`);
    const opener = this.#openers[depth] as number;
    // In ASCII each closing bracket is its opening one plus two.
    if (byte !== opener + 2) {
      const line = this.#openLines[depth];
      return this.#fail(`${show(byte)} closes the ${show(opener)} of line ${line}`);
    }
    if (this.#itemDepth > 0 && depth === this.#itemDepth) {
      if (this.#itemStart >= 0) this.#endItem();
      else if (this.#isAfterComma) return this.#fail("a comma without an item after it");
      this.#itemsClose = at - 1;
      this.#itemDepth = 0;
    }
    this.#depth--;
    this.#itemEnd = at;
    return this.#depth > 0 || this.#endDocument(at);
  }

  #comma(): boolean {
    if (this.#depth === 0) return this.#fail("expected { or [, found ,");
    if (this.#itemDepth > 0 && this.#depth === this.#itemDepth) {
      if (this.#itemStart < 0) return this.#fail("a comma without an item before it");
      this.#endItem();
      this.#isAfterComma = true;
    } else if (this.#depth === 1) {
      this.#isItemsKey = false;
    }
    return true;
  }

  #endItem(): void {
    const hash = hashBytes(this.#bytes, this.#itemStart, this.#itemEnd);
    const list = this.#lists.length;
    this.#pieces.push(this.#itemStart, this.#itemEnd, this.#itemLine, hash, list);
    this.#itemStart = -1;
    this.#isAfterComma = false;
  }

  #endDocument(at: number): boolean {
    this.#documents++;
    if (this.#itemsOpen < 0) {
      const hash = hashBytes(this.#bytes, this.#documentStart, at);
      this.#pieces.push(this.#documentStart, at, this.#documentLine, hash, -1);
      return true;
    }
    if (this.#bytes[this.#documentStart] === OPEN_BRACKET) {
      this.#lists.push(undefined);
      return true;
    }
    const head = this.#bytes.toString("utf8", this.#documentStart, this.#itemsOpen);
    const tail = this.#bytes.toString("utf8", this.#itemsClose, at);
    let envelope: RecordType;
    try {
      envelope = JSON.parse(head + tail);
    } catch {
      this.#line = this.#documentLine;
      return this.#fail("not JSON outside of the items of this list");
    }
    if (isListKind(envelope.kind)) {
      const type = itemType(envelope);
      if (type !== undefined)
        this.#pieces.mixIn(this.#firstItem, `${type.apiVersion} ${type.kind}`);
      this.#lists.push({ apiVersion: envelope.apiVersion, kind: envelope.kind });
    } else {
      const whole = hashBytes(this.#bytes, this.#documentStart, at);
      this.#pieces.truncate(this.#firstItem);
      this.#pieces.push(this.#documentStart, at, this.#documentLine, whole, -1);
    }
    return true;
  }

  #finish(): boolean {
    if (this.#depth === 0) return false;
    const depth = this.#depth;
    const opener = show(this.#openers[depth] as number);
    this.#isCutShort = true;
    return this.#fail(`the file ends inside the ${opener} of line ${this.#openLines[depth]}`);
  }

  #fail(reason: string): false {
    this.#fault = { line: this.#line, reason };
    return false;
  }
}

function show(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `byte 0x${byte.toString(16)}`;
}
