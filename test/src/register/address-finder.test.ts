import { expect, test } from "vitest";
import { AddressFinder, addressTo } from "../../../src/register/address-finder.ts";
import type { ChosenAddress } from "../../../tunnels/ipam/node-address.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";
import { OtherProgram } from "../../support/other-program.ts";

test("addressTo is the address that packets to a host leave with", async () => {
  expect(String(await addressTo(4, "127.0.0.1"))).toBe("127.0.0.1");
  expect(String(await addressTo(4, "localhost"))).toBe("127.0.0.1");
});

test("addressTo knows none where no route leads to, or no such host is", async () => {
  expect(await addressTo(4, "0.0.0.0.0")).toBeUndefined();
  expect(await addressTo(6, "192.0.2.1")).toBeUndefined();
});

test("the finder prefers the default route with the lowest metric", async () => {
  const kernel = new FakeKernel();
  new OtherProgram(kernel).do(
    "link eth0 mtu 1500",
    "link eth1 mtu 1500",
    "address 192.0.2.1/24 dev eth0",
    "address 203.0.113.1/24 dev eth1",
    "route 0.0.0.0/0 via 192.0.2.254 dev eth0 proto 3 metric 200",
    "route 0.0.0.0/0 via 203.0.113.254 dev eth1 proto 3 metric 100",
  );
  const links = await kernel.readLinks();
  const addresses = await kernel.readAddresses();
  const finder = new AddressFinder(kernel, { links, addresses }, {});
  const found = (await finder.find(4, [], undefined)) as ChosenAddress;
  expect(`${found.address} ${found.how}`).toBe("203.0.113.1 the default route through eth1");
});
