import { beforeEach, expect, test } from "vitest";
import { parseIp } from "../../../../encap/address/ip-address.ts";
import type { Entry } from "../../../../src/datastore/entry.ts";
import { leaseEntry } from "../../../../src/datastore/flannel/etcd-form.ts";
import { type Lease, LeaseTable } from "../../../../src/datastore/flannel/lease-table.ts";
import { OwnLease } from "../../../../src/datastore/flannel/own-lease.ts";

let own: OwnLease;
let table: LeaseTable;
let losses: number;

beforeEach(() => {
  own = new OwnLease({ node: "alder", nodeAddress: {} });
  own.publish(parseIp("192.0.2.10"));
  own.isKept = true;
  losses = 0;
  own.onLost = () => losses++;
  table = new LeaseTable(own);
});

function lease(subnet: string, publicIp: string, revision = 1): Lease {
  const value = JSON.stringify({
    PublicIP: publicIp,
    BackendType: "vxlan",
    BackendData: { VNI: 1, VtepMAC: `02:00:00:00:00:${publicIp.split(".")[3]}` },
  });
  return { entry: leaseEntry("/n", keyOf(subnet), { value }), revision };
}

function keyOf(subnet: string): string {
  return `/n/subnets/${subnet}`;
}

/** "10.5.1.0-24 alder", or "10.5.1.0-24 -" for what is not in force, or "10.5.1.0-24 gone". */
function lines(told: readonly (Entry | { key: string; entry: Entry | undefined })[]): string[] {
  return told
    .map((one) => ("key" in one ? one : { key: one.file, entry: one }))
    .map(({ key, entry }) => {
      const what = entry === undefined ? "gone" : (entry.resource?.name ?? "-");
      return `${key.slice("/n/subnets/".length)} ${what}`;
    })
    .sort();
}

const ALDER = lease("10.5.1.0-24", "192.0.2.10");
const CEDAR = lease("10.5.2.0-24", "192.0.2.74");

test("leases are nodes named after their address, the own one after the node", () => {
  expect(lines(table.list([ALDER, CEDAR]))).toEqual([
    "10.5.1.0-24 alder",
    "10.5.2.0-24 192.0.2.74",
  ]);
  expect(lines(table.change([[keyOf("10.5.2.0-24"), undefined]]))).toEqual(["10.5.2.0-24 gone"]);
});

test("of two leases of one node the newer is in force, and the other when that goes", () => {
  const newer = lease("10.5.9.0-24", "192.0.2.74", 7);
  table.list([CEDAR]);
  const told = table.change([[keyOf("10.5.9.0-24"), newer]]);
  expect(lines(told)).toEqual(["10.5.2.0-24 -", "10.5.9.0-24 192.0.2.74"]);
  const older = told.find(({ key }) => key === keyOf("10.5.2.0-24"));
  expect(older?.entry?.problems).toMatchObject([{ severity: "warning" }]);
  expect(lines(table.change([[keyOf("10.5.9.0-24"), undefined]]))).toEqual([
    "10.5.2.0-24 192.0.2.74",
    "10.5.9.0-24 gone",
  ]);
});

test("the order of a list does not matter", () => {
  const leases = [ALDER, CEDAR, lease("10.5.9.0-24", "192.0.2.74", 7)];
  const listed = lines(table.list(leases));
  expect(listed).toContain("10.5.9.0-24 192.0.2.74");
  expect(lines(table.list(leases.toReversed()))).toEqual(listed);
});

test.each([
  ["an event", () => table.change([[keyOf("10.5.1.0-24"), undefined]])],
  ["a list", () => table.list([CEDAR])],
])("the own lease stays in force when %s says that it is gone, until it is back", (_, lose) => {
  table.list([ALDER, CEDAR]);
  expect(lines(lose())).toContain("10.5.1.0-24 alder");
  expect(losses).toBe(1);
  expect(lines(table.change([[keyOf("10.5.1.0-24"), { ...ALDER, revision: 9 }]]))).toEqual([
    "10.5.1.0-24 alder",
  ]);
  expect(losses).toBe(1);
});

test("the own lease is given up for another subnet of this node", () => {
  table.list([ALDER, CEDAR]);
  table.change([[keyOf("10.5.1.0-24"), undefined]]);
  const other = lease("10.5.7.0-24", "192.0.2.10", 9);
  expect(lines(table.change([[keyOf("10.5.7.0-24"), other]]))).toEqual([
    "10.5.1.0-24 gone",
    "10.5.7.0-24 alder",
  ]);
  expect(lines(table.list([other]))).toEqual(["10.5.7.0-24 alder"]);
});

test("the own lease is given up where another node has its subnet", () => {
  table.list([ALDER, CEDAR]);
  const taken = lease("10.5.1.0-24", "192.0.2.99", 9);
  expect(lines(table.change([[keyOf("10.5.1.0-24"), taken]]))).toEqual(["10.5.1.0-24 192.0.2.99"]);
  expect(losses).toBe(1);
});

test("nothing is held where nobody looks after the lease", () => {
  own.isKept = false;
  table.list([ALDER, CEDAR]);
  expect(lines(table.change([[keyOf("10.5.1.0-24"), undefined]]))).toEqual(["10.5.1.0-24 gone"]);
});

test("a lease that cannot be read keeps no other from being in force", () => {
  const broken = leaseEntry("/n", keyOf("10.5.3.0-24"), { value: "{" });
  expect(broken.problems).toMatchObject([{ severity: "error" }]);
  expect(lines(table.list([{ entry: broken, revision: 3 }, CEDAR]))).toEqual([
    "10.5.2.0-24 192.0.2.74",
    "10.5.3.0-24 -",
  ]);
});
