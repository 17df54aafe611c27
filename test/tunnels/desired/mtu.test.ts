import { describe, expect, test } from "vitest";
import type { UnderlayMtu } from "../../../encap/encap-mode.ts";
import { fitMtu } from "../../../tunnels/desired/mtu.ts";
import { effectiveSettings } from "../../../tunnels/desired/settings.ts";
import { TUNNEL_KINDS, type TunnelRole } from "../../../tunnels/desired/tunnel-role.ts";
import type { OverlaySettings } from "../../../tunnels/model/overlay-settings.ts";
import { NodeView } from "./node-view.ts";
import { twin } from "./notation.ts";

function fitted(role: TunnelRole, parent: number, settings: OverlaySettings = {}) {
  const kind = TUNNEL_KINDS.find((one) => one.role === role);
  if (kind === undefined) throw new RangeError(role);
  return fitMtu(
    kind,
    `${role}.causeway`,
    parent as UnderlayMtu,
    effectiveSettings([{ source: "flag", settings }]),
  );
}

test.each([
  ["vxlan", 1500, 1450],
  ["vxlan6", 1500, 1430],
  ["ipip", 1500, 1480],
  ["vxlan", 9000, 8950],
  ["vxlan6", 1400, 1330],
  ["ipip", 1400, 1380],
] as const)("fitMtu of %s leaves of a parent's %i the headers", (role, parent, mtu) => {
  expect(fitted(role, parent)).toEqual({ mtu });
});

test.each([
  ["vxlan", 118, 68],
  ["vxlan6", 1350, 1280],
  ["ipip", 88, 68],
] as const)("fitMtu of %s makes do with a parent of %i", (role, parent, mtu) => {
  expect(fitted(role, parent)).toEqual({ mtu });
});

test.each([
  ["vxlan", { vxlanMtu: 1300 }, 1300],
  ["vxlan6", { vxlanMtu6: 1300 }, 1300],
  ["ipip", { ipipMtu: 1300 }, 1300],
  ["vxlan", { vxlanMtu: 1450 }, 1450],
  ["vxlan", { vxlanMtu: 68 }, 68],
  ["vxlan6", { vxlanMtu6: 1280 }, 1280],
  ["vxlan", { vxlanMtu: 0, vxlanMtu6: 1300, ipipMtu: 1300 }, 1450],
] as const)("fitMtu of %s keeps to %o", (role, settings, mtu) => {
  expect(fitted(role, 1500, settings)).toEqual({ mtu });
});

test.each([
  [
    "vxlan",
    { vxlanMtu: 1451 },
    1450,
    "vxlanMtu 1451 (flag) is more than the parent's 1500 leaves after 50 bytes of headers; 1450 is used",
  ],
  [
    "ipip",
    { ipipMtu: 9000 },
    1480,
    "ipipMtu 9000 (flag) is more than the parent's 1500 leaves after 20 bytes of headers; 1480 is used",
  ],
  [
    "vxlan6",
    { vxlanMtu6: 1279 },
    1280,
    "vxlanMtu6 1279 (flag) is less than IPv6 needs; 1280 is used",
  ],
  ["vxlan", { vxlanMtu: 67 }, 68, "vxlanMtu 67 (flag) is less than IPv4 needs; 68 is used"],
] as const)(
  "fitMtu of %s comes as near to %o as it can, and says so",
  (role, settings, mtu, reason) => {
    const { problem, ...result } = fitted(role, 1500, settings);
    expect(result).toEqual({ mtu });
    expect(problem).toMatchObject({ severity: "warning", reason });
    expect(problem?.hint).toContain("set it to 0");
  },
);

test.each([
  [
    "vxlan",
    117,
    "the parent's MTU of 117 leaves 67 after 50 bytes of headers; IPv4 needs 68",
    "raise the parent's MTU to 118 or more",
  ],
  [
    "vxlan6",
    1349,
    "the parent's MTU of 1349 leaves 1279 after 70 bytes of headers; IPv6 needs 1280",
    "raise the parent's MTU to 1350 or more",
  ],
  [
    "ipip",
    68,
    "the parent's MTU of 68 leaves 48 after 20 bytes of headers; IPv4 needs 68",
    "raise the parent's MTU to 88 or more",
  ],
] as const)("fitMtu of %s makes no device over a parent of %i", (role, parent, reason, hint) => {
  const { mtu, problem } = fitted(role, parent);
  expect(mtu).toBeUndefined();
  expect(problem).toMatchObject({ severity: "error", reason, hint });
});

describe.each([4, 6] as const)("a parent's MTU, IPv%i", (family) => {
  const say = (line: string): string => twin(family, line);
  const overhead = family === 4 ? 50 : 70;

  test("changes the device, and nothing else", () => {
    const view = new NodeView().change(
      [
        "pool p 10.0.0.0/16 vxlan",
        "node alder 192.0.2.1/24 vxlan=10.0.0.1",
        "node birch 192.0.2.2 vxlan=10.0.1.1",
        "block 10.0.1.0/29 birch",
      ].map(say),
    );
    view.calculate();
    for (const mtu of [1400, 9000, 1500]) {
      view.facts = { ...view.facts, mtu };
      const { all, links, ...rest } = view.calculate();
      expect([all, [...links]]).toEqual([false, [say("vxlan.causeway")]]);
      expect(view.wants("link")[0]).toContain(`mtu ${mtu - overhead} `);
      const others = [rest.addresses, rest.neighbours, rest.fdb, rest.nexthops, rest.sysctls];
      expect(others.map(({ size }) => size)).toEqual([0, 0, 0, 0, 0]);
      expect(rest.routes[family]).toEqual({ rows: [], removed: [] });
    }
  });

  test("too small for the tunnel takes the device away and says why", () => {
    const view = new NodeView().change(
      ["pool p 10.0.0.0/16 vxlan", "node alder 192.0.2.1/24 vxlan=10.0.0.1"].map(say),
    );
    view.facts = { ...view.facts, mtu: 100 };
    expect(view.wants("link")).toEqual([]);
    expect(view.problems()[0]).toContain("the parent's MTU of 100 leaves");
  });
});
