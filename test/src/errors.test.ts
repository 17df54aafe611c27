import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CausewayError, errnoOf, reasonOf } from "../../src/errors.ts";

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("it threw nothing");
}

const missing = thrown(() => readFileSync("/nowhere/at/all"));

test("from wraps a foreign error, with what was being done and the error as its cause", () => {
  const error = CausewayError.from(missing, "datastore", "cannot read the store");
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("CausewayError");
  expect(error.code).toBe("datastore");
  expect(error.message).toMatch(/^cannot read the store: ENOENT/);
  expect(error.cause).toBe(missing);
});

test("from keeps an error of ours as it is", () => {
  const error = new CausewayError("kernel", "no vxlan", { hint: "load the module" });
  expect(CausewayError.from(error, "internal", "starting")).toBe(error);
  expect(error.hint).toBe("load the module");
});

test.each([
  [new Error("why"), "why"],
  ["text", "text"],
  [undefined, "undefined"],
  [null, "null"],
  [7, "7"],
])("reasonOf %o is %s", (error, reason) => {
  expect(reasonOf(error)).toBe(reason);
});

test.each([
  [missing, "ENOENT"],
  [{ code: "EAI_AGAIN" }, undefined],
  [{ code: "ERR_INVALID_ARG_TYPE" }, undefined],
  [{ code: 2 }, undefined],
  [new Error("x"), undefined],
  [undefined, undefined],
  [null, undefined],
  ["ENOENT", undefined],
])("errnoOf %o is %s", (error, errno) => {
  expect(errnoOf(error)).toBe(errno);
});
