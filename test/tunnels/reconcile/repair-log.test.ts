import { expect, test } from "vitest";
import type { KernelOp, OpReason } from "../../../tunnels/kernel/kernel-op.ts";
import { MendedOps, RepairLog } from "../../../tunnels/reconcile/repair-log.ts";
import { parseObject } from "../../support/state-lines.ts";

function op(verb: KernelOp["verb"], line: string, reason: OpReason): KernelOp {
  return { ...parseObject(line), verb, reason } as KernelOp;
}

function mended(...ops: readonly KernelOp[]): MendedOps {
  const all = new MendedOps();
  for (const one of ops) all.add(one);
  return all;
}

const ROUTE = "route 10.2.0.0/26 nhid 7 proto 202";
const DEVICE = "link vxlan.causeway mtu 1450";

test.each([
  ["add", ROUTE, "missing", "route 10.2.0.0/26", "deleted"],
  ["replace", ROUTE, "different", "route 10.2.0.0/26", "changed"],
  ["delete", ROUTE, "unwanted", "route 10.2.0.0/26", "added"],
  ["replace", ROUTE, "foreign", "route 10.2.0.0/26", "taken over"],
] as const)(
  "record names what was found before %s of %s, %s",
  (verb, line, reason, what, found) => {
    const repair = new RepairLog().record(mended(op(verb, line, reason)), 5_000, 3);
    expect(repair).toEqual({ what, found, others: 0, at: 5_000, milliseconds: 3 });
  },
);

test("record names a pass by its first object that is there now", () => {
  const pass = mended(
    op("delete", DEVICE, "different"),
    op("add", DEVICE, "missing"),
    op("add", ROUTE, "missing"),
  );
  const log = new RepairLog();
  expect(log.record(pass, 0, 0)).toMatchObject({ what: "device vxlan.causeway", others: 2 });
  expect(log.count).toBe(3);
});

test("record of nothing is nothing", () => {
  const log = new RepairLog();
  expect(log.record(new MendedOps(), 0, 0)).toBeUndefined();
  expect([log.count, log.list()]).toEqual([0, []]);
});

test("the log keeps the last hundred repairs and counts all", () => {
  const log = new RepairLog();
  for (let at = 0; at < 150; at++) log.record(mended(op("add", ROUTE, "missing")), at, 0);
  expect(log.count).toBe(150);
  expect(log.list().map(({ at }) => at)).toEqual(Array.from({ length: 100 }, (_, at) => at + 50));
});

test("MendedOps counts everything and keeps the first few hundred", () => {
  const all = new MendedOps();
  for (let at = 0; at < 1_000; at++) all.add(op("add", ROUTE, "missing"));
  expect(all.count).toBe(1_000);
  expect(all.first).toHaveLength(256);
});
