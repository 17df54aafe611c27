/** What every implementation of the kernel port does with routes and nexthops, in both families. */
import { beforeEach, describe, expect, test } from "vitest";
import { parseCidr } from "../../encap/address/cidr.ts";
import { parseIp } from "../../encap/address/ip-address.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import {
  addressOp,
  applyAll,
  codesOf,
  FAMILIES,
  type FamilyCase,
  type Lab,
  LINK,
  linkOp,
  nexthopOp,
  PARENT,
  pathOf,
  routeOp,
  VXLAN,
  viaGateway,
  Witness,
} from "./kernel-lab.ts";
import { readRoutes } from "./read-routes.ts";

export function runRouteCases(openLab: () => Lab): void {
  describe.each(FAMILIES)("IPv$family", (names: FamilyCase) => {
    const { family, gateway, otherGateway, destination, otherDestination } = names;
    let lab: Lab;
    let kernel: Kernel;

    beforeEach(async () => {
      lab = openLab();
      kernel = lab.kernel;
      await applyAll(kernel, [linkOp("add", LINK), addressOp("add", names.tunnelIp)]);
    });

    test("apply adds, replaces and deletes a route", async () => {
      await applyAll(kernel, [routeOp("add", destination, viaGateway(gateway))]);
      expect(
        codesOf(await kernel.apply([routeOp("add", destination, viaGateway(gateway))])),
      ).toEqual(["EEXIST"]);
      expect((await readRoutes(kernel, family)).owned).toEqual(
        new Map([[destination, `unicast ${gateway} ${VXLAN} 202`]]),
      );
      await applyAll(kernel, [routeOp("replace", destination, viaGateway(otherGateway))]);
      await applyAll(kernel, [
        routeOp("replace", destination, pathOf(family, { type: "blackhole" })),
      ]);
      await applyAll(kernel, [routeOp("delete", destination, viaGateway(otherGateway))]);
      expect((await readRoutes(kernel, family)).owned.get(destination)).toBe("blackhole - - 202");
      const blackhole = routeOp("delete", destination, pathOf(family, { type: "blackhole" }));
      await applyAll(kernel, [blackhole, blackhole]);
      expect((await readRoutes(kernel, family)).owned.size).toBe(0);
    });

    test("route events may be paused, and other events come all the same", async () => {
      const route = routeOp("add", destination, pathOf(family, { type: "blackhole" }));
      const other = routeOp("add", otherDestination, pathOf(family, { type: "blackhole" }));
      await applyAll(kernel, [route, other]);
      const witness = await Witness.of(kernel);
      kernel.pauseRouteEvents();
      await lab.outsider.deleteRoute(destination);
      await lab.outsider.setLink(PARENT, { mtu: 1400 });
      await witness.until(({ kind }) => kind === "link");
      kernel.resumeRouteEvents();
      await lab.outsider.deleteRoute(otherDestination);
      await witness.until(({ kind }) => kind === "route");
      const told = witness.changes.filter((change) => change.kind === "route");
      expect(told.map((change) => `${change.destination}`)).toEqual([otherDestination]);
    });

    test("a route is read back with exactly the path it was made with", async () => {
      await applyAll(kernel, [nexthopOp("add", 7, gateway)]);
      const source = parseIp(names.tunnelIp);
      const paths = [
        pathOf(family, { nexthopId: 7, mtu: 1400, source }),
        pathOf(family, { nexthopId: 7 }),
        { ...viaGateway(otherGateway), mtu: 1300 },
        pathOf(family, { device: VXLAN }),
        pathOf(family, { type: "unreachable" }),
        pathOf(family, { type: "prohibit" }),
      ];
      const to = (index: number): string =>
        family === 4 ? `10.3.${index}.0/24` : `fd00:3:${index}::/64`;
      await applyAll(
        kernel,
        paths.map((path, index) => routeOp("add", to(index), path)),
      );
      const numbers: number[] = [];
      await kernel.readRoutes(family, {
        owned: (_w0, _w1, _w2, _w3, _length, path) => numbers.push(path),
        wants: () => false,
        foreign: () => undefined,
      });
      const wanted = paths.map((path) => kernel.paths.intern(path));
      expect(numbers.sort()).toEqual(wanted.sort());
      await applyAll(
        kernel,
        paths.map((path, index) => routeOp("delete", to(index), path)),
      );
      expect((await readRoutes(kernel, family)).owned.size).toBe(0);
    });

    test("routesFingerprint changes with the routes, and with nothing else", async () => {
      await applyAll(kernel, [
        nexthopOp("add", 7, gateway),
        routeOp("add", destination, viaGateway(gateway)),
      ]);
      const before = await kernel.routesFingerprint(family);
      expect(before).toBeDefined();
      expect(await kernel.routesFingerprint(family)).toBe(before);
      await applyAll(kernel, [nexthopOp("add", 8, otherGateway)]);
      expect(await kernel.routesFingerprint(family)).toBe(before);
      const seen = new Set([before]);
      for (const op of [
        routeOp("add", otherDestination, viaGateway(gateway)),
        routeOp("replace", otherDestination, pathOf(family, { nexthopId: 7 })),
        routeOp("replace", destination, viaGateway(otherGateway)),
        routeOp("delete", otherDestination, pathOf(family, { nexthopId: 7 })),
      ]) {
        await applyAll(kernel, [op]);
        seen.add(await kernel.routesFingerprint(family));
      }
      expect(seen.size).toBe(5);
      await lab.outsider.addRoute({ to: otherDestination, via: names.underlay, dev: PARENT });
      seen.add(await kernel.routesFingerprint(family));
      expect(seen.size).toBe(6);
    });

    test("a default route has its place", async () => {
      const everything = family === 4 ? "0.0.0.0/0" : "::/0";
      await applyAll(kernel, [routeOp("add", everything, viaGateway(gateway))]);
      expect([...(await readRoutes(kernel, family)).owned.keys()]).toEqual([everything]);
      await applyAll(kernel, [routeOp("delete", everything, viaGateway(gateway))]);
      expect((await readRoutes(kernel, family)).owned.size).toBe(0);
    });

    test("a nexthop moves, and takes its routes along when it goes", async () => {
      await applyAll(kernel, [
        nexthopOp("add", 7, gateway),
        routeOp("add", destination, pathOf(family, { nexthopId: 7 })),
        routeOp("add", otherDestination, viaGateway(gateway)),
      ]);
      expect(codesOf(await kernel.apply([nexthopOp("add", 7, gateway)]))).toEqual(["EEXIST"]);
      await applyAll(kernel, [nexthopOp("replace", 7, otherGateway)]);
      const nexthop = (await kernel.readNexthops()).get(7);
      expect(`${nexthop?.gateway}`).toBe(otherGateway);
      expect(nexthop).toMatchObject({ family, device: VXLAN, onlink: true, protocol: 202 });
      await applyAll(kernel, [nexthopOp("delete", 7, gateway), nexthopOp("delete", 7, gateway)]);
      expect([...(await readRoutes(kernel, family)).owned.keys()]).toEqual([otherDestination]);
    });

    test("a gateway that is not on a subnet of the device needs onlink", async () => {
      const path = { ...viaGateway(gateway), onlink: false };
      const failures = await kernel.apply([routeOp("add", destination, path)]);
      expect(codesOf(failures)).toEqual([names.unreachable]);
    });

    test("an on-link gateway that a route leads to another device is refused in IPv6, unless link-local", async () => {
      const path = pathOf(family, { device: PARENT, gateway: parseIp(names.underlay) });
      await applyAll(kernel, [routeOp("add", destination, path)]);
      const inside = `${parseCidr(destination).address}`;
      const failures = await kernel.apply([nexthopOp("add", 7, inside)]);
      expect(codesOf(failures)).toEqual(family === 4 ? [] : ["EINVAL"]);
      if (family === 6) await applyAll(kernel, [nexthopOp("add", 7, "fe80::1")]);
    });

    test("a foreign route is shown if wanted, not deleted, and taken over by replace", async () => {
      await lab.outsider.addRoute({ to: destination, via: names.underlay, dev: PARENT });
      expect((await readRoutes(kernel, family)).foreign.size).toBe(0);
      const { owned, foreign } = await readRoutes(kernel, family, [destination]);
      expect(owned.size).toBe(0);
      expect(foreign.get(destination)).toMatch(`unicast ${names.underlay} ${PARENT}`);
      const path = pathOf(family, { device: PARENT, gateway: parseIp(names.underlay) });
      await applyAll(kernel, [routeOp("delete", destination, path)]);
      expect((await readRoutes(kernel, family, [destination])).foreign.size).toBe(1);
      const add = await kernel.apply([routeOp("add", destination, viaGateway(gateway))]);
      expect(codesOf(add)).toEqual(["EEXIST"]);
      await applyAll(kernel, [routeOp("replace", destination, viaGateway(gateway))]);
      const after = await readRoutes(kernel, family, [destination]);
      expect([after.owned.size, after.foreign.size]).toEqual([1, 0]);
    });

    test("routes of the underlay are shown with every metric, ours are not", async () => {
      const { underlay } = names;
      await lab.outsider.addRoute({ to: destination, via: underlay, dev: PARENT, metric: 77 });
      await applyAll(kernel, [
        routeOp("add", otherDestination, pathOf(family, { device: PARENT })),
      ]);
      const routes = await kernel.readUnderlayRoutes(family, PARENT);
      const subnet = family === 4 ? "10.0.0.0/24" : "fd00::/64";
      const shown = routes
        .map((route) => `${route.destination} ${route.gateway} ${route.metric}`)
        .filter((text) => !text.startsWith("fe80:"));
      expect(shown.sort()).toEqual(
        [`${subnet} undefined ${family === 4 ? 0 : 256}`, `${destination} ${underlay} 77`].sort(),
      );
    });
  });
}
