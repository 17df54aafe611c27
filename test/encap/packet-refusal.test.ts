import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { packetLayers } from "../../encap/packet-layers.ts";
import { packetRefusal } from "../../encap/packet-refusal.ts";
import * as captures from "../fixtures/encap/captures.ts";
import { viewOf } from "../support/packet-bytes.ts";

function refusalOf(frame: string): DropReason {
  const view = viewOf(frame);
  return packetRefusal(packetLayers(view, 0, view.byteLength, { link: "ethernet" }));
}

/** `frame` with the bytes at `at` in place of its own, the outer UDP checksum left out. */
function change(frame: string, at: number, hex: string): string {
  const changed = frame.slice(0, at * 2) + hex + frame.slice(at * 2 + hex.length);
  return `${changed.slice(0, 80)}0000${changed.slice(84)}`;
}

test.each(Object.entries(captures))("nothing is wrong with %s", (_, frame) => {
  expect(refusalOf(frame)).toBe(DropReason.None);
});

describe("a packet in VXLAN is refused", () => {
  test.each([
    ["from a group", change(captures.VXLAN_ICMP, 56, "0100"), DropReason.InnerSourceMac],
    ["from nobody", change(captures.VXLAN_ICMP, 56, "000000000000"), DropReason.InnerSourceMac],
    ["with ARP inside", change(captures.VXLAN_ICMP, 62, "0806"), DropReason.InnerNotIp],
    ["with a VLAN tag inside", change(captures.VXLAN_ICMP, 62, "81000001"), DropReason.InnerNotIp],
    ["without a VNI", change(captures.VXLAN_ICMP, 42, "00"), DropReason.MissingVni],
  ])("%s", (_, frame, reason) => {
    expect(refusalOf(frame)).toBe(reason);
  });
});

test("a mark of the underlay on a packet that cannot carry it is the reason", () => {
  const marked = captures.VXLAN6_UDP.replace(/^(.{28})6000/, "$16030");
  expect(refusalOf(marked)).toBe(DropReason.EcnNotCapable);
});
