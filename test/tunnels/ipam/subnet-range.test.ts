import { expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { freeSubnets, isInRange, subnetRange } from "../../../tunnels/ipam/subnet-range.ts";

function rangeOf(network: string, subnetLength?: number, min?: string, max?: string) {
  return subnetRange({
    network: parseCidr(network),
    subnetLength,
    min: min === undefined ? undefined : parseIp(min),
    max: max === undefined ? undefined : parseIp(max),
  });
}

test.each([
  ["10.5.0.0/16", undefined, "10.5.1.0-10.5.255.0 /24"],
  ["10.5.0.0/22", undefined, "10.5.1.0-10.5.3.0 /24"],
  ["10.5.0.0/24", undefined, "10.5.0.64-10.5.0.192 /26"],
  ["10.5.0.0/28", undefined, "10.5.0.4-10.5.0.12 /30"],
  ["10.5.0.0/16", 20, "10.5.16.0-10.5.240.0 /20"],
  ["0.0.0.0/0", undefined, "0.0.1.0-255.255.255.0 /24"],
])("subnetRange of %s with SubnetLen %s leaves the first one out", (network, length, expected) => {
  const range = rangeOf(network, length);
  expect(`${range.min}-${range.max} /${range.length}`).toBe(expected);
});

test.each([
  ["10.5.0.0/29", undefined, undefined, undefined, "SubnetLen 31 is over 30"],
  ["10.5.0.0/16", 17, undefined, undefined, "10.5.0.0/16 has fewer than four subnets of /17"],
  ["10.5.0.0/16", 24, "10.5.0.7", undefined, "SubnetMin 10.5.0.7 is no base of a /24"],
  ["10.5.0.0/16", 24, "10.5.9.0", "10.5.8.0", "SubnetMin 10.5.9.0 is behind SubnetMax 10.5.8.0"],
])("subnetRange refuses %s, %s, %s, %s", (network, length, min, max, message) => {
  expect(() => rangeOf(network, length, min, max)).toThrow(new RangeError(message));
});

test("freeSubnets are those in range that nobody has, each once", () => {
  const range = rangeOf("10.5.0.0/16", undefined, "10.5.10.0", "10.5.13.0");
  const taken = [parseCidr("10.5.11.128/25")];
  const free = [...freeSubnets(range, "192.0.2.10", taken)].map(String).sort();
  expect(free).toEqual(["10.5.10.0/24", "10.5.12.0/24", "10.5.13.0/24"]);
  expect([...freeSubnets(range, "192.0.2.11", [parseCidr("10.5.8.0/21")])]).toEqual([]);
});

test.each([
  ["10.5.10.0/24", true],
  ["10.5.9.0/24", false],
  ["10.5.10.0/25", false],
  ["fd00::/64", false],
])("isInRange of %s is %s", (subnet, expected) => {
  const range = rangeOf("10.5.0.0/16", undefined, "10.5.10.0", "10.5.13.0");
  expect(isInRange(parseCidr(subnet), range)).toBe(expected);
});
