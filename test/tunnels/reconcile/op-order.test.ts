import { expect, test } from "vitest";
import { STAGES, type Stage } from "../../../tunnels/reconcile/op-order.ts";

type Kind = Stage["kind"];

/** What an object of a kind needs to be there for packets to pass. */
const NEEDS: Readonly<Record<Kind, readonly Kind[]>> = {
  sysctl: [],
  link: [],
  address: ["link"],
  fdb: ["link"],
  neighbour: ["link", "fdb"],
  nexthop: ["link", "neighbour"],
  forwarding: ["link"],
  route: ["link", "address", "nexthop", "neighbour", "fdb", "forwarding", "sysctl"],
};
const KINDS = Object.keys(NEEDS) as Kind[];

function at(kind: Kind, removes: boolean): number {
  return STAGES.findIndex((stage) => stage.kind === kind && stage.removes === removes);
}

test.each(KINDS)("%s is added once, after everything that it needs", (kind) => {
  expect(STAGES.filter((stage) => stage.kind === kind && !stage.removes)).toHaveLength(1);
  for (const need of NEEDS[kind]) expect(at(need, false), need).toBeLessThan(at(kind, false));
});

// `ip_forward` is never turned off: others may need it.
const REMOVED: readonly Kind[] = KINDS.filter((kind) => kind !== "sysctl");

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
