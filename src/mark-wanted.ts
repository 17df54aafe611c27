/** What the calculation changed, marked for the reconciler. */
import type { OverlayChanges } from "../tunnels/desired/kernel-wish.ts";
import type { KernelState } from "../tunnels/kernel/kernel-state.ts";
import { CAUSE, type Dirty, type KeyedKind } from "../tunnels/reconcile/dirty.ts";

export function markWanted(dirty: Dirty, changes: OverlayChanges, desired: KernelState): void {
  if (changes.all) {
    dirty.markAll(CAUSE.want);
    return;
  }
  const keyed: [KeyedKind, Iterable<string | number>][] = [
    ["sysctl", changes.sysctls],
    ["link", changes.links],
    ["address", changes.addresses],
    ["fdb", changes.fdb],
    ["neighbour", changes.neighbours],
    ["nexthop", changes.nexthops],
  ];
  for (const [kind, keys] of keyed) for (const key of keys) dirty.mark(kind, key, CAUSE.want);
  for (const family of [4, 6] as const) {
    const { rows, removed } = changes.routes[family];
    const table = desired.routes[family];
    for (const row of rows) dirty.markRoute(table.destinationOf(row), CAUSE.want);
    for (const destination of removed) dirty.markRoute(destination, CAUSE.want);
  }
}
