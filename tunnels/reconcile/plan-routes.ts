/** Route operations: the columns of desired and actual state compared, in the cheapest order. */
import type { Family } from "../../encap/address/ip-address.ts";
import type { OpReason, RouteOp } from "../kernel/kernel-op.ts";
import { ROUTE_PROTOCOL } from "../kernel/kernel-state.ts";
import { isOurNexthop } from "../kernel/ownership.ts";
import { RouteBatch } from "../kernel/route-batch.ts";
import type { RouteTable } from "../kernel/route-table.ts";
import { CAUSE } from "./dirty.ts";
import type { PlanInput } from "./plan-input.ts";
import { spreadOrder } from "./spread-order.ts";

const NONE = -1;

/** Small enough for the event loop to get its turns between two, large enough to cost nothing. */
const BATCH = 8_192;

/** Rows of the desired routes that are not in the kernel as they should be. */
export interface RouteDifferences {
  /** In the order in which they are added. */
  readonly missing: readonly number[];
  readonly different: readonly number[];
  /** Held by another program's route. */
  readonly taken: readonly number[];
  /** Whether there may be routes in the kernel that are not desired. */
  readonly hasExtra: boolean;
}

/**
 * Compares what is dirty. On its own, because it may be done before the first write: then the kernel
 * never waits for it, and is on the way from the old state to the new one for a shorter time.
 */
export function compareRoutes(family: Family, input: PlanInput): RouteDifferences {
  const desired = input.desired.routes[family];
  const actual = input.actual.routes[family];
  const foreign = input.foreign[family];
  const missing: number[] = [];
  const different: number[] = [];
  const taken: number[] = [];
  let matched = 0;
  let expected = 0;
  for (const row of candidates(desired, family, input)) {
    const at = counterpart(actual, desired, row, expected);
    if (at >= 0) {
      expected = at + 1;
      matched++;
    }
    if (actual.pathOf(at) === desired.pathOf(row)) continue;
    if (at >= 0) different.push(row);
    else if (foreign.size === 0 || counterpart(foreign, desired, row) < 0) missing.push(row);
    else taken.push(row);
  }
  return {
    missing: addOrder(family, missing, desired, input),
    different,
    taken,
    hasExtra: input.dirty.all === undefined || matched < actual.size,
  };
}

/** All differences as operations, whether they can be carried out now or not. */
export function* planAdditions(
  family: Family,
  { missing, different, taken }: RouteDifferences,
  input: PlanInput,
): Generator<RouteBatch> {
  const desired = input.desired.routes[family];
  yield* batches(desired, missing, "add", "missing", input);
  if (input.takeOver) yield* batches(desired, taken, "replace", "foreign", input);
  // Replacing resizes nothing: address order, in which the kernel's caches help.
  yield* batches(desired, different, "replace", "different", input);
}

/**
 * What of the additions can be carried out now; the rest waits for its nexthop or device.
 * @param coming nexthops that are on their way to the kernel
 */
export function* readyAdditions(
  additions: Iterable<RouteBatch>,
  input: PlanInput,
  coming: ReadonlySet<number>,
): Generator<RouteBatch> {
  const isUsable = usablePaths(input, coming);
  for (const batch of additions) {
    const ready = batch.filter((at) => {
      if (isUsable(batch.pathOf(at))) return true;
      const { destination } = batch.at(at).object;
      input.waiting.markRoute(destination, input.dirty.causeOfRoute(destination));
      return false;
    });
    if (ready.length > 0) yield ready;
  }
}

/** @param hasExtra false where the comparison of all routes found none that is not desired. */
export function* planRemovals(
  family: Family,
  hasExtra: boolean,
  input: PlanInput,
): Generator<RouteBatch> {
  const desired = input.desired.routes[family];
  const actual = input.actual.routes[family];
  const extra: number[] = [];
  for (const row of hasExtra ? candidates(actual, family, input) : []) {
    if (counterpart(desired, actual, row) < 0) extra.push(row);
  }
  yield* batches(actual, inKernelOrder(family, extra), "delete", "unwanted", input);
  // A route beside ours, at the same destination and metric: which of the two the kernel takes
  // depends on which came first, so ours alone has to stay.
  const foreign = input.foreign[family];
  if (foreign.size === 0) return;
  const isOwned = (row: number): boolean =>
    input.paths.get(foreign.pathOf(row)).protocol === ROUTE_PROTOCOL;
  const isInTheWay = (row: number): boolean =>
    counterpart(desired, foreign, row) >= 0 && counterpart(actual, foreign, row) >= 0;
  const beside = [...foreign.rows()].filter(
    (row) => isOwned(row) || (input.takeOver && isInTheWay(row)),
  );
  yield* batches(foreign, beside, "delete", "foreign", input);
}

