import { expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import type { RoutePath } from "../../../tunnels/kernel/kernel-state.ts";
import { PathTable } from "../../../tunnels/kernel/path-table.ts";

const PATH: RoutePath = {
  family: 4,
  type: "unicast",
  protocol: 202,
  nexthopId: undefined,
  device: "eth0",
  gateway: parseIp("192.0.2.1"),
  onlink: true,
  mtu: 1450,
  source: parseIp("192.0.2.2"),
};

test("intern gives equal paths one number, and every other path another", () => {
  const others: Partial<RoutePath>[] = [
    { family: 6 },
    { type: "blackhole" },
    { protocol: 3 },
    { nexthopId: 7 },
    { device: undefined },
    { device: "eth1" },
    { gateway: undefined },
    { gateway: parseIp("192.0.2.3") },
    { onlink: false },
    { mtu: undefined },
    { mtu: 1400 },
    { source: undefined },
    { source: parseIp("192.0.2.4") },
  ];
  const table = new PathTable();
  const paths = [PATH, ...others.map((other) => ({ ...PATH, ...other }))];
  expect(paths.map((path) => table.intern(path))).toEqual(paths.map((_, at) => at));
  expect(paths.map((path) => table.intern({ ...path }))).toEqual(paths.map((_, at) => at));
  expect(table.size).toBe(paths.length);
  for (const [at, path] of paths.entries()) expect(table.get(at)).toEqual(path);
});

test.each([-1, 0, 1])("get refuses %i in an empty table", (id) => {
  expect(() => new PathTable().get(id)).toThrow(RangeError);
});
