import { describe, expect, test } from "vitest";
import { formatShown } from "../../../src/cli/show.ts";

describe("formatShown", () => {
  test("answers in the first line, then marks each row", () => {
    const rows = [
      { route: "10.0.0.0/26 nhid 1 proto 202", note: "block of birch", state: "ok" },
      { route: "10.0.1.0/26 nhid 22 proto 202", note: "block of cedar", state: "missing" },
    ];
    expect(formatShown("routes", rows)).toBe(
      "2 routes, 1 not in the kernel\n" +
        "✓          10.0.0.0/26 nhid 1 proto 202   block of birch\n" +
        "✗ missing  10.0.1.0/26 nhid 22 proto 202  block of cedar\n",
    );
  });

  test("counts this node's own VTEP as in the kernel, and a loser's not", () => {
    const ends = { tunnelIp: "10.0.0.0", mac: "66:00:00:00:00:01", underlayIp: "192.0.2.10" };
    const vtep = { ...ends, carriedBy: "kernel" };
    const rows = [
      { ...vtep, node: "alder", state: "local" },
      { ...vtep, node: "birch", state: "ok" },
    ];
    expect(formatShown("vteps", rows).split("\n").slice(0, 3)).toEqual([
      "2 VTEPs, all in the kernel",
      "   node   tunnel IP  MAC                node address  carried by",
      "·  alder  10.0.0.0   66:00:00:00:00:01  192.0.2.10    kernel",
    ]);
    const moved = rows.map((row) => ({ ...row, carriedBy: "userspace" }));
    expect(formatShown("vteps", moved)).toMatch(/^2 VTEPs, all in force\n/);
    const lost = [...rows, { ...vtep, node: "elm", state: "lost a conflict" }];
    expect(formatShown("vteps", lost)).toMatch(/^3 VTEPs, 1 not in the kernel\n/);
  });

  test("names the parameters of a device and the pools it carries", () => {
    const device = {
      name: "vxlan.causeway",
      mtu: 1450,
      address: "10.0.0.0/32",
      mac: "66:00:00:00:00:01",
      parameters: "type vxlan id 4096",
      note: 'carries pool "vxlan"',
      carries: [],
      state: "ok",
    };
    expect(formatShown("devices", [device])).toBe(
      "1 tunnel device, all in the kernel\n" +
        "✓ vxlan.causeway  mtu 1450  10.0.0.0/32  66:00:00:00:00:01\n" +
        "    type vxlan id 4096\n" +
        '    carries pool "vxlan"\n',
    );
  });

  test("names what the data path carries over the TUN device", () => {
    const device = {
      name: "tun.causeway",
      mtu: 1480,
      address: "10.0.0.0/32",
      mac: "",
      parameters: "type tun mode tun",
      note: 'carries pool "ipip"',
      carries: ["IP-in-IP by the batch engine"],
      state: "ok",
    };
    expect(formatShown("devices", [device])).toBe(
      "1 tunnel device, all in the kernel\n" +
        "✓ tun.causeway  mtu 1480  10.0.0.0/32\n" +
        "    type tun mode tun\n" +
        "    IP-in-IP by the batch engine\n" +
        '    carries pool "ipip"\n',
    );
  });

  test.each([
    ["devices", "no tunnel devices are wanted\n"],
    ["vteps", "no VTEPs are wanted\n"],
    ["routes", "no routes are wanted\n"],
    ["conflicts", "no conflicts\n"],
  ] as const)("says that there are no %s", (what, text) => {
    expect(formatShown(what, [])).toBe(text);
  });
});
