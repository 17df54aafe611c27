/**
 * Real dumps are decoded, and what we write for the decoded value holds the kernel's bytes: every
 * attribute of ours is one that the kernel showed, bit for bit.
 */
import { describe, expect, test } from "vitest";
import type { Family } from "../../../encap/address/ip-address.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { readAddress, writeAddressAdd } from "../../../src/netlink/address.ts";
import { readFdbEntry, writeFdbReplace } from "../../../src/netlink/fdb.ts";
import { readLink, writeLinkAdd } from "../../../src/netlink/link.ts";
import { readNeighbour, writeNeighbourReplace } from "../../../src/netlink/neighbour.ts";
import { readNexthop, writeNexthopSet } from "../../../src/netlink/nexthop.ts";
import { readRouteDetail, writeRouteDelete, writeRouteSet } from "../../../src/netlink/route.ts";
import { readDestination } from "../../../src/netlink/route-destination.ts";
import type { Link, Route } from "../../../tunnels/kernel/kernel-state.ts";
import * as dumps from "../../fixtures/netlink/dumps.ts";
import {
  attributesFrom,
  bytesOf,
  fixtureDevices,
  messageOf,
  written,
} from "../../support/netlink-bytes.ts";

const devices = fixtureDevices();
const HEADER = 16;

describe("links", () => {
  const link = readLink(messageOf(dumps.VXLAN_LINK), devices);

  test("readLink reads a vxlan device", () => {
    expect(link).toMatchObject({
      name: "vx0",
      ifindex: 4,
      up: true,
      mtu: 1450,
      mac: "66:00:00:00:00:01",
      kind: "vxlan",
    });
    expect(link.tunnel).toMatchObject({
      kind: "vxlan",
      vni: 4096,
      port: 4789,
      parent: "v0",
      local: parseIp("10.0.0.1"),
      learning: false,
      ttl: 64,
      ageing: 300,
      udpChecksum: true,
      portLow: 1000,
      portHigh: 2000,
    });
  });

  test("writeLinkAdd writes the attributes that the kernel shows", () => {
    const kernel = infoData(messageOf(dumps.VXLAN_LINK));
    const ours = infoData(written((writer) => writeLinkAdd(writer, 1, link, 3)));
    expect(ours.length).toBeGreaterThan(12);
    expect(kernel).toEqual(expect.arrayContaining(ours));
  });

  /** The attributes in IFLA_LINKINFO / IFLA_INFO_DATA. */
  function infoData(message: ReturnType<typeof messageOf>): string[] {
    const inner = (from: number, to: number, wanted: number): [number, number] => {
      for (let at = from; at < to; ) {
        const length = message.view.getUint16(at, true);
        if ((message.view.getUint16(at + 2, true) & 0x3fff) === wanted)
          return [at + 4, at + length];
        at += (length + 3) & ~3;
      }
      throw new Error(`no attribute ${wanted}`);
    };
    const info = inner(HEADER + 16, message.end, 18);
    return attributesFrom(message, ...inner(...info, 2));
  }
});

describe("addresses", () => {
  test.each([
    [dumps.ADDRESS_4, "10.1.0.0", 32],
    [dumps.ADDRESS_6, "fd00:1::", 128],
  ])("readAddress and writeAddressAdd agree with the kernel (%#)", (hex, ip, prefixLength) => {
    const captured = messageOf(hex);
    const address = readAddress(captured, devices);
    expect(address).toEqual({ device: "vx0", ip: parseIp(ip), prefixLength, scope: "global" });
    if (address === undefined) return;
    const ours = written((writer) => writeAddressAdd(writer, 1, address, 4));
    const addressOnly = attributesFrom(captured, HEADER + 8).filter(
      (text) => text.slice(4, 8) === "0100",
    );
    expect(attributesFrom(ours, HEADER + 8)).toEqual(expect.arrayContaining(addressOnly));
  });
});

describe("neighbours and FDB entries", () => {
  test.each([
    [dumps.NEIGHBOUR_4, "10.1.0.64"],
    [dumps.NEIGHBOUR_6, "fd00:1::40"],
  ])("readNeighbour and writeNeighbourReplace agree with the kernel (%#)", (hex, ip) => {
    const captured = messageOf(hex);
    const neighbour = readNeighbour(captured, devices);
    const mac = "66:00:00:00:00:02";
    expect(neighbour).toEqual({ device: "vx0", ip: parseIp(ip), mac, permanent: true });
    if (neighbour === undefined) return;
    const ours = written((writer) => writeNeighbourReplace(writer, 1, neighbour, 4));
    expect(attributesFrom(captured, HEADER + 12)).toEqual(
      expect.arrayContaining(attributesFrom(ours, HEADER + 12)),
    );
    // Family, device, state and flags; the kernel adds the type in the last byte.
    expect(bytesOf(ours, HEADER, HEADER + 11)).toBe(bytesOf(captured, HEADER, HEADER + 11));
  });

  test("readFdbEntry and writeFdbReplace agree with the kernel", () => {
    const captured = messageOf(dumps.FDB_ENTRY);
    const entry = readFdbEntry(captured, devices);
    const destination = parseIp("10.0.0.2");
    expect(entry).toEqual({ device: "vx0", mac: "66:00:00:00:00:02", destination });
    if (entry === undefined) return;
    const ours = written((writer) => writeFdbReplace(writer, 1, entry, 4));
    expect(attributesFrom(captured, HEADER + 12)).toEqual(
      expect.arrayContaining(attributesFrom(ours, HEADER + 12)),
    );
    expect(bytesOf(ours, HEADER, HEADER + 11)).toBe(bytesOf(captured, HEADER, HEADER + 11));
  });
});

