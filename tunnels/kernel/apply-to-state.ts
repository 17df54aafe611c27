/**
 * What a successful operation does to the state, the kernel's own cascades included. The
 * reconciler keeps its picture of the kernel with it, and a dry run needs nothing else.
 */
import type { KernelOp } from "./kernel-op.ts";
import { addressKey, fdbKey, type KernelState, type Link, neighbourKey } from "./kernel-state.ts";
import type { PathTable } from "./path-table.ts";
import { RouteTable } from "./route-table.ts";

export function emptyKernelState(): KernelState {
  return {
    links: new Map(),
    addresses: new Map(),
    neighbours: new Map(),
    fdb: new Map(),
    nexthops: new Map(),
    routes: { 4: new RouteTable(4), 6: new RouteTable(6) },
    sysctls: new Map(),
  };
}

/** Applies operations in their order. */
export function applyToState(state: KernelState, ops: Iterable<KernelOp>, paths: PathTable): void {
  // Which routes went with a nexthop is found by a walk over all of them: one for many nexthops.
  const gone = new Set<number>();
  const flush = (): void => {
    if (gone.size > 0) forgetRoutesOver(state, gone, "", paths);
    gone.clear();
  };
  for (const op of ops) {
    if (op.kind === "nexthop" && op.verb === "delete") {
      state.nexthops.delete(op.object.id);
      gone.add(op.object.id);
    } else {
      flush();
      applyOp(state, op, paths);
    }
  }
  flush();
}

function applyOp(state: KernelState, op: KernelOp, paths: PathTable): void {
  switch (op.kind) {
    case "sysctl":
      state.sysctls.set(op.object.name, op.object);
      return;
    case "link":
      if (op.verb === "delete") forgetDevice(state, op.object.name, paths);
      else setLink(state, op.object);
      return;
    case "address":
      put(state.addresses, addressKey(op.object), op);
      return;
    case "neighbour":
      put(state.neighbours, neighbourKey(op.object), op);
      return;
    case "fdb":
      put(state.fdb, fdbKey(op.object), op);
      return;
    case "nexthop":
      put(state.nexthops, op.object.id, op);
      return;
    case "route": {
      const table = state.routes[op.object.destination.family];
      if (op.verb === "delete") table.delete(op.object.destination);
      else table.setCidr(op.object.destination, paths.intern(op.object.path));
    }
  }
}

/** With its MAC a device loses its neighbours, permanent ones too. */
function setLink(state: KernelState, link: Link): void {
  const old = state.links.get(link.name);
  state.links.set(link.name, { ...link, ifindex: old?.ifindex ?? 0 });
  if (link.mac === undefined || old?.mac === link.mac) return;
  for (const [key, { device }] of state.neighbours) {
    if (device === link.name) state.neighbours.delete(key);
  }
}

function put<K, V>(map: Map<K, V>, key: K, op: { verb: string; object: V }): void {
  if (op.verb === "delete") map.delete(key);
  else map.set(key, op.object);
}

/** A device that goes takes everything on it and everything that leads over it along. */
function forgetDevice(state: KernelState, device: string, paths: PathTable): void {
  state.links.delete(device);
  const gone = new Set<number>();
  for (const map of [state.addresses, state.neighbours, state.fdb] as Map<
    string,
    { device: string }
  >[]) {
    for (const [key, value] of map) if (value.device === device) map.delete(key);
  }
  for (const [id, nexthop] of state.nexthops) {
    if (nexthop.device !== device) continue;
    state.nexthops.delete(id);
    gone.add(id);
  }
  forgetRoutesOver(state, gone, device, paths);
}

function forgetRoutesOver(
  state: KernelState,
  nexthops: ReadonlySet<number>,
  device: string,
  paths: PathTable,
): void {
  const isGone: boolean[] = [];
  for (let id = 0; id < paths.size; id++) {
    const path = paths.get(id);
    isGone.push(
      (path.nexthopId !== undefined && nexthops.has(path.nexthopId)) ||
        (device !== "" && path.device === device),
    );
  }
  for (const table of [state.routes[4], state.routes[6]]) {
    for (const row of table.rows()) if (isGone[table.pathOf(row)]) table.removeRow(row);
  }
}
