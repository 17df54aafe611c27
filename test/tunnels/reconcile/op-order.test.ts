import { expect, test } from "vitest";
import type { ObjectKind } from "../../../tunnels/kernel/kernel-op.ts";
import { STAGES } from "../../../tunnels/reconcile/op-order.ts";

/** What an object of a kind needs to be there for packets to pass. */
const NEEDS: Readonly<Record<ObjectKind, readonly ObjectKind[]>> = {
  sysctl: [],
  link: [],
  address: ["link"],
  fdb: ["link"],
  neighbour: ["link", "fdb"],
  nexthop: ["link", "neighbour"],
  route: ["link", "address", "nexthop", "neighbour", "fdb", "sysctl"],
};
const KINDS = Object.keys(NEEDS) as ObjectKind[];

function at(kind: ObjectKind, removes: boolean): number {
  return STAGES.findIndex((stage) => stage.kind === kind && stage.removes === removes);
}

test.each(KINDS)("%s is added once, after everything that it needs", (kind) => {
  expect(STAGES.filter((stage) => stage.kind === kind && !stage.removes)).toHaveLength(1);
  for (const need of NEEDS[kind]) expect(at(need, false), need).toBeLessThan(at(kind, false));
});

// Forwarding is never turned off: others may need it.
const REMOVED: readonly ObjectKind[] = KINDS.filter((kind) => kind !== "sysctl");

test.each(REMOVED)("%s is removed once, before everything that it needs", (kind) => {
  expect(STAGES.filter((stage) => stage.kind === kind && stage.removes)).toHaveLength(1);
  for (const need of NEEDS[kind].filter((other) => REMOVED.includes(other))) {
    expect(at(kind, true), need).toBeLessThan(at(need, true));
  }
});

test("everything is added before anything is removed, and each stage says why", () => {
  const firstRemoval = STAGES.findIndex(({ removes }) => removes);
  expect(STAGES.slice(firstRemoval).every(({ removes }) => removes)).toBe(true);
  expect(STAGES.every(({ why }) => why.length > 20)).toBe(true);
});
