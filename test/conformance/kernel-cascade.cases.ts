/** What goes along with what, what is announced, and what happens to thousands of operations. */
import { beforeEach, describe, expect, test } from "vitest";
import { parseCidr } from "../../encap/address/cidr.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import {
  addressOp,
  applyAll,
  FAMILIES,
  type FamilyCase,
  fdbOp,
  type Lab,
  LINK,
  linkOp,
  MAC,
  neighbourOp,
  nexthopOp,
  OTHER_MAC,
  PARENT,
  pathOf,
  routeOp,
  VXLAN,
  viaGateway,
  Witness,
} from "./kernel-lab.ts";
import { readRoutes } from "./read-routes.ts";

export function runCascadeCases(openLab: () => Lab): void {
  describe.each(FAMILIES)("IPv$family", (names: FamilyCase) => {
    const { family, gateway, otherGateway, destination, otherDestination } = names;
    let lab: Lab;
    let kernel: Kernel;

    beforeEach(async () => {
      lab = openLab();
      kernel = lab.kernel;
      await applyAll(kernel, [linkOp("add", LINK), addressOp("add", names.tunnelIp)]);
    });

    test("a link takes all that is on it along", async () => {
      await applyAll(kernel, [
        neighbourOp("replace", gateway),
        fdbOp("replace", "10.0.0.2"),
        nexthopOp("add", 7, gateway),
        routeOp("add", destination, pathOf(family, { nexthopId: 7 })),
        routeOp("add", otherDestination, viaGateway(gateway)),
        linkOp("delete", LINK),
        linkOp("delete", LINK),
      ]);
      expect((await kernel.readLinks()).has(VXLAN)).toBe(false);
      expect((await kernel.readNexthops()).size).toBe(0);
      expect((await readRoutes(kernel, family)).owned.size).toBe(0);
      await applyAll(kernel, [linkOp("add", LINK)]);
      expect((await kernel.readNeighbours([VXLAN])).size).toBe(0);
      expect((await kernel.readFdb([VXLAN])).size).toBe(0);
    });

    test("a link that goes down loses neighbours, nexthops and routes, not its FDB", async () => {
      await applyAll(kernel, [
        neighbourOp("replace", gateway),
        fdbOp("replace", "10.0.0.2"),
        nexthopOp("add", 7, gateway),
        routeOp("add", destination, pathOf(family, { nexthopId: 7 })),
        routeOp("add", otherDestination, viaGateway(gateway)),
      ]);
      await lab.outsider.setLink(VXLAN, "down");
      expect((await kernel.readNeighbours([VXLAN])).size).toBe(0);
      expect((await kernel.readNexthops()).size).toBe(0);
      expect((await readRoutes(kernel, family)).owned.size).toBe(0);
      expect((await kernel.readFdb([VXLAN])).size).toBe(1);
    });

    test("a link that gets another MAC loses its neighbours", async () => {
      await applyAll(kernel, [neighbourOp("replace", gateway)]);
      await applyAll(kernel, [linkOp("replace", { ...LINK, mac: OTHER_MAC }, LINK)]);
      expect((await kernel.readNeighbours([VXLAN])).size).toBe(0);
    });

    test("what others do is announced, and what we do is not", async () => {
      const witness = await Witness.of(kernel);
      await applyAll(kernel, [
        neighbourOp("replace", gateway),
        neighbourOp("replace", otherGateway),
        neighbourOp("delete", otherGateway),
        fdbOp("replace", "10.0.0.2"),
        fdbOp("replace", "10.0.0.3"),
        fdbOp("replace", "10.0.0.3", OTHER_MAC),
        fdbOp("delete", "10.0.0.3", OTHER_MAC),
        nexthopOp("add", 7, gateway),
        nexthopOp("replace", 7, otherGateway),
        routeOp("add", destination, viaGateway(gateway)),
        routeOp("replace", destination, viaGateway(otherGateway)),
        addressOp("add", family === 4 ? "10.1.0.1" : "fd00:1::1"),
        addressOp("delete", family === 4 ? "10.1.0.1" : "fd00:1::1"),
      ]);
      await lab.outsider.deleteRoute(destination);
      const route = await witness.until(({ kind }) => kind === "route");
      expect(route).toMatchObject({ owned: true, deleted: true });
      expect(
        witness.changes.filter(({ kind }) => kind !== "link" && kind !== "address"),
      ).toHaveLength(1);
      if (route.kind === "route") {
        expect(`${route.destination}`).toBe(destination);
        expect(route.path).toBe(kernel.paths.intern(viaGateway(otherGateway)));
      }
      await lab.outsider.deleteNeighbour(VXLAN, gateway);
      await witness.until((change) => change.kind === "neighbour" && change.deleted);
      await lab.outsider.deleteFdb(VXLAN, MAC);
      await witness.until((change) => change.kind === "fdb" && change.deleted);
      await lab.outsider.deleteNexthop(7);
      const nexthop = await witness.until(({ kind }) => kind === "nexthop");
      expect(nexthop).toMatchObject({ id: 7, owned: true, deleted: true });
      const length = family === 4 ? 32 : 128;
      await lab.outsider.deleteAddress(VXLAN, `${names.tunnelIp}/${length}`);
      await witness.until((change) => change.kind === "address" && change.deleted);
      await lab.outsider.setLink(VXLAN, "down");
      await witness.until((change) => change.kind === "link" && !change.up);
      await lab.outsider.deleteLink(VXLAN);
      await witness.until((change) => change.kind === "link" && change.deleted);
    });

    test("a foreign route at our metric is announced as not ours", async () => {
      const witness = await Witness.of(kernel);
      await lab.outsider.addRoute({ to: destination, via: names.underlay, dev: PARENT });
      const change = await witness.until(({ kind }) => kind === "route");
      expect(change).toMatchObject({ owned: false, deleted: false });
      if (change.kind === "route") expect(`${change.destination}`).toBe(destination);
    });

    test("what happened before apply answers has been told by then", async () => {
      const witness = await Witness.of(kernel);
      await applyAll(kernel, [routeOp("add", destination, viaGateway(gateway))]);
      await lab.outsider.deleteRoute(destination);
      await applyAll(kernel, [routeOp("add", otherDestination, viaGateway(gateway))]);
      const told = witness.changes.filter(({ kind }) => kind === "route");
      expect(told).toMatchObject([{ owned: true, deleted: true }]);
    });

    test("thousands of operations are carried out in order, with their failures", async () => {
      const to = (index: number): string =>
        family === 4
          ? `10.${32 + (index >> 8)}.${index & 255}.0/24`
          : `fd00:3:${index.toString(16)}::/64`;
      const indexes = Array.from({ length: 3_000 }, (_, index) => index);
      const bad = (index: number): boolean => index % 700 === 3;
      await applyAll(kernel, [nexthopOp("add", 7, gateway)]);
      const failures = await kernel.apply(
        indexes.map((index) =>
          routeOp("add", to(index), pathOf(family, { nexthopId: bad(index) ? 8 : 7 })),
        ),
      );
      expect(failures.map(({ op }) => op.kind === "route" && `${op.object.destination}`)).toEqual(
        indexes.filter(bad).map((index) => parseCidr(to(index)).toString()),
      );
      expect((await readRoutes(kernel, family)).owned.size).toBe(3_000 - failures.length);
      await applyAll(
        kernel,
        indexes.map((index) => routeOp("delete", to(index), pathOf(family, { nexthopId: 7 }))),
      );
      expect((await readRoutes(kernel, family)).owned.size).toBe(0);
    });
  });
}
