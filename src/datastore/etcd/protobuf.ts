/**
 * The part of the protobuf wire format that etcd's messages need: varints and length-delimited
 * fields. A message is a table of fields; what is not in the table is skipped, and a field with its
 * default value is not written, as proto3 has it.
 */

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

export interface Codec<T> {
  encode(value: T): Buffer;
  /** @throws RangeError for bytes that are cut off or no protobuf */
  decode(bytes: Buffer): T;
  /** As `decode`, of what is from the reader's place to `end`. */
  read(reader: Reader, end: number): T;
}

/** One field: its number, its default, and how its value is read and written. */
export interface Field<T> {
  readonly number: number;
  initial(): T;
  /** Reads a value behind the tag; `before` is what the field had so far. */
  read(reader: Reader, before: T): T;
  /** Appends tag and value, or nothing for the default. */
  write(parts: Buffer[], value: T): void;
}

export type Fields<T> = { readonly [Name in keyof T]-?: Field<T[Name]> };

/** Goes through the bytes of a message, field by field. */
export class Reader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** A varint as a signed 64-bit number; exact from -2^53 to 2^53, which no revision reaches. */
  varint(): number {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new RangeError("cut off in a number");
      value += (byte & 0x7f) * scale;
      // Only negative numbers have ten bytes.
      if (byte < 0x80) return count < 9 ? value : negative(this.bytes.subarray(start, this.at));
      scale *= 0x80;
    }
    throw new RangeError("a number has more than ten bytes");
  }

  /** Where the field ends whose length is read here. */
  end(): number {
    const end = this.varint() + this.at;
    if (end > this.bytes.length || end < this.at) throw new RangeError("cut off in a field");
    return end;
  }

  skip(type: number): void {
    if (type === VARINT) this.varint();
    else if (type === DELIMITED) this.at = this.end();
    else if (type === FIXED64) this.at += 8;
    else if (type === FIXED32) this.at += 4;
    else throw new RangeError(`field of unknown type ${type}`);
  }
}

/** A message of these fields. */
export function message<T extends object>(fields: Fields<T>): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Field<unknown>][];
  const byNumber = new Map(entries.map(([name, field]) => [field.number, { name, field }]));
  const read = (reader: Reader, end: number): T => {
    const value = {} as T;
    for (const [name, field] of entries) value[name] = field.initial() as T[keyof T];
    while (reader.at < end) {
      const tag = reader.varint();
      const known = byNumber.get(tag >>> 3);
      if (known === undefined) reader.skip(tag & 7);
      else value[known.name] = known.field.read(reader, value[known.name]) as T[keyof T];
    }
    if (reader.at > end) throw new RangeError("cut off in a field");
    return value;
  };
  return {
    encode(value) {
      const parts: Buffer[] = [];
      for (const [name, field] of entries) field.write(parts, value[name]);
      return Buffer.concat(parts);
    },
    decode: (bytes) => read(new Reader(bytes), bytes.length),
    read,
  };
}

/** int64, int32, uint64 and enums: whole numbers. */
export function whole(number: number): Field<number> {
  return {
    number,
    initial: () => 0,
    read: (reader) => reader.varint(),
    write: (parts, value) => {
      // Nor one that is left out.
      if (value > 0) parts.push(varint(number * 8 + VARINT), varint(value));
    },
  };
}

export function flag(number: number): Field<boolean> {
  return {
    number,
    initial: () => false,
    read: (reader) => reader.varint() !== 0,
    write: (parts, value) => {
      if (value) parts.push(varint(number * 8 + VARINT), varint(1));
    },
  };
}

const noBytes = Buffer.alloc(0);

/** A value that is read is part of the message's buffer, not a copy. */
export function bytes(number: number): Field<Buffer> {
  return {
    number,
    initial: () => noBytes,
    read: (reader) => {
      const end = reader.end();
      const value = reader.bytes.subarray(reader.at, end);
      reader.at = end;
      return value;
    },
    write: (parts, value) => {
      if (value.length > 0) parts.push(...delimited(number, value));
    },
  };
}

export function text(number: number): Field<string> {
  return {
    number,
    initial: () => "",
    read: (reader) => {
      const end = reader.end();
      const value = reader.bytes.toString("utf8", reader.at, end);
      reader.at = end;
      return value;
    },
    write: (parts, value) => {
      if (value !== "") parts.push(...delimited(number, Buffer.from(value, "utf8")));
    },
  };
}

/** A message, or undefined where there is none; also the chosen member of a oneof. */
export function optional<T extends object>(number: number, codec: Codec<T>): Field<T | undefined> {
  return {
    number,
    initial: () => undefined,
    read: (reader) => codec.read(reader, reader.end()),
    write: (parts, value) => {
      if (value !== undefined) parts.push(...delimited(number, codec.encode(value)));
    },
  };
}

export function repeated<T extends object>(number: number, codec: Codec<T>): Field<readonly T[]> {
  return {
    number,
    initial: () => [],
    read: (reader, before) => {
      (before as T[]).push(codec.read(reader, reader.end()));
      return before;
    },
    write: (parts, values) => {
      for (const value of values) parts.push(...delimited(number, codec.encode(value)));
    },
  };
}

function delimited(number: number, value: Buffer): Buffer[] {
  return [varint(number * 8 + DELIMITED), varint(value.length), value];
}

/** A number from 0 to 2^53. */
function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
  return Buffer.from(out);
}

function negative(encoded: Buffer): number {
  let value = 0n;
  for (const byte of encoded.toReversed()) value = value * 128n + BigInt(byte & 0x7f);
  return Number(BigInt.asIntN(64, value));
}
