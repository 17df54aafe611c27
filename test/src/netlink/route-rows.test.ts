import { describe, expect, test } from "vitest";
import { Cidr } from "../../../encap/address/cidr.ts";
import { type Family, IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import { RouteRows } from "../../../src/netlink/route-rows.ts";
import { PathTable } from "../../../tunnels/kernel/path-table.ts";
import * as dumps from "../../fixtures/netlink/dumps.ts";
import { fixtureDevices } from "../../support/netlink-bytes.ts";

function visit(
  rows: RouteRows,
  family: Family,
  hexes: readonly string[],
  wanted: readonly string[] = [],
): string[] {
  const bytes = Uint8Array.from(Buffer.from(hexes.join(""), "hex"));
  const seen: string[] = [];
  type Row = [number, number, number, number, number];
  const to = (...[w0, w1, w2, w3, length]: Row): string =>
    `${new Cidr(new IpAddress(family, w0, w1, w2, w3), length)}`;
  rows.visit(new DataView(bytes.buffer), bytes.length, family, {
    owned: (w0, w1, w2, w3, length, path) => seen.push(`${to(w0, w1, w2, w3, length)} own ${path}`),
    wants: (w0, w1, w2, w3, length) => wanted.includes(to(w0, w1, w2, w3, length)),
    foreign: (w0, w1, w2, w3, length, path) =>
      seen.push(`${to(w0, w1, w2, w3, length)} foreign ${path}`),
  });
  return seen;
}

describe("RouteRows", () => {
  test("visits our rows, and foreign ones that are wanted", () => {
    const rows = new RouteRows(new PathTable(), fixtureDevices());
    const dump = [dumps.ROUTE_CONNECTED, dumps.ROUTE_NEXTHOP_4, dumps.ROUTE_GATEWAY_4];
    expect(visit(rows, 4, dump)).toEqual(["10.2.0.0/26 own 0", "10.2.0.64/26 own 1"]);
    expect(visit(rows, 4, dump, ["10.0.0.0/24"])[0]).toBe("10.0.0.0/24 foreign 2");
    expect(visit(rows, 6, dump)).toEqual([]);
    expect(visit(rows, 6, [dumps.ROUTE_NEXTHOP_6, dumps.ROUTE_BLACKHOLE_6])).toEqual([
      "fd00:2::/122 own 3",
      "fd00:2::80/122 own 4",
    ]);
  });

  test("gives rows with the same path the same number, wherever they lead", () => {
    const rows = new RouteRows(new PathTable(), fixtureDevices());
    const other = dumps.ROUTE_GATEWAY_4.replace("0a020040", "0a0200c0").replace(
      "021a0000",
      "021b0000",
    );
    expect(visit(rows, 4, [dumps.ROUTE_GATEWAY_4, other])).toEqual([
      "10.2.0.64/26 own 0",
      "10.2.0.192/27 own 0",
    ]);
  });

  test("ignores another table, metric or TOS", () => {
    const rows = new RouteRows(new PathTable(), fixtureDevices());
    const tos = dumps.ROUTE_BLACKHOLE_4.replace("021a0000feca", "021a0008feca");
    const table = dumps.ROUTE_BLACKHOLE_4.replace("08000f00fe", "08000f0064");
    const metric = dumps.ROUTE_BLACKHOLE_6.replace("0800060000040000", "0800060000010000");
    expect(visit(rows, 4, [tos, table])).toEqual([]);
    expect(visit(rows, 6, [metric])).toEqual([]);
  });

  test("reads names again when devices have changed", () => {
    const paths = new PathTable();
    const devices = fixtureDevices();
    const rows = new RouteRows(paths, devices);
    expect(visit(rows, 4, [dumps.ROUTE_GATEWAY_4])).toEqual(["10.2.0.64/26 own 0"]);
    devices.set("renamed0", 4);
    expect(visit(rows, 4, [dumps.ROUTE_GATEWAY_4])).toEqual(["10.2.0.64/26 own 1"]);
    expect(paths.get(1)).toMatchObject({ device: "renamed0", gateway: parseIp("10.1.0.65") });
  });

  test("keeps thousands of paths apart", () => {
    const rows = new RouteRows(new PathTable(), fixtureDevices());
    const dump = Array.from({ length: 5_000 }, (_, index) =>
      dumps.ROUTE_GATEWAY_4.replace("0a010041", (0x0b000000 + index).toString(16).padStart(8, "0")),
    );
    const numbers = visit(rows, 4, dump).map((text) => text.split(" ").at(-1));
    expect(new Set(numbers).size).toBe(5_000);
    expect(visit(rows, 4, dump).map((text) => text.split(" ").at(-1))).toEqual(numbers);
  });
});
