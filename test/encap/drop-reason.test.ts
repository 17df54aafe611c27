import { expect, test } from "vitest";
import {
  countDrop,
  DROP_REASONS,
  DropReason,
  dropReasonName,
  dropReasonText,
} from "../../encap/drop-reason.ts";

test("every slot of the counters has one reason, with a name and a text of its own", () => {
  const reasons = Object.values(DropReason);
  expect(reasons).toEqual([...Array(DROP_REASONS).keys()]);
  expect(new Set(reasons.map(dropReasonName)).size).toBe(DROP_REASONS);
  expect(new Set(reasons.map(dropReasonText)).size).toBe(DROP_REASONS);
  for (const reason of reasons) expect(dropReasonName(reason)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
});

test("dropReasonName divides words by hyphens", () => {
  expect(dropReasonName(DropReason.VxlanReservedBits)).toBe("vxlan-reserved-bits");
});

test("countDrop counts in shared memory", () => {
  const counters = new Float64Array(new SharedArrayBuffer(DROP_REASONS * 8));
  countDrop(counters, DropReason.WrongVni);
  countDrop(counters, DropReason.WrongVni, 44);
  expect(counters[DropReason.WrongVni]).toBe(45);
  expect(counters.reduce((all, one) => all + one)).toBe(45);
});
