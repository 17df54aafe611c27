import { expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { CAUSE, Dirty } from "../../../tunnels/reconcile/dirty.ts";

const ROUTE = parseCidr("10.2.0.0/26");
const ROUTE6 = parseCidr("fd02::/122");

function marks(dirty: Dirty): unknown {
  return {
    links: [...dirty.keys("link")],
    routes: [dirty.routes[4], dirty.routes[6]].flatMap((table) =>
      [...table.rows()].map((row) => [`${table.destinationOf(row)}`, table.pathOf(row)]),
    ),
    all: dirty.all,
  };
}

test("mark keeps the strongest cause", () => {
  const dirty = new Dirty();
  for (const cause of [CAUSE.retry, CAUSE.want, CAUSE.drift]) {
    dirty.mark("link", "a", cause);
    dirty.markRoute(ROUTE, cause);
    dirty.markRoute(ROUTE6, cause);
  }
  expect(dirty.causeOf("link", "a")).toBe(CAUSE.want);
  expect(dirty.causeOfRoute(ROUTE)).toBe(CAUSE.want);
  expect(dirty.causeOfRoute(ROUTE6)).toBe(CAUSE.want);
});

test("what nobody marked is dirty for the sake of something else, or of everything", () => {
  const dirty = new Dirty();
  expect(dirty.isEmpty).toBe(true);
  expect([dirty.causeOf("link", "a"), dirty.causeOfRoute(ROUTE)]).toEqual([2, 2]);
  expect(dirty.hasRoute(ROUTE)).toBe(false);
  dirty.markAll(CAUSE.drift);
  dirty.markAll(CAUSE.start);
  dirty.markAll(CAUSE.retry);
  expect([dirty.causeOf("link", "a"), dirty.causeOfRoute(ROUTE)]).toEqual([3, 3]);
  expect(dirty.hasRoute(ROUTE)).toBe(true);
  expect(dirty.isEmpty).toBe(false);
});

test("isEmpty sees every kind of mark", () => {
  const isEmptyWith = (mark: (dirty: Dirty) => void): boolean => {
    const dirty = new Dirty();
    mark(dirty);
    return dirty.isEmpty;
  };
  for (const kind of ["sysctl", "link", "address", "neighbour", "fdb", "nexthop"] as const) {
    expect(isEmptyWith((dirty) => dirty.mark(kind, "a", CAUSE.drift))).toBe(false);
  }
  expect(isEmptyWith((dirty) => dirty.markRoute(ROUTE, CAUSE.drift))).toBe(false);
  expect(isEmptyWith((dirty) => dirty.markRoute(ROUTE6, CAUSE.drift))).toBe(false);
});

test("take hands all marks over and leaves none", () => {
  const dirty = new Dirty();
  dirty.mark("link", "a", CAUSE.drift);
  dirty.markRoute(ROUTE, CAUSE.want);
  dirty.markAll(CAUSE.retry);
  const before = marks(dirty);
  const taken = dirty.take();
  expect(marks(taken)).toEqual(before);
  expect(dirty.isEmpty).toBe(true);
  dirty.mark("link", "b", CAUSE.drift);
  dirty.markRoute(ROUTE6, CAUSE.drift);
  expect(marks(taken)).toEqual(before);
});

test("absorb adds the marks of the other, which has none afterwards", () => {
  const dirty = new Dirty();
  dirty.mark("link", "a", CAUSE.want);
  dirty.markRoute(ROUTE, CAUSE.drift);
  const other = new Dirty();
  other.mark("link", "a", CAUSE.drift);
  other.mark("link", "b", CAUSE.drift);
  other.markRoute(ROUTE, CAUSE.start);
  other.markRoute(ROUTE6, CAUSE.drift);
  dirty.absorb(other);
  expect(other.isEmpty).toBe(true);
  expect(marks(dirty)).toEqual({
    links: [
      ["a", CAUSE.want],
      ["b", CAUSE.drift],
    ],
    routes: [
      ["10.2.0.0/26", CAUSE.start],
      ["fd02::/122", CAUSE.drift],
    ],
    all: undefined,
  });
});

test("count counts the marks that are accepted", () => {
  const dirty = new Dirty();
  dirty.mark("link", "a", CAUSE.want);
  dirty.mark("fdb", "a", CAUSE.want);
  dirty.markRoute(ROUTE, CAUSE.want);
  dirty.markRoute(ROUTE6, CAUSE.want);
  expect(
    dirty.count(
      () => true,
      () => true,
    ),
  ).toBe(4);
  expect(
    dirty.count(
      (kind) => kind === "fdb",
      ({ family }) => family === 6,
    ),
  ).toBe(2);
});
