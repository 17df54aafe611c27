/** Route operations: the columns of desired and actual state compared, in the cheapest order. */
import type { Family } from "../../encap/address/ip-address.ts";
import type { RouteOp } from "../kernel/kernel-op.ts";
import type { RouteTable } from "../kernel/route-table.ts";
import type { PlanInput } from "./plan-input.ts";
import { spreadOrder } from "./spread-order.ts";

const NONE = -1;

export function* planRoutes(
  family: Family,
  removes: boolean,
  input: PlanInput,
): Generator<RouteOp> {
  if (removes) yield* planRemovals(family, input);
  else yield* planAdditions(family, input);
}

function* planAdditions(family: Family, input: PlanInput): Generator<RouteOp> {
  const desired = input.desired.routes[family];
  const actual = input.actual.routes[family];
  const isUsable = usablePaths(input);
  const missing: number[] = [];
  const different: number[] = [];
  let expected = 0;
  for (const row of candidates(desired, family, input)) {
    const [w0, w1, w2, w3] = wordsOf(desired, row);
    const length = desired.lengthOf(row);
    const at = actual.find(w0, w1, w2, w3, length, expected);
    if (at >= 0) expected = at + 1;
    const want = desired.pathOf(row);
    const have = actual.pathOf(at);
    if (have === want) continue;
    if (!isUsable(want)) {
      const destination = desired.destinationOf(row);
      input.waiting.markRoute(destination, input.dirty.causeOfRoute(destination));
    } else if (have !== NONE) different.push(row);
    else missing.push(row);
  }
  const foreign = input.foreign[family];
  for (const row of addOrder(family, missing, desired, input)) {
    const object = routeOf(desired, row, input);
    if (foreign.get(object.destination) === NONE) {
      yield { kind: "route", verb: "add", object, reason: "missing" };
    } else if (input.takeOver) {
      yield { kind: "route", verb: "replace", object, reason: "foreign" };
    }
  }
  // Replacing resizes nothing: address order, in which the kernel's caches help.
  for (const row of different) {
    yield {
      kind: "route",
      verb: "replace",
      object: routeOf(desired, row, input),
      reason: "different",
    };
  }
}

function* planRemovals(family: Family, input: PlanInput): Generator<RouteOp> {
  const desired = input.desired.routes[family];
  const actual = input.actual.routes[family];
  const extra: number[] = [];
  for (const row of candidates(actual, family, input)) {
    const [w0, w1, w2, w3] = wordsOf(actual, row);
    if (desired.find(w0, w1, w2, w3, actual.lengthOf(row)) < 0) extra.push(row);
  }
  for (const row of inKernelOrder(family, extra)) {
    yield {
      kind: "route",
      verb: "delete",
      object: routeOf(actual, row, input),
      reason: "unwanted",
    };
  }
  // A foreign route beside ours, at the same destination and metric: which of the two the kernel
  // takes depends on which came first, so ours alone has to stay.
  const foreign = input.foreign[family];
  if (!input.takeOver || foreign.size === 0) return;
  for (const row of foreign.rows()) {
    const destination = foreign.destinationOf(row);
    if (desired.get(destination) !== NONE && actual.get(destination) !== NONE) {
      yield {
        kind: "route",
        verb: "delete",
        object: routeOf(foreign, row, input),
        reason: "foreign",
      };
    }
  }
}

/** Rows of `table` that are dirty: all, or those of the dirty destinations that are in it. */
function* candidates(table: RouteTable, family: Family, input: PlanInput): Generator<number> {
  if (input.dirty.all !== undefined) {
    yield* table.rows();
    return;
  }
  const marks = input.dirty.routes[family];
  for (const mark of marks.rows()) {
    const [w0, w1, w2, w3] = wordsOf(marks, mark);
    const row = table.find(w0, w1, w2, w3, marks.lengthOf(mark));
    if (row >= 0) yield row;
  }
}

/** Without nexthop objects the kernel looks for an equal gateway in a list: adding is grouped by it. */
function addOrder(
  family: Family,
  rows: number[],
  table: RouteTable,
  { paths }: PlanInput,
): Iterable<number> {
  const first = rows[0];
  if (first === undefined) return rows;
  const plainGateways = rows.some((row) => paths.get(table.pathOf(row)).gateway !== undefined);
  if (!plainGateways) return inKernelOrder(family, rows);
  return rows.sort((a, b) => table.pathOf(a) - table.pathOf(b) || a - b);
}

/** IPv4: spread over the address space. IPv6, whose tree is of another kind: ascending. */
function* inKernelOrder(family: Family, rows: readonly number[]): Generator<number> {
  if (family === 6) yield* rows;
  else for (const at of spreadOrder(rows.length)) yield rows[at] as number;
}

function wordsOf(table: RouteTable, row: number): [number, number, number, number] {
  return [table.wordOf(row, 0), table.wordOf(row, 1), table.wordOf(row, 2), table.wordOf(row, 3)];
}

function routeOf(table: RouteTable, row: number, { paths }: PlanInput): RouteOp["object"] {
  return { destination: table.destinationOf(row), path: paths.get(table.pathOf(row)) };
}

/** Tells whether the nexthop or device of a path is there, asking once for each path. */
function usablePaths({ paths, actual }: PlanInput): (path: number) => boolean {
  const known = new Map<number, boolean>();
  return (id) => {
    let usable = known.get(id);
    if (usable === undefined) {
      const path = paths.get(id);
      const nexthop =
        path.nexthopId === undefined ? undefined : actual.nexthops.get(path.nexthopId);
      usable =
        path.nexthopId !== undefined
          ? nexthop !== undefined && actual.links.get(nexthop.device)?.up === true
          : path.device === undefined || actual.links.get(path.device)?.up === true;
      known.set(id, usable);
    }
    return usable;
  };
}
