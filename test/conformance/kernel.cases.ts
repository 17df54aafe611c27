/**
 * What every implementation of the kernel port does. Each case starts in a fresh kernel that has the
 * parent device and nothing else.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseIp } from "../../encap/address/ip-address.ts";
import { CANCELLED, Chain, type Kernel } from "../../tunnels/kernel/kernel.ts";
import { fdbKey, type Link, neighbourKey } from "../../tunnels/kernel/kernel-state.ts";
import { differingFields, linkChange } from "../../tunnels/kernel/link-change.ts";
import { runCascadeCases } from "./kernel-cascade.cases.ts";
import {
  addressOp,
  applyAll,
  codesOf,
  FAMILIES,
  fdbOp,
  type Lab,
  LINK,
  linkOp,
  MAC,
  neighbourOp,
  OTHER_MAC,
  PARENT,
  pathOf,
  routeOp,
  VXLAN,
  VXLAN_PARAMETERS,
  viaGateway,
} from "./kernel-lab.ts";
import { runRouteCases } from "./kernel-routes.cases.ts";
import { runTunCases } from "./kernel-tun.cases.ts";
import { readRoutes } from "./read-routes.ts";

export function runKernelCases(implementation: string, open: () => Promise<Lab>): void {
  describe(implementation, () => {
    let lab: Lab;
    let kernel: Kernel;

    beforeEach(async () => {
      lab = await open();
      kernel = lab.kernel;
    });

    afterEach(async () => {
      await lab.close();
    });

    test("readLinks shows the parent device", async () => {
      const parent = (await kernel.readLinks()).get(PARENT);
      expect(parent).toMatchObject({ name: PARENT, up: true, mtu: 1500 });
      expect(parent?.ifindex).toBeGreaterThan(0);
    });

    test("apply makes a link with every parameter as asked", async () => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      const actual = (await kernel.readLinks()).get(VXLAN);
      expect(actual && differingFields(actual, LINK)).toEqual([]);
      expect(codesOf(await kernel.apply([linkOp("add", LINK)]))).toEqual(["EEXIST"]);
    });

    test("apply makes a link with parameters that are not the defaults", async () => {
      const link: Link = {
        ...LINK,
        up: false,
        mtu: 1430,
        tunnel: {
          ...VXLAN_PARAMETERS,
          local: parseIp("fd00::1"),
          port: 8472,
          ttl: 9,
          tos: 4,
          ageing: 77,
          learning: true,
          proxy: true,
          l2miss: true,
          l3miss: true,
          gbp: true,
          zeroChecksum6Tx: true,
          zeroChecksum6Rx: true,
          portLow: 1000,
          portHigh: 2000,
        },
      };
      await applyAll(kernel, [linkOp("add", link)]);
      const actual = (await kernel.readLinks()).get(VXLAN);
      expect(actual && differingFields(actual, link)).toEqual([]);
    });

    const IN_PLACE: [string, Link][] = [
      ["mtu", { ...LINK, mtu: 1400 }],
      ["mac", { ...LINK, mac: OTHER_MAC }],
      ["up", { ...LINK, up: false }],
      ["local", { ...LINK, tunnel: { ...VXLAN_PARAMETERS, local: parseIp("10.0.0.7") } }],
      ["learning", { ...LINK, tunnel: { ...VXLAN_PARAMETERS, learning: true } }],
      ["ageing", { ...LINK, tunnel: { ...VXLAN_PARAMETERS, ageing: 60 } }],
      ["ttl", { ...LINK, tunnel: { ...VXLAN_PARAMETERS, ttl: 64 } }],
      ["tos", { ...LINK, tunnel: { ...VXLAN_PARAMETERS, tos: 8 } }],
      ["all", { ...LINK, mtu: 1300, tunnel: { ...VXLAN_PARAMETERS, ttl: 3, learning: true } }],
    ];

    test.each(IN_PLACE)("apply changes a link's %s in place", async (_, link) => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      const before = (await kernel.readLinks()).get(VXLAN) as Link;
      expect(linkChange(before, link)).toBe("in-place");
      await applyAll(kernel, [linkOp("replace", link, before)]);
      const after = (await kernel.readLinks()).get(VXLAN) as Link;
      expect(differingFields(after, link)).toEqual([]);
      expect(after.ifindex).toBe(before.ifindex);
    });

    const REFUSED: [string, Partial<typeof VXLAN_PARAMETERS>][] = [
      ["vni", { vni: 4097 }],
      ["port", { port: 4790 }],
      ["local of the other family", { local: parseIp("fd00::1") }],
      ["proxy", { proxy: true }],
      ["l2miss", { l2miss: true }],
      ["ttlInherit", { ttlInherit: true }],
      ["gbp", { gbp: true }],
      ["udpChecksum", { udpChecksum: false }],
      ["source ports", { portLow: 1000, portHigh: 2000 }],
    ];

    test.each(REFUSED)("apply cannot change a link's %s in place", async (_, change) => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      const before = (await kernel.readLinks()).get(VXLAN) as Link;
      const link = { ...LINK, tunnel: { ...VXLAN_PARAMETERS, ...change } };
      expect(linkChange(before, link)).toBe("recreate");
      expect(await kernel.apply([linkOp("replace", link, before)])).toHaveLength(1);
    });

    test("apply takes an address that is there, and one that is gone, as done", async () => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      for (const ip of ["10.1.0.0", "fd00:1::"]) {
        await applyAll(kernel, [addressOp("add", ip), addressOp("add", ip)]);
        const key = `${VXLAN} ${ip}/${ip.includes(":") ? 128 : 32}`;
        expect((await kernel.readAddresses()).get(key)).toMatchObject({ scope: "global" });
        await applyAll(kernel, [addressOp("delete", ip), addressOp("delete", ip)]);
        expect((await kernel.readAddresses()).has(key)).toBe(false);
      }
    });

    test("apply sets, changes and deletes neighbours of both families", async () => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      for (const { gateway } of FAMILIES) {
        const key = neighbourKey({ device: VXLAN, ip: parseIp(gateway) });
        await applyAll(kernel, [neighbourOp("replace", gateway)]);
        expect((await kernel.readNeighbours([VXLAN])).get(key)?.mac).toBe(MAC);
        await applyAll(kernel, [neighbourOp("replace", gateway, OTHER_MAC)]);
        expect((await kernel.readNeighbours([VXLAN])).get(key)?.mac).toBe(OTHER_MAC);
        await applyAll(kernel, [neighbourOp("delete", gateway), neighbourOp("delete", gateway)]);
        expect((await kernel.readNeighbours([VXLAN])).has(key)).toBe(false);
      }
    });

    test("apply sets, changes and deletes FDB entries", async () => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      const key = fdbKey({ device: VXLAN, mac: MAC });
      const read = async (): Promise<string> =>
        `${(await kernel.readFdb([VXLAN])).get(key)?.destination}`;
      await applyAll(kernel, [fdbOp("replace", "10.0.0.2")]);
      expect(await read()).toBe("10.0.0.2");
      await applyAll(kernel, [fdbOp("replace", "10.0.0.3")]);
      expect(await read()).toBe("10.0.0.3");
      expect(codesOf(await kernel.apply([fdbOp("replace", "fd00::2", OTHER_MAC)]))).toEqual([
        "EAFNOSUPPORT",
      ]);
      await applyAll(kernel, [fdbOp("delete", "10.0.0.9"), fdbOp("delete", "10.0.0.3")]);
      expect(await read()).toBe("undefined");
    });

    test("reads of devices that do not exist are empty", async () => {
      expect((await kernel.readNeighbours(["gone0"])).size).toBe(0);
      expect((await kernel.readFdb(["gone0"])).size).toBe(0);
      expect(await kernel.readUnderlayRoutes(4, "gone0")).toEqual([]);
    });

    test("apply goes on after failures and names them in order", async () => {
      const failures = await kernel.apply([
        neighbourOp("replace", "10.1.0.64"),
        linkOp("add", LINK),
        neighbourOp("replace", "10.1.0.64"),
        routeOp("add", "10.2.0.0/26", pathOf(4, { nexthopId: 99 })),
        routeOp("add", "10.2.0.64/26", viaGateway("10.1.0.64")),
        linkOp("add", { ...LINK, name: "other0", tunnel: { ...VXLAN_PARAMETERS, parent: "no0" } }),
        {
          kind: "sysctl",
          verb: "replace",
          object: { name: "net.no", value: "1" },
          reason: "missing",
        },
      ]);
      expect(failures.map(({ op, code }) => `${op.kind} ${code}`)).toEqual([
        "neighbour ENODEV",
        "route EINVAL",
        "link ENODEV",
        "sysctl ENOENT",
      ]);
      for (const { message } of failures) expect(message).not.toBe("");
      expect((await readRoutes(kernel, 4)).owned.size).toBe(1);
    });

    test("a chain goes on while all goes well, and what follows a failure is cancelled", async () => {
      await applyAll(kernel, [linkOp("add", LINK)]);
      const whole = new Chain();
      const calls = [[fdbOp("replace", "10.0.0.2")], [neighbourOp("replace", "10.1.0.64")]];
      const answers = await Promise.all(calls.map((ops) => kernel.apply(ops, whole)));
      expect(answers).toEqual([[], []]);
      const broken = new Chain();
      const failures = await Promise.all([
        kernel.apply([addressOp("add", "10.1.0.0")], broken),
        kernel.apply([routeOp("add", "10.2.0.0/26", pathOf(4, { nexthopId: 99 }))], broken),
        kernel.apply([routeOp("add", "10.2.0.64/26", viaGateway("10.1.0.64"))], broken),
      ]);
      expect(failures.map(codesOf)).toEqual([[], ["EINVAL"], [CANCELLED]]);
      expect([whole.isBroken, broken.isBroken]).toEqual([false, true]);
      const unchained = [routeOp("add", "10.2.0.128/26", viaGateway("10.1.0.64"))];
      expect(await kernel.apply(unchained)).toEqual([]);
      expect((await readRoutes(kernel, 4)).owned.size).toBe(1);
    });

    test("what was prepared for a device to come is carried out on it", async () => {
      const calls = [
        [linkOp("add", LINK)],
        [addressOp("add", "10.1.0.0")],
        [fdbOp("replace", "10.0.0.2")],
        [neighbourOp("replace", "10.1.0.64")],
        [routeOp("add", "10.2.0.0/26", viaGateway("10.1.0.64"))],
      ];
      for (const ops of calls) await kernel.prepare(ops);
      expect(kernel.writeCount).toBe(0);
      for (const ops of calls) expect(await kernel.apply(ops)).toEqual([]);
      const key = fdbKey({ device: VXLAN, mac: MAC });
      expect(`${(await kernel.readFdb([VXLAN])).get(key)?.destination}`).toBe("10.0.0.2");
      expect((await readRoutes(kernel, 4)).owned.size).toBe(1);
    });

    test("apply counts what it asks of the kernel, and reading costs nothing", async () => {
      await applyAll(kernel, [linkOp("add", LINK), addressOp("add", "10.1.0.0")]);
      await kernel.readLinks();
      await readRoutes(kernel, 4);
      expect(kernel.writeCount).toBe(2);
    });

    test("a sysctl is read and written; one that does not exist is left out", async () => {
      const name = "net.ipv4.ip_forward";
      const object = { name, value: "1" };
      await applyAll(kernel, [{ kind: "sysctl", verb: "replace", object, reason: "different" }]);
      const values = await kernel.readSysctls([name, "net.no"]);
      expect([...values.values()]).toEqual([object]);
    });

    runRouteCases(() => lab);
    runTunCases(() => kernel);
    runCascadeCases(() => lab);
  });
}
