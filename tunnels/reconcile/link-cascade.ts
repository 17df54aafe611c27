/**
 * What a change of a link takes along in the kernel, marked as missing: the later stages of the same
 * pass put it back, so that the gap is no longer than the messages take.
 */
import type { LinkOp } from "../kernel/kernel-op.ts";
import type { KernelState } from "../kernel/kernel-state.ts";
import type { PathTable } from "../kernel/path-table.ts";
import type { Cause, Dirty } from "./dirty.ts";

export function markCascade(
  op: LinkOp,
  desired: KernelState,
  paths: PathTable,
  dirty: Dirty,
): void {
  const { name, mac } = op.object;
  const cause = dirty.causeOf("link", name);
  if (op.verb === "delete") markAll(name, desired, paths, dirty, cause);
  // The neighbour tables forget even what is permanent (NETDEV_CHANGEADDR in net/ipv4/arp.c).
  else if (op.verb === "replace" && mac !== undefined && op.actual?.mac !== mac) {
    markOn(name, "neighbour", desired.neighbours, dirty, cause);
  }
}

function markAll(
  device: string,
  desired: KernelState,
  paths: PathTable,
  dirty: Dirty,
  cause: Cause,
): void {
  markOn(device, "address", desired.addresses, dirty, cause);
  markOn(device, "neighbour", desired.neighbours, dirty, cause);
  markOn(device, "fdb", desired.fdb, dirty, cause);
  markOn(device, "nexthop", desired.nexthops, dirty, cause);
  const leadsOver = Array.from({ length: paths.size }, (_, id) => {
    const { nexthopId, device: own } = paths.get(id);
    const nexthop = nexthopId === undefined ? undefined : desired.nexthops.get(nexthopId);
    return (nexthop?.device ?? own) === device;
  });
  for (const table of [desired.routes[4], desired.routes[6]]) {
    for (const row of table.rows()) {
      if (leadsOver[table.pathOf(row)]) dirty.markRoute(table.destinationOf(row), cause);
    }
  }
}

function markOn<K extends string | number>(
  device: string,
  kind: "address" | "neighbour" | "fdb" | "nexthop",
  desired: ReadonlyMap<K, { readonly device: string }>,
  dirty: Dirty,
  cause: Cause,
): void {
  for (const [key, value] of desired) if (value.device === device) dirty.mark(kind, key, cause);
}
