import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { range } from "../../../../src/datastore/etcd/messages.ts";
import { message, repeated, text, whole } from "../../../../src/datastore/etcd/protobuf.ts";
import { RangePage } from "../../../../src/datastore/etcd/range-page.ts";

interface Item {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly value: string;
  readonly lease: number;
}

/** As etcd writes it: also what nobody reads here. */
const answer = message<{ readonly kvs: readonly Item[]; readonly count: number }>({
  kvs: repeated(
    2,
    message<Item>({
      key: text(1),
      createRevision: whole(2),
      modRevision: whole(3),
      value: text(5),
      lease: whole(6),
    }),
  ),
  count: whole(4),
});

const items = fc.array(
  fc.record({
    key: fc.oneof(fc.string(), fc.string({ unit: "grapheme" })),
    createRevision: fc.nat(),
    modRevision: fc.nat(),
    // Some longer than what becomes text in one go.
    value: fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.nat(100_000).map((length) => "x".repeat(length)),
    ),
    lease: fc.nat(),
  }),
  { maxLength: 20 },
);

describe("RangePage", () => {
  test("goes through what the long way reads", () => {
    fc.assert(
      fc.property(items, fc.nat(), (kvs, count) => {
        const bytes = answer.encode({ kvs, count });
        const page = new RangePage(bytes);
        const seen: object[] = [];
        while (page.next()) {
          const { key, value, modRevision, lease } = page;
          seen.push({ key, value, modRevision, lease });
          const { text: letters, from, to } = page.part;
          expect(Buffer.from(letters.slice(from, to), "latin1").toString()).toBe(value);
        }
        expect(seen).toEqual(range.answer.decode(bytes).kvs);
        expect(page.total).toBe(count);
        expect(page.key).toBe(kvs.at(-1)?.key ?? "");
      }),
      { numRuns: 200 },
    );
  });

  test("refuses bytes that are cut off", () => {
    const kv = { key: "a", createRevision: 1, modRevision: 2, value: "{}", lease: 0 };
    const bytes = answer.encode({ kvs: [kv], count: 0 });
    for (let length = 1; length < bytes.length; length++) {
      expect(() => new RangePage(bytes.subarray(0, length)).next(), `${length}`).toThrow(
        RangeError,
      );
    }
  });
});
