/** TUN devices: other links to look at, though rtnetlink does not make them. */
import { expect, test } from "vitest";
import { parseIp } from "../../encap/address/ip-address.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import type { Link } from "../../tunnels/kernel/kernel-state.ts";
import { differingFields, linkChange } from "../../tunnels/kernel/link-change.ts";
import { addressOp, applyAll, codesOf, linkOp, pathOf, routeOp } from "./kernel-lab.ts";
import { readRoutes } from "./read-routes.ts";

const TUN: Link = {
  name: "tun.causeway",
  ifindex: 0,
  up: true,
  running: true,
  mtu: 1450,
  mac: undefined,
  kind: "tun",
  tunnel: { kind: "tun", mode: "tun", multiQueue: false },
};

export function runTunCases(kernelOf: () => Kernel): void {
  test("apply makes a TUN device, once, and it stays", async () => {
    const kernel = kernelOf();
    await applyAll(kernel, [linkOp("add", TUN)]);
    const actual = (await kernel.readLinks()).get(TUN.name);
    expect(actual && differingFields(actual, TUN)).toEqual([]);
    expect(codesOf(await kernel.apply([linkOp("add", TUN)]))).toEqual(["EEXIST"]);
  });

  test("apply changes a TUN device in place, and deletes it", async () => {
    const kernel = kernelOf();
    await applyAll(kernel, [linkOp("add", TUN)]);
    const before = (await kernel.readLinks()).get(TUN.name) as Link;
    const after = { ...TUN, mtu: 1400, up: false };
    expect(linkChange(before, after)).toBe("in-place");
    await applyAll(kernel, [linkOp("replace", after, before)]);
    const now = (await kernel.readLinks()).get(TUN.name) as Link;
    expect(differingFields(now, after)).toEqual([]);
    expect(now.ifindex).toBe(before.ifindex);
    await applyAll(kernel, [linkOp("delete", now), linkOp("delete", now)]);
    expect((await kernel.readLinks()).has(TUN.name)).toBe(false);
  });

  test.each([
    [4, "10.1.0.0", "10.2.0.0/24"],
    [6, "fd00:1::", "fd00:2::/64"],
  ] as const)("apply routes IPv%i over a TUN device with no gateway", async (family, ip, to) => {
    const kernel = kernelOf();
    await applyAll(kernel, [linkOp("add", TUN), addressOp("add", ip, TUN.name)]);
    const path = pathOf(family, { device: TUN.name, mtu: 1400, source: parseIp(ip) });
    await applyAll(kernel, [routeOp("add", to, path)]);
    const { owned } = await readRoutes(kernel, family);
    expect(owned.get(to)).toBe(`unicast - ${TUN.name} 202`);
  });
}
