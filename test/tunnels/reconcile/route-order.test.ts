/** The order in which many routes are written: as netlink and the kernel's tables like it best. */
import { expect, test } from "vitest";
import { compareIp, parseIp } from "../../../encap/address/ip-address.ts";
import type { KernelOp, RouteOp } from "../../../tunnels/kernel/kernel-op.ts";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";

const COUNT = 1_000;
const ALDER = "via 192.0.2.2 dev eth0 proto 202 onlink";
const BIRCH = "via 192.0.2.3 dev eth0 proto 202 onlink";

function routes(way: (at: number) => string): string[] {
  return Array.from({ length: COUNT }, (_, at) => {
    return `route 10.${at >> 8}.${at & 255}.0/24 ${way(at)}`;
  });
}

function written(lab: ReconcilerLab, verb: KernelOp["verb"]): RouteOp[] {
  return lab.kernel.applied.flatMap((op) => (op.kind === "route" && op.verb === verb ? [op] : []));
}

function isAscending(ops: readonly RouteOp[]): boolean {
  return ops.every((op, at) => {
    const before = ops[at - 1]?.object.destination.address;
    return before === undefined || compareIp(before, op.object.destination.address) < 0;
  });
}

test("routes over plain gateways are added gateway by gateway", async () => {
  const lab = new ReconcilerLab({ features: { nexthopObjects: false } });
  lab.want(...routes((at) => (at % 2 === 0 ? ALDER : BIRCH)));
  await lab.settle();
  const gateways = written(lab, "add").map(({ object }) => `${object.path.gateway}`);
  const changes = gateways.filter((gateway, at) => at > 0 && gateway !== gateways[at - 1]);
  expect(gateways).toHaveLength(COUNT);
  expect(changes).toHaveLength(1);
});

test("IPv4 routes over nexthop objects are added, and removed, far apart from each other", async () => {
  const lab = new ReconcilerLab();
  const nexthop = "nexthop id 7 via 192.0.2.2 dev eth0 onlink protocol 202";
  lab.want(nexthop, ...routes(() => "nhid 7 proto 202"));
  await lab.settle();
  lab.want(nexthop);
  await lab.settle();
  for (const verb of ["add", "delete"] as const) {
    const octets = written(lab, verb).map(({ object }) => object.destination.address.w0 >>> 8);
    expect(octets).toHaveLength(COUNT);
    const steps = octets.slice(1).map((octet, at) => Math.abs(octet - (octets[at] as number)));
    expect(Math.min(...steps)).toBeGreaterThan(COUNT / 4);
  }
});

test("routes that lead elsewhere are replaced in ascending order", async () => {
  const lab = new ReconcilerLab();
  lab.want(...routes(() => ALDER));
  await lab.settle();
  lab.want(...routes(() => BIRCH));
  await lab.settle();
  expect(written(lab, "replace")).toHaveLength(COUNT);
  expect(isAscending(written(lab, "replace"))).toBe(true);
});

test("IPv6 routes are added and removed in ascending order", async () => {
  const lab = new ReconcilerLab();
  const first = parseIp("fd02::");
  lab.want(...routes(() => "").map((_, at) => `route blackhole fd02:${at.toString(16)}::/64`));
  await lab.settle();
  lab.want();
  await lab.settle();
  for (const verb of ["add", "delete"] as const) {
    const ops = written(lab, verb);
    expect(ops).toHaveLength(COUNT);
    expect(isAscending(ops)).toBe(true);
    expect(compareIp(first, ops[0]?.object.destination.address ?? first)).toBe(0);
  }
});

test("more routes than one call takes are all written, and all looked after", async () => {
  const lab = new ReconcilerLab();
  const many = Array.from({ length: 10_000 }, (_, at) => {
    return `route blackhole 10.${at >> 8}.${at & 255}.0/24 proto 202`;
  });
  lab.want(...many);
  await lab.settle();
  expect(lab.holds()).toEqual([...many].sort());
  for (const at of [0, 4_000, 9_999]) lab.outside(`-${many[at]}`);
  await lab.settle();
  expect(lab.holds()).toEqual([...many].sort());
  expect(lab.repairs).toEqual([expect.stringMatching(/^route .* deleted and 2 more$/)]);
});
