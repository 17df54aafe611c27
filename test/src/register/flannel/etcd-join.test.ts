// Subnet leases on a real etcd server.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { parseCidr } from "../../../../encap/address/cidr.ts";
import { parseIp } from "../../../../encap/address/ip-address.ts";
import { parseEtcdUrl } from "../../../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../../../src/datastore/etcd/client.ts";
import { EtcdJoin, type LeaseTimes } from "../../../../src/register/flannel/etcd-join.ts";
import type { Membership } from "../../../../src/register/flannel/join-way.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";

let server: EtcdServer;
let prefix: string;
let networks = 0;
const ways: EtcdJoin[] = [];

beforeAll(async () => {
  server = await EtcdServer.start();
});
afterEach(async () => {
  for (const way of ways.splice(0)) await way.close();
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** A network of its own with so many subnets to take. */
async function network(range: object): Promise<void> {
  prefix = `/network-${++networks}`;
  const config = { Network: "10.5.0.0/16", ...range, Backend: { Type: "vxlan" } };
  await server.ctl("put", `${prefix}/config`, JSON.stringify(config));
}

function newWay(times?: LeaseTimes): EtcdJoin {
  const url = `flannel+etcd://${server.endpoint}?prefix=${prefix}`;
  const way = new EtcdJoin(new EtcdClient(parseEtcdUrl(url, {})), times);
  ways.push(way);
  return way;
}

async function join(way: EtcdJoin, publicIp: string, previous?: string): Promise<Membership> {
  return way.join({
    network: await way.network(),
    addresses: { 4: parseIp(publicIp) },
    previous: previous === undefined ? undefined : parseCidr(previous),
  });
}

const subnetOf = ({ subnets }: Membership): string => String(subnets);

interface StoredKey {
  readonly name: string;
  readonly value: string;
  readonly lease: string;
}

async function keys(): Promise<StoredKey[]> {
  const text = await server.ctl("get", "--prefix", `${prefix}/subnets/`, "-w", "json");
  // Leases are larger than a number holds.
  const { kvs = [] } = JSON.parse(text.replace(/"lease":(\d+)/g, '"lease":"$1"'));
  return (kvs as { key: string; value: string; lease?: string }[]).map((kv) => ({
    name: Buffer.from(kv.key, "base64").toString().slice(`${prefix}/subnets/`.length),
    value: Buffer.from(kv.value, "base64").toString(),
    lease: kv.lease ?? "0",
  }));
}

const lease = (publicIp: string): string =>
  `{"PublicIP":"${publicIp}","PublicIPv6":null,"BackendType":"vxlan",` +
  '"BackendData":{"VNI":1,"VtepMAC":"82:4b:b6:2f:54:4e"}}';

test("nodes that join at the same instant get a subnet each", async () => {
  await network({ SubnetMin: "10.5.10.0", SubnetMax: "10.5.25.0" });
  const addresses = Array.from({ length: 16 }, (_, at) => `192.0.2.${at + 1}`);
  const memberships = await Promise.all(addresses.map((one) => join(newWay(), one)));
  expect(new Set(memberships.map(subnetOf)).size).toBe(16);
  const stored = await keys();
  expect(stored.map(({ value }) => JSON.parse(value).PublicIP).sort()).toEqual(addresses.sort());
  expect(new Set(stored.map(({ lease: id }) => id)).size).toBe(16);
  await expect(join(newWay(), "192.0.2.99")).rejects.toThrow(
    "no subnet of /24 is free in 10.5.0.0/16",
  );
  // Those who lost a race gave their leases back.
  const leases = (await server.ctl("lease", "list")).match(/found (\d+) leases/)?.[1];
  expect(leases).toBe("16");
});

test("a node that comes back has the subnet and the MAC that its address has", async () => {
  await network({});
  await server.ctl("put", `${prefix}/subnets/10.5.77.0-24`, lease("192.0.2.10"));
  const { subnets, ends } = await join(newWay(), "192.0.2.10", "10.5.3.0/24");
  expect(String(subnets)).toBe("10.5.77.0/24");
  expect(ends[4]?.mac).toBe("82:4b:b6:2f:54:4e");
});

test("a key without an end is a reservation, and stays one", async () => {
  await network({});
  await server.ctl("put", `${prefix}/subnets/10.5.77.0-24`, lease("192.0.2.10"));
  const { renewAt } = await join(newWay(), "192.0.2.10");
  expect(renewAt).toBeUndefined();
  expect(await keys()).toEqual([{ name: "10.5.77.0-24", value: lease("192.0.2.10"), lease: "0" }]);
});

test("a node without a lease gets the subnet it had before, unless somebody has it now", async () => {
  await network({});
  expect(subnetOf(await join(newWay(), "192.0.2.10", "10.5.3.0/24"))).toBe("10.5.3.0/24");
  expect(subnetOf(await join(newWay(), "192.0.2.11", "10.5.3.0/24"))).not.toBe("10.5.3.0/24");
  expect(subnetOf(await join(newWay(), "192.0.2.12", "10.9.3.0/24"))).toMatch(/^10\.5\./);
});

test("a lease of its own that does not fit the network any more is left to run out", async () => {
  await network({ SubnetMin: "10.5.10.0", SubnetMax: "10.5.20.0" });
  await server.ctl("put", `${prefix}/subnets/10.5.77.0-24`, lease("192.0.2.10"));
  expect(subnetOf(await join(newWay(), "192.0.2.10"))).toMatch(/^10\.5\.(1\d|20)\.0\/24$/);
  expect(await keys()).toHaveLength(2);
});

test("what is right is not written again, and what is due is renewed in its place", async () => {
  await network({});
  const lazy = newWay();
  const first = await join(lazy, "192.0.2.10");
  const before = await keys();
  expect(await join(lazy, "192.0.2.10")).toEqual(first);
  expect(await keys()).toEqual(before);

  const eager = newWay({ ttl: 600, margin: 600 });
  await join(eager, "192.0.2.10");
  const [taken] = await keys();
  await join(eager, "192.0.2.10");
  const [renewed] = await keys();
  expect(renewed).toEqual({ ...taken, lease: renewed?.lease });
  expect(renewed?.lease).not.toBe(taken?.lease);
  // The key no longer goes with its first lease.
  await server.ctl("lease", "revoke", BigInt(taken?.lease ?? 0).toString(16));
  expect(await keys()).toEqual([renewed]);
});

test("a network that cannot be joined says why", async () => {
  await network({ SubnetLen: 31 });
  await expect(join(newWay(), "192.0.2.10")).rejects.toThrow("SubnetLen 31 is over 30");
  prefix = "/nowhere";
  await expect(newWay().network()).rejects.toThrow("there is no key /nowhere/config");
});
