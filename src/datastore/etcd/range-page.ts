/**
 * A page of a list in the bytes that came. Its keys and values are gone through one by one where they
 * stand: of most of them a look is all that is needed, and to make objects of a hundred thousand
 * takes longer than to receive them.
 */
import { type Call, type KeyValue, type RangeRequest, range } from "./messages.ts";
import { Reader } from "./protobuf.ts";

/** Fields of a RangeResponse and of a KeyValue (etcd api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto). */
const KVS = 2;
const COUNT = 4;
const KEY = 1;
const MOD_REVISION = 3;
const VALUE = 5;
const LEASE = 6;

/** Bytes that become text in one go, about: small enough to be gone with the next young garbage. */
const STRETCH = 64 << 10;

/** A part of a text, from `from` to before `to`. */
export interface TextPart {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** Itself the key and value that was gone to with `next`. */
export class RangePage implements KeyValue {
  readonly bytes: Buffer;
  /** Keys of the whole range, also those that are not in this page; known behind the last key. */
  total = 0;
  modRevision = 0;
  lease = 0;
  #keyFrom = 0;
  #keyTo = 0;
  #from = 0;
  #to = 0;
  #stretch = "";
  #stretchFrom = 0;
  readonly #reader: Reader;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#reader = new Reader(bytes);
  }

  /**
   * Goes to the next key; false behind the last, where it stays.
   * @throws RangeError for bytes that are cut off or no protobuf
   */
  next(): boolean {
    const reader = this.#reader;
    while (reader.at < this.bytes.length) {
      const tag = reader.varint();
      const field = tag >>> 3;
      if (field === KVS) {
        this.#read(reader.end());
        return true;
      }
      if (field === COUNT) this.total = reader.varint();
      else reader.skip(tag & 7);
    }
    return false;
  }

  get key(): string {
    return this.bytes.toString("utf8", this.#keyFrom, this.#keyTo);
  }

  get value(): string {
    return this.bytes.toString("utf8", this.#from, this.#to);
  }

  /** The value in a text that has a letter for each byte: what is ASCII of it is right. */
  get part(): TextPart {
    if (this.#to > this.#stretchFrom + this.#stretch.length) {
      const end = Math.max(this.#to, this.#from + STRETCH);
      this.#stretch = this.bytes.toString("latin1", this.#from, end);
      this.#stretchFrom = this.#from;
    }
    const from = this.#from - this.#stretchFrom;
    return { text: this.#stretch, from, to: from + this.#to - this.#from };
  }

  #read(end: number): void {
    const reader = this.#reader;
    this.modRevision = 0;
    this.lease = 0;
    this.#keyFrom = end;
    this.#keyTo = end;
    this.#from = end;
    this.#to = end;
    while (reader.at < end) {
      const tag = reader.varint();
      switch (tag >>> 3) {
        case KEY:
          this.#keyTo = reader.end();
          this.#keyFrom = reader.at;
          reader.at = this.#keyTo;
          break;
        case MOD_REVISION:
          this.modRevision = reader.varint();
          break;
        case VALUE:
          this.#to = reader.end();
          this.#from = reader.at;
          reader.at = this.#to;
          break;
        case LEASE:
          this.lease = reader.varint();
          break;
        default:
          reader.skip(tag & 7);
      }
    }
    if (reader.at > end) throw new RangeError("cut off in a field");
  }
}

/** A range, as a page. */
export const rangePage: Call<RangeRequest, RangePage> = {
  ...range,
  answer: { decode: (bytes) => new RangePage(bytes) },
};
