import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cidr, parseCidr } from "../../encap/address/cidr.ts";
import { addressBits, type Family, IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import { buildRemoteTable } from "../../encap/build-remote-table.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { NO_REMOTE, type RemotePrefix } from "../../encap/prefix-columns.ts";
import { RemoteTable } from "../../encap/remote-table.ts";
import { exactView } from "../support/packet-bytes.ts";
import { packet } from "../support/random-packets.ts";

function prefixes(...entries: [string, number][]): RemotePrefix[] {
  return entries.map(([text, remote]) => ({ cidr: parseCidr(text), remote }));
}

function lookup(table: RemoteTable, { family, w0, w1, w2, w3 }: IpAddress): number {
  return family === 4 ? table.lookupIpv4(w0) : table.lookupIpv6(w0, w1, w2, w3);
}

/** What longest-prefix match means, without any data structure. */
function search(list: readonly RemotePrefix[], address: IpAddress): number {
  let best: RemotePrefix | undefined;
  for (const prefix of list) {
    if (!prefix.cidr.contains(address)) continue;
    const longer = best === undefined || prefix.cidr.length > best.cidr.length;
    const isLower = prefix.cidr.length === best?.cidr.length && prefix.remote < best.remote;
    if (longer || isLower) best = prefix;
  }
  return best?.remote ?? NO_REMOTE;
}

/** Few different bits, so that prefixes nest and touch, at the ends of the address space too. */
function address(family: Family): fc.Arbitrary<IpAddress> {
  const near = fc
    .constantFrom(0, 1, 2, 3, 0x0af40000, 0x0af40040, 0x7fffffff, 0x80000000)
    .chain((base) =>
      fc.oneof(
        fc.constantFrom(0xffffffff, 0xfffffffe, base),
        fc.integer({ min: -2, max: 130 }).map((add) => base + add),
      ),
    );
  if (family === 4) return near.map((w0) => new IpAddress(4, w0));
  const rest = fc.constantFrom(0, 1, 0xffffffff, 0x80000000);
  return fc
    .tuple(near, rest, rest, fc.oneof(rest, near))
    .map((words) => new IpAddress(6, ...words));
}

function prefixList(family: Family): fc.Arbitrary<RemotePrefix[]> {
  const bits = addressBits(family);
  const length = fc.oneof(
    fc.integer({ min: 0, max: bits }),
    fc.integer({ min: bits - 7, max: bits }),
    fc.integer({ min: 30, max: 34 }).map((value) => Math.min(value, bits)),
  );
  const prefix = fc
    .tuple(address(family), length, fc.nat({ max: 5 }))
    .map(([ip, bitLength, remote]) => ({ cidr: new Cidr(ip, bitLength), remote }));
  return fc.array(prefix, { maxLength: 30, size: "max" });
}

/** The edges of every prefix: first and last address, and those beside them. */
function edges(list: readonly RemotePrefix[], family: Family): IpAddress[] {
  return list.flatMap(({ cidr }) => {
    const { address: first, length } = cidr;
    const host = BigInt(addressBits(family) - length);
    const from = toBig(first);
    const to = from + (1n << host) - 1n;
    return [from - 1n, from, from + 1n, to - 1n, to, to + 1n].map((value) =>
      fromBig(value, family),
    );
  });
}

function toBig({ family, w0, w1, w2, w3 }: IpAddress): bigint {
  if (family === 4) return BigInt(w0);
  return (BigInt(w0) << 96n) | (BigInt(w1) << 64n) | (BigInt(w2) << 32n) | BigInt(w3);
}

function fromBig(value: bigint, family: Family): IpAddress {
  const word = (shift: bigint): number => Number((value >> shift) & 0xffffffffn);
  if (family === 4) return new IpAddress(4, word(0n));
  return new IpAddress(6, word(96n), word(64n), word(32n), word(0n));
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("RemoteTable finds the longest prefix", () => {
    fc.assert(
      fc.property(prefixList(family), fc.array(address(family)), (list, addresses) => {
        const table = buildRemoteTable(list);
        for (const ip of [...addresses, ...edges(list, family)]) {
          expect([`${ip}`, lookup(table, ip)]).toEqual([`${ip}`, search(list, ip)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("buildRemoteTable gives the same bytes whatever the order", () => {
    fc.assert(
      fc.property(prefixList(family), fc.nat(), (list, turn) => {
        const at = list.length === 0 ? 0 : turn % list.length;
        const turned = [...list.slice(at), ...list.slice(0, at)].reverse();
        const bytes = (table: RemoteTable): Buffer => Buffer.from(new Uint8Array(table.buffer));
        expect(bytes(buildRemoteTable(turned)).equals(bytes(buildRemoteTable(list)))).toBe(true);
      }),
    );
  });

  test("RemoteTable finds the blocks of a large pool and nothing beside them", () => {
    const bits = addressBits(family);
    const pool = toBig(parseIp(family === 4 ? "10.0.0.0" : "fd00:10:244::"));
    const list = [...Array(20_000).keys()].map((block) => ({
      cidr: new Cidr(fromBig(pool + (BigInt(block) << 7n), family), bits - 6),
      remote: block,
    }));
    const table = buildRemoteTable(list);
    for (let block = 0; block < list.length; block += 7) {
      const first = pool + (BigInt(block) << 7n);
      const remotes = [first - 1n, first, first + 63n, first + 64n, first + 127n].map((value) =>
        lookup(table, fromBig(value, family)),
      );
      expect(remotes).toEqual([NO_REMOTE, block, block, NO_REMOTE, NO_REMOTE]);
    }
  });

  test("RemoteTable finds blocks in pools far from one another, and what surrounds them", () => {
    const bits = addressBits(family);
    const pools = (
      family === 4 ? ["10.0.0.0", "10.128.0.0", "172.16.0.0"] : ["fd00::", "fd00:0:0:1::", "fd12::"]
    ).map((text) => toBig(parseIp(text)));
    const blocks = pools.flatMap((pool, index) =>
      [...Array(3000).keys()].map((block) => ({
        first: pool + (BigInt(block) << 7n),
        remote: index * 3000 + block,
      })),
    );
    const list = blocks.map(({ first, remote }) => ({
      cidr: new Cidr(fromBig(first, family), bits - 6),
      remote,
    }));
    const all = { cidr: new Cidr(new IpAddress(family, 0), 0), remote: 99_999 };
    const table = buildRemoteTable([...list, all]);
    for (const { first, remote } of blocks) {
      const remotes = [first - 1n, first, first + 63n, first + 64n].map((value) =>
        lookup(table, fromBig(value, family)),
      );
      expect(remotes).toEqual([all.remote, remote, remote, all.remote]);
    }
    expect(lookup(table, new IpAddress(family, 0))).toBe(all.remote);
    expect(lookup(table, new IpAddress(family, -1, -1, -1, -1))).toBe(all.remote);
  });

  test("lookup reads the destination of a packet", () => {
    fc.assert(
      fc.property(packet(family), fc.nat({ max: 20 }), (bytes, room) => {
        const view = exactView(bytes, room);
        const found = new IpPacket();
        readIpPacket(view, room, bytes.length, found);
        const at = room + (family === 4 ? 16 : 24);
        const word = (index: number): number => view.getUint32(at + index * 4);
        const destination =
          family === 4
            ? new IpAddress(4, word(0))
            : new IpAddress(6, word(0), word(1), word(2), word(3));
        const cidr = new Cidr(destination, addressBits(family));
        expect(buildRemoteTable([{ cidr, remote: 7 }]).lookup(view, found)).toBe(7);
      }),
    );
  });
});

test("RemoteTable without prefixes finds nothing", () => {
  const table = buildRemoteTable([]);
  expect(table.lookupIpv4(0)).toBe(NO_REMOTE);
  expect(table.lookupIpv4(0xffffffff)).toBe(NO_REMOTE);
  expect(table.lookupIpv6(0, 0, 0, 0)).toBe(NO_REMOTE);
});

test("RemoteTable keeps both families apart, and works over a buffer from elsewhere", () => {
  const built = buildRemoteTable(prefixes(["10.244.0.0/26", 1], ["::/0", 2], ["fd00::/8", 3]));
  expect(built.buffer).toBeInstanceOf(SharedArrayBuffer);
  const table = new RemoteTable(structuredClone(new Uint8Array(built.buffer).slice()).buffer);
  expect(lookup(table, parseIp("10.244.0.63"))).toBe(1);
  expect(lookup(table, parseIp("10.244.0.64"))).toBe(NO_REMOTE);
  expect(lookup(table, parseIp("::1"))).toBe(2);
  expect(lookup(table, parseIp("fdff::1"))).toBe(3);
});

test("buildRemoteTable merges neighbours of one remote", () => {
  const one = buildRemoteTable(prefixes(["10.0.0.0/25", 1], ["10.0.0.128/25", 1]));
  const two = buildRemoteTable(prefixes(["10.0.0.0/25", 1], ["10.0.0.128/25", 2]));
  expect(one.buffer.byteLength).toBeLessThan(two.buffer.byteLength);
});
