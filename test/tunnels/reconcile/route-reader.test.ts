// Routes that did not change are told by their fingerprint; everything else is read row by row.

import { beforeEach, describe, expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { applyToState, emptyKernelState } from "../../../tunnels/kernel/apply-to-state.ts";
import type { KernelState } from "../../../tunnels/kernel/kernel-state.ts";
import { CAUSEWAY_DEVICES } from "../../../tunnels/kernel/ownership.ts";
import { RouteTable } from "../../../tunnels/kernel/route-table.ts";
import { CAUSE, Dirty } from "../../../tunnels/reconcile/dirty.ts";
import type { ForeignRoutes } from "../../../tunnels/reconcile/plan-input.ts";
import { RouteReader } from "../../../tunnels/reconcile/route-reader.ts";
import { applyAll, FAMILIES, pathOf, routeOp } from "../../conformance/kernel-lab.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";

/** Counts how often all rows are asked for. */
class CountingKernel extends FakeKernel {
  fullReads = 0;

  override readRoutes(...args: Parameters<FakeKernel["readRoutes"]>): Promise<void> {
    this.fullReads++;
    return super.readRoutes(...args);
  }
}

describe.each(FAMILIES)("RouteReader, IPv$family", ({ family, destination, otherDestination }) => {
  const add = routeOp("add", destination, pathOf(family, { type: "blackhole" }));
  const addOther = routeOp("add", otherDestination, pathOf(family, { type: "blackhole" }));
  let kernel: CountingKernel;
  let actual: KernelState;
  let desired: KernelState;
  let foreign: ForeignRoutes;
  let dirty: Dirty;
  let reader: RouteReader;

  beforeEach(async () => {
    kernel = new CountingKernel();
    actual = emptyKernelState();
    desired = emptyKernelState();
    dirty = new Dirty();
    foreign = { 4: new RouteTable(4), 6: new RouteTable(6) };
    reader = new RouteReader(kernel, {
      desired,
      actual,
      foreign,
      dirty,
      devices: CAUSEWAY_DEVICES,
    });
    await applyAll(kernel, [add]);
    applyToState(desired, [add], kernel.paths);
    for (let reading = 0; reading < 2; reading++) await reader.read(family, CAUSE.start);
    expect(kernel.fullReads).toBe(2);
  });

  test("reads no row again while nothing changes", async () => {
    for (let reading = 0; reading < 3; reading++) await reader.read(family, CAUSE.drift);
    expect(kernel.fullReads).toBe(2);
    expect(dirty.isEmpty).toBe(true);
  });

  test("finds what another program changed", async () => {
    await applyAll(kernel, [addOther]);
    await reader.read(family, CAUSE.drift);
    expect(kernel.fullReads).toBe(3);
    expect(dirty.causeOfRoute(parseCidr(otherDestination))).toBe(CAUSE.drift);
    expect(actual.routes[family].size).toBe(2);
  });

  test("does not trust a fingerprint once our picture changed", async () => {
    actual.routes[family].delete(parseCidr(destination));
    await reader.read(family, CAUSE.drift);
    expect(actual.routes[family].get(parseCidr(destination))).toBeGreaterThanOrEqual(0);
  });

  test.each(["first", "last"])("keeps the wanted one of two rows that is %s", async (place) => {
    const { w0, w1, w2, w3 } = parseCidr(destination).address;
    const { length } = parseCidr(destination);
    const wanted = desired.routes[family].get(parseCidr(destination));
    const other = kernel.paths.intern(pathOf(family, { nexthopId: 9 }));
    kernel.readRoutes = async (_, visitor) => {
      for (const path of place === "first" ? [wanted, other] : [other, wanted]) {
        visitor.owned(w0, w1, w2, w3, length, path);
      }
    };
    actual.routes[family].delete(parseCidr(destination));
    await reader.read(family, CAUSE.drift);
    expect(actual.routes[family].get(parseCidr(destination))).toBe(wanted);
    expect(foreign[family].get(parseCidr(destination))).toBe(other);
    expect(dirty.causeOfRoute(parseCidr(destination))).toBe(CAUSE.drift);
  });
});
