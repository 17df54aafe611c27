import { expect, test } from "vitest";
import { parseCidr } from "../../encap/address/cidr.ts";
import { parseIp } from "../../encap/address/ip-address.ts";
import { parseMac } from "../../encap/address/mac-address.ts";
import type { Link } from "../../tunnels/kernel/kernel-state.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { runKernelCases } from "./kernel.cases.ts";
import { codesOf, type Lab, LINK, linkOp, type Outsider, PARENT, pathOf } from "./kernel-lab.ts";

const PARENT_LINK: Link = {
  name: PARENT,
  ifindex: 0,
  up: true,
  running: true,
  mtu: 1500,
  mac: undefined,
  kind: undefined,
  tunnel: undefined,
};

async function openLab(): Promise<Lab> {
  const kernel = new FakeKernel();
  const { external } = kernel;
  external.addLink(PARENT_LINK);
  for (const [ip, prefixLength] of [
    ["10.0.0.1", 24],
    ["fd00::1", 64],
  ] as const) {
    external.setAddress({ device: PARENT, ip: parseIp(ip), prefixLength, scope: "global" });
  }
  // The events of what was there before the case began are nobody's business.
  await new Promise((resolve) => setImmediate(resolve));
  const addressOf = (text: string): { ip: ReturnType<typeof parseIp>; prefixLength: number } => {
    const [ip, length] = text.split("/");
    return { ip: parseIp(ip as string), prefixLength: Number(length) };
  };
  const outsider: Outsider = {
    async setLink(name, change) {
      const link = external.links.get(name) as Link;
      if (change === "up" || change === "down") {
        external.changeLink(name, link, { ...link, up: change === "up" });
      } else if ("mac" in change) {
        external.changeLink(name, link, { ...link, mac: parseMac(change.mac) });
      } else external.changeLink(name, link, { ...link, mtu: change.mtu });
    },
    async deleteLink(name) {
      external.deleteLink(name);
    },
    async addRoute({ to, via, dev, metric }) {
      const destination = parseCidr(to);
      const { family } = destination;
      const path = pathOf(family, { protocol: 3, device: dev, gateway: parseIp(via) });
      external.addRoute({ destination, path, metric: metric ?? (family === 4 ? 0 : 1024) });
    },
    async deleteRoute(to) {
      for (const route of [...external.routes.values()]) {
        if (`${route.destination}` === to) external.deleteRoute(route);
      }
    },
    async deleteNeighbour(device, ip) {
      external.deleteNeighbour({ device, ip: parseIp(ip) });
    },
    async deleteFdb(device, mac) {
      external.deleteFdb({ device, mac: parseMac(mac) });
    },
    async deleteNexthop(id) {
      external.deleteNexthop(id);
    },
    async deleteAddress(device, text) {
      external.deleteAddress({ device, ...addressOf(text), scope: "global" });
    },
  };
  return { kernel, outsider, close: () => kernel.close() };
}

runKernelCases("FakeKernel", openLab);

test("failNext refuses as often as asked and then no more", async () => {
  const kernel = new FakeKernel();
  kernel.external.addLink(PARENT_LINK);
  kernel.failNext(({ kind }) => kind === "link", "EBUSY", 2);
  for (const codes of [["EBUSY"], ["EBUSY"], []]) {
    expect(codesOf(await kernel.apply([linkOp("add", LINK)]))).toEqual(codes);
  }
});
