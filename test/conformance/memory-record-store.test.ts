/** The store that other tests race on keeps the contract of the real ones. */
import { describe, test } from "vitest";
import { SharedRecords } from "../support/memory-record-store.ts";
import { type RecordStoreDriver, recordStoreCases } from "./record-store.cases.ts";

function driver(): RecordStoreDriver {
  const shared = new SharedRecords();
  const set = async (isDown: boolean): Promise<void> => {
    shared.isDown = isDown;
  };
  return {
    store: shared.open(),
    open: () => shared.open(),
    disappear: () => set(true),
    comeBack: () => set(false),
    async [Symbol.asyncDispose]() {},
  };
}

describe("records in memory", () => {
  test.each(recordStoreCases)("$name", ({ run }) => run(driver()));
});
