import { expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import {
  type AllocationBlock,
  assignAddress,
  newBlock,
} from "../../../tunnels/ipam/allocation-block.ts";
import { podRanges } from "../../../tunnels/ipam/pod-ranges.ts";

function ranges(cidr: string, ...allocated: readonly string[]): string[] {
  let block = newBlock(parseCidr(cidr), "alder", 1);
  for (const address of allocated) {
    const owner = { handle: address, attributes: { node: "alder" } };
    block = assignAddress(block, owner, parseIp(address)) as AllocationBlock;
  }
  return podRanges(block).map(({ start, end, gateway }) => `${start} to ${end} via ${gateway}`);
}

test.each<[string, string[], string[]]>([
  ["10.1.0.64/26", [], ["10.1.0.66 to 10.1.0.125 via 10.1.0.126"]],
  // The tunnel addresses stand at the start.
  ["10.1.0.64/26", ["10.1.0.64", "10.1.0.65"], ["10.1.0.66 to 10.1.0.125 via 10.1.0.126"]],
  [
    "10.1.0.64/26",
    ["10.1.0.70", "10.1.0.72"],
    [
      "10.1.0.66 to 10.1.0.69 via 10.1.0.126",
      "10.1.0.71 to 10.1.0.71 via 10.1.0.126",
      "10.1.0.73 to 10.1.0.125 via 10.1.0.126",
    ],
  ],
  ["10.1.0.64/26", ["10.1.0.126"], ["10.1.0.66 to 10.1.0.124 via 10.1.0.125"]],
  ["10.1.0.64/29", [], ["10.1.0.66 to 10.1.0.69 via 10.1.0.70"]],
  ["10.1.0.64/30", [], []],
  ["10.1.0.64/32", [], []],
  ["fd00::40/122", [], ["fd00::41 to fd00::7e via fd00::7f"]],
  ["fd00::40/126", [], ["fd00::41 to fd00::42 via fd00::43"]],
  ["fd00::40/127", [], []],
])("podRanges of %s with %j allocated: %j", (cidr, allocated, expected) => {
  expect(ranges(cidr, ...allocated)).toEqual(expected);
});