/**
 * Deletes every route over a device that is about to be made again. The kernel would do it too, but
 * with a walk over all routes for each nexthop: seconds, with 5,000 of them, in which it does nothing
 * else.
 */
export function* planClearing(
  family: Family,
  device: string,
  input: PlanInput,
): Generator<RouteBatch> {
  const { paths } = input;
  const { nexthops, routes } = input.actual;
  const leadsOver = Array.from({ length: paths.size }, (_, id) => {
    const path = paths.get(id);
    const nexthop = path.nexthopId === undefined ? undefined : nexthops.get(path.nexthopId);
    return (nexthop?.device ?? path.device) === device;
  });
  const table = routes[family];
  const rows = [...table.rows()].filter((row) => leadsOver[table.pathOf(row)]);
  // They are back before the pass ends, also if the device turns out not to go.
  for (const row of rows) input.dirty.markRoute(table.destinationOf(row), CAUSE.retry);
  yield* batches(table, inKernelOrder(family, rows), "delete", "different", input);
}

/** The rows as operations, all with one verb and reason. */
function* batches(
  table: RouteTable,
  rows: readonly number[],
  verb: RouteOp["verb"],
  reason: OpReason,
  { paths }: PlanInput,
): Generator<RouteBatch> {
  for (let start = 0; start < rows.length; start += BATCH) {
    const end = Math.min(start + BATCH, rows.length);
    const batch = new RouteBatch(table.family, verb, reason, end - start, paths);
    for (let at = start; at < end; at++) batch.add(table, rows[at] as number);
    yield batch;
  }
}

/** The row of `table` with the destination that row `at` of `other` has; -1 if there is none. */
function counterpart(table: RouteTable, other: RouteTable, at: number, expected = NONE): number {
  return table.find(
    other.wordOf(at, 0),
    other.wordOf(at, 1),
    other.wordOf(at, 2),
    other.wordOf(at, 3),
    other.lengthOf(at),
    expected,
  );
}

/** Rows of `table` that are dirty: all, or those of the dirty destinations that are in it. */
function candidates(table: RouteTable, family: Family, { dirty }: PlanInput): Iterable<number> {
  if (dirty.all !== undefined) return table.rows();
  const marks = dirty.routes[family];
  const rows: number[] = [];
  for (const mark of marks.rows()) {
    const row = counterpart(table, marks, mark);
    if (row >= 0) rows.push(row);
  }
  return rows;
}

/** Without nexthop objects the kernel looks for an equal gateway in a list: adding is grouped by it. */
function addOrder(
  family: Family,
  rows: number[],
  table: RouteTable,
  { paths }: PlanInput,
): readonly number[] {
  const plainGateways = rows.some((row) => paths.get(table.pathOf(row)).gateway !== undefined);
  if (!plainGateways) return inKernelOrder(family, rows);
  return rows.sort((a, b) => table.pathOf(a) - table.pathOf(b) || a - b);
}

/** IPv4: spread over the address space. IPv6, whose tree is of another kind: ascending. */
function inKernelOrder(family: Family, rows: readonly number[]): readonly number[] {
  return family === 6 ? rows : spreadOrder(rows);
}

/** Tells whether the nexthop or device of a path is there, asking once for each path. */
function usablePaths(
  { paths, actual }: PlanInput,
  coming: ReadonlySet<number>,
): (path: number) => boolean {
  const known = new Map<number, boolean>();
  const isUp = (device: string | undefined): boolean =>
    device === undefined || actual.links.get(device)?.up === true;
  return (id) => {
    let usable = known.get(id);
    if (usable === undefined) {
      const { nexthopId, device } = paths.get(id);
      const nexthop = nexthopId === undefined ? undefined : actual.nexthops.get(nexthopId);
      usable =
        nexthopId === undefined
          ? isUp(device)
          : coming.has(nexthopId) ||
            (nexthop !== undefined && isOurNexthop(nexthop) && isUp(nexthop.device));
      known.set(id, usable);
    }
    return usable;
  };
}
