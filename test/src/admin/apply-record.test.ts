import { expect, test } from "vitest";
import { applyRecord, type Outcome } from "../../../src/admin/apply-record.ts";
import type { RecordStore } from "../../../src/datastore/record-store.ts";
import { SharedRecords } from "../../support/memory-record-store.ts";
import { pool } from "../../support/record-lab.ts";

/** The same numbers at every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("applyRecord gets through where others write the same record and answers are lost", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const shared = new SharedRecords();
    const random = numbers(seed);
    const open = (): RecordStore => shared.open({ random, lostAnswers: 0.1, failures: 0 });
    const sizes = [24, 25, 26, 27];
    const outcomes = await Promise.all(
      sizes.map((blockSize) => applyRecord(open(), pool("green", "10.77.0.0/16", { blockSize }))),
    );
    expect(outcomes.every((one: Outcome) => one !== undefined)).toBe(true);
    expect(sizes).toContain(shared.get("IPPool", "green")?.value.spec["blockSize"]);
    expect(shared.all("IPPool")).toHaveLength(1);
  }
});

test("applyRecord keeps labels and annotations that are not given, and takes the spec whole", async () => {
  const shared = new SharedRecords();
  const store = shared.open();
  const metadata = { name: "green", uid: "u-1", labels: { a: "1" }, annotations: { b: "2" } };
  await store.create({ ...pool("green", "10.77.0.0/16", { disabled: true }), metadata });
  const wanted = pool("green", "10.77.0.0/16");
  const annotated = { ...wanted, metadata: { name: "green", annotations: { c: "3" } } };
  expect(await applyRecord(store, annotated, { dryRun: true })).toBe("changed");
  expect(await applyRecord(store, annotated)).toBe("changed");
  expect(await applyRecord(store, annotated)).toBe("unchanged");
  expect(shared.get("IPPool", "green")?.value).toEqual({
    ...wanted,
    metadata: { ...metadata, annotations: { b: "2", c: "3" } },
  });
});
