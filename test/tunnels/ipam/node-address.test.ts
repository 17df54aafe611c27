import { describe, expect, test } from "vitest";
import { parseAddressWithLength, parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import {
  type AddressFacts,
  type AddressWish,
  chooseNodeAddress,
} from "../../../tunnels/ipam/node-address.ts";
import type { Address, Link } from "../../../tunnels/kernel/kernel-state.ts";

let ifindex = 1;
const link = (name: string, more: Partial<Link> = {}): Link => ({
  name,
  ifindex: ifindex++,
  up: true,
  running: true,
  mtu: 1500,
  mac: undefined,
  kind: undefined,
  tunnel: undefined,
  ...more,
});
const address = (device: string, text: string, scope: Address["scope"] = "global"): Address => {
  const { address: ip, length = 32 } = parseAddressWithLength(text);
  return { device, ip, prefixLength: length, scope };
};

const facts = (more: Partial<AddressFacts> = {}): AddressFacts => ({
  links: [
    link("lo"),
    link("eth0"),
    link("eth1"),
    link("down0", { up: false }),
    link("vxlan.causeway", { kind: "vxlan" }),
    link("wg0", { kind: "wireguard" }),
  ],
  addresses: [
    address("lo", "198.51.100.1/32"),
    address("eth1", "203.0.113.5/24"),
    address("eth0", "192.0.2.10/24"),
    address("eth0", "192.0.2.99/24"),
    address("eth0", "fe80::1/64", "link"),
    address("eth0", "2001:db8::10/64"),
    address("down0", "203.0.113.200/24"),
    address("vxlan.causeway", "10.244.0.0/32"),
    address("wg0", "203.0.113.77/24"),
  ],
  toHost: undefined,
  defaultDevices: ["eth0"],
  pools: [parseCidr("10.244.0.0/16")],
  current: undefined,
  ...more,
});
const wished = (...texts: string[]) => texts.map(parseAddressWithLength);

test.each<[string, 4 | 6, AddressWish, string]>([
  ["the default route", 4, {}, "192.0.2.10/24 eth0 by the default route through eth0"],
  ["the default route, IPv6", 6, {}, "2001:db8::10/64 eth0 by the default route through eth0"],
  ["an interface", 4, { interfaces: /^eth1$/ }, "203.0.113.5/24 eth1 by --node-interface ^eth1$"],
  [
    "a prefix",
    4,
    { cidrs: [parseCidr("203.0.113.0/24")] },
    "203.0.113.5/24 eth1 by --node-cidr 203.0.113.0/24",
  ],
  ["a flag", 4, { addresses: wished("192.0.2.99") }, "192.0.2.99/24 eth0 by --node-address"],
  [
    "a flag with a length",
    4,
    { addresses: wished("192.0.2.99/28") },
    "192.0.2.99/28 eth0 by --node-address",
  ],
  [
    "a flag that no link holds",
    4,
    { addresses: wished("192.0.2.200") },
    "192.0.2.200/32 undefined by --node-address",
  ],
  [
    "a flag before an interface",
    4,
    { addresses: wished("192.0.2.99"), interfaces: /eth1/ },
    "192.0.2.99/24 eth0 by --node-address",
  ],
  [
    "an interface before a prefix",
    4,
    { interfaces: /eth1/, cidrs: [parseCidr("192.0.2.0/24")] },
    "203.0.113.5/24 eth1 by --node-interface eth1",
  ],
  [
    "a prefix, where no interface fits",
    4,
    { interfaces: /eth9/, cidrs: [parseCidr("192.0.2.0/24")] },
    "192.0.2.10/24 eth0 by --node-cidr 192.0.2.0/24",
  ],
])("chooseNodeAddress takes %s", (_, family, wish, expected) => {
  const found = chooseNodeAddress(family, wish, facts());
  if (found.address === undefined) throw new Error(found.reason);
  expect(`${found.address}/${found.length} ${found.device} by ${found.how}`).toBe(expected);
});

test("chooseNodeAddress takes the address on the way to a host", () => {
  const found = chooseNodeAddress(
    4,
    { reaches: "registry" },
    facts({ toHost: parseIp("203.0.113.5") }),
  );
  expect(found).toMatchObject({ device: "eth1", how: "--node-reaches registry" });
});

describe("chooseNodeAddress takes none", () => {
  const reasonOf = (wish: AddressWish, more: Partial<AddressFacts> = {}): string | undefined => {
    const found = chooseNodeAddress(4, wish, facts(more));
    return "reason" in found ? found.reason : String(found.address);
  };

  test("without a default route", () => {
    expect(reasonOf({}, { defaultDevices: [] })).toBe(
      "no link has an IPv4 address by a default route",
    );
  });

  test("of a tunnel device, the loopback device, a link that is down or a pool", () => {
    for (const device of ["vxlan.causeway", "wg0", "lo", "down0"]) {
      expect(reasonOf({ interfaces: new RegExp(`^${device}$`) })).toContain("--node-interface");
    }
    expect(reasonOf({}, { pools: [parseCidr("192.0.2.0/24")] })).toContain("no link");
  });

  test("of another way than those the operator named", () => {
    expect(reasonOf({ interfaces: /^bond0$/ })).toBe(
      "no link has an IPv4 address by --node-interface ^bond0$",
    );
    expect(reasonOf({ addresses: wished("2001:db8::10") })).toBe("none is given");
  });
});

test("chooseNodeAddress stays with the address of the record while it is as good", () => {
  const current = parseIp("192.0.2.99");
  expect(chooseNodeAddress(4, {}, facts({ current }))).toMatchObject({ address: current });
  const moved = facts({ current: parseIp("192.0.2.50") });
  expect(String(chooseNodeAddress(4, {}, moved).address)).toBe("192.0.2.10");
});

test("chooseNodeAddress does not depend on the order of what it is told", () => {
  const { links, addresses } = facts();
  const turned = facts({ links: [...links].reverse(), addresses: [...addresses].reverse() });
  // The same links: ifindexes are part of the answer.
  const same = { ...turned, links: [...links].reverse() };
  expect(chooseNodeAddress(4, {}, same)).toEqual(chooseNodeAddress(4, {}, { ...same, links }));
});
