import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bytes,
  flag,
  message,
  optional,
  repeated,
  text,
  whole,
} from "../../../../src/datastore/etcd/protobuf.ts";

interface Inner {
  readonly name: string;
}

interface Sample {
  readonly count: number;
  readonly isSet: boolean;
  readonly data: Buffer;
  readonly name: string;
  readonly one: Inner | undefined;
  readonly many: readonly Inner[];
}

const inner = message<Inner>({ name: text(2) });
const sample = message<Sample>({
  count: whole(1),
  isSet: flag(3),
  data: bytes(5),
  name: text(16),
  one: optional(17, inner),
  many: repeated(2047, inner),
});

const empty: Sample = {
  count: 0,
  isSet: false,
  data: Buffer.alloc(0),
  name: "",
  one: undefined,
  many: [],
};

describe("message", () => {
  // The examples of the encoding's own documentation.
  test.each([
    ["a number of two bytes", { count: 150 }, "08 96 01"],
    ["a text", { name: "testing" }, "82 01 07 74 65 73 74 69 6e 67"],
    ["a message", { one: { name: "x" } }, "8a 01 03 12 01 78"],
    ["an empty message", { one: { name: "" } }, "8a 01 00"],
    ["messages", { many: [{ name: "" }, { name: "y" }] }, "fa 7f 00 fa 7f 03 12 01 79"],
    ["a flag", { isSet: true }, "18 01"],
    ["nothing but defaults", {}, ""],
  ])("writes %s and reads it", (_, part, hex) => {
    const value = { ...empty, ...part };
    const encoded = Buffer.from(hex.replaceAll(" ", ""), "hex");
    expect(sample.encode(value)).toEqual(encoded);
    expect(sample.decode(encoded)).toEqual(value);
  });

  test("reads what it wrote", () => {
    const name = fc.string({ unit: "binary" });
    const inners = fc.record({ name });
    const samples = fc.record({
      count: fc.maxSafeNat(),
      isSet: fc.boolean(),
      data: fc.uint8Array().map((array) => Buffer.from(array)),
      name,
      one: fc.option(inners, { nil: undefined }),
      many: fc.array(inners),
    });
    fc.assert(
      fc.property(samples, (value) => {
        expect(sample.decode(sample.encode(value))).toEqual(value);
      }),
    );
  });

  test("reads negative numbers", () => {
    const bytesOf = (hex: string) => Buffer.from(`08${hex}`, "hex");
    expect(sample.decode(bytesOf("ffffffffffffffffff01")).count).toBe(-1);
    expect(sample.decode(bytesOf("80808080808080808001")).count).toBe(-(2 ** 63));
  });

  test("passes over fields that it does not know, of every type", () => {
    const unknown = "20 01 31 0102030405060708 3a 02 aabb 45 01020304".replaceAll(" ", "");
    expect(sample.decode(Buffer.from(`${unknown}0805${unknown}`, "hex"))).toEqual({
      ...empty,
      count: 5,
    });
  });

  test.each([
    "08",
    "0880",
    "820107",
    "82010774",
    "8a0103",
    "31",
    "4501",
    "0b",
    "08ffffffffffffffffffffff01",
  ])("refuses bytes that are cut off or none of its own: %s", (hex) => {
    expect(() => sample.decode(Buffer.from(hex, "hex"))).toThrow(RangeError);
  });
});