describe("nexthops", () => {
  test.each([
    [dumps.NEXTHOP_4, 7, 4, "10.1.0.64"],
    [dumps.NEXTHOP_6, 8, 6, "fd00:1::40"],
  ] as const)(
    "readNexthop and writeNexthopSet agree with the kernel (%#)",
    (hex, id, family, gateway) => {
      const captured = messageOf(hex);
      const nexthop = readNexthop(captured, devices);
      const expected = { id, family, device: "vx0", onlink: true, protocol: 202 };
      expect(nexthop).toEqual({ ...expected, gateway: parseIp(gateway) });
      const ours = written((writer) => writeNexthopSet(writer, 1, nexthop, 4, "add"));
      expect(attributesFrom(captured, HEADER + 8).sort()).toEqual(
        attributesFrom(ours, HEADER + 8).sort(),
      );
      // Protocol and flags; the scope, in the byte before, is the kernel's finding.
      expect(bytesOf(ours, HEADER + 2, HEADER + 8)).toBe(bytesOf(captured, HEADER + 2, HEADER + 8));
    },
  );
});

describe("routes", () => {
  const base = { protocol: 202, nexthopId: undefined, device: undefined, gateway: undefined };
  const plain = { ...base, type: "unicast", onlink: false, mtu: undefined, source: undefined };
  const cases = [
    [
      dumps.ROUTE_NEXTHOP_4,
      "10.2.0.0/26",
      { ...plain, family: 4, nexthopId: 7, mtu: 1400, source: parseIp("10.1.0.0") },
    ],
    [
      dumps.ROUTE_GATEWAY_4,
      "10.2.0.64/26",
      { ...plain, family: 4, device: "vx0", gateway: parseIp("10.1.0.65"), onlink: true },
    ],
    [dumps.ROUTE_BLACKHOLE_4, "10.2.0.128/26", { ...plain, family: 4, type: "blackhole" }],
    [dumps.ROUTE_NEXTHOP_6, "fd00:2::/122", { ...plain, family: 6, nexthopId: 8 }],
    [
      dumps.ROUTE_GATEWAY_6,
      "fd00:2::40/122",
      { ...plain, family: 6, device: "vx0", gateway: parseIp("fd00:1::41"), onlink: true },
    ],
    [dumps.ROUTE_BLACKHOLE_6, "fd00:2::80/122", { ...plain, family: 6, type: "blackhole" }],
  ] as const;

  test.each(cases)("the route codec agrees with the kernel (%#)", (hex, to, path) => {
    const captured = messageOf(hex);
    const { view, body, end } = captured;
    const detail = readRouteDetail(view, body, end, devices);
    expect(detail.isComparable).toBe(true);
    expect(detail.path).toEqual(path);
    const destination = readDestination(view, body, end, path.family as Family);
    expect(`${destination}`).toBe(to);
    const route: Route = { destination, path: detail.path };
    for (const write of [
      written((writer) => writeRouteSet(writer, 1, route, 4, "add")),
      written((writer) => writeRouteDelete(writer, 1, route, 4)),
    ]) {
      const shown = attributesFrom(captured, HEADER + 12).map(withoutNestedFlag);
      const ours = attributesFrom(write, HEADER + 12).map(withoutNestedFlag);
      expect(shown).toEqual(expect.arrayContaining(ours));
      expect(bytesOf(write, HEADER, HEADER + 6)).toBe(bytesOf(captured, HEADER, HEADER + 6));
    }
  });

  test("readRouteDetail lists the legs of a multipath route", () => {
    const { view, body, end } = messageOf(dumps.ROUTE_MULTIPATH);
    const { legs, path } = readRouteDetail(view, body, end, devices);
    expect(path).toMatchObject({ device: undefined, gateway: undefined, protocol: 4 });
    expect(legs).toEqual([
      { device: "v0", gateway: parseIp("10.0.0.2") },
      { device: "vx0", gateway: parseIp("10.1.0.9") },
    ]);
  });

  /** NLA_F_NESTED, which we set on RTA_METRICS and the kernel does not. */
  function withoutNestedFlag(hex: string): string {
    return `${hex.slice(0, 6)}${(parseInt(hex.slice(6, 8), 16) & 0x7f).toString(16).padStart(2, "0")}${hex.slice(8)}`;
  }
});

test("a link without tunnel parameters is read as one", () => {
  const link: Link = readLink(
    written((writer) => {
      writer.begin(16, 0, 1);
      for (const word of [0, 9, 1, 0]) writer.word(word);
      writer.text(3, "eth0");
      writer.end();
    }),
    devices,
  );
  expect(link).toMatchObject({ name: "eth0", ifindex: 9, up: true, kind: undefined });
});
