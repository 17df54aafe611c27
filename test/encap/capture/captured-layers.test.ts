import { describe, expect, test } from "vitest";
import { capturedLayers } from "../../../encap/capture/captured-layers.ts";
import type { LinkType } from "../../../encap/link-header.ts";
import type { PacketLayer } from "../../../encap/packet-layer.ts";
import * as captures from "../../fixtures/encap/captures.ts";

const ETHERNET = 14;

const isUnknown = (layer: PacketLayer | undefined): boolean =>
  layer?.kind === "ip" && layer.source.family === 6 && layer.protocol === -1;

function layersOf(hex: string, link: LinkType, kept = hex.length / 2): PacketLayer[] {
  const bytes = Uint8Array.from(Buffer.from(hex.slice(0, kept * 2), "hex"));
  const packet = { time: 0n, linkType: 0, bytes, length: hex.length / 2 };
  return capturedLayers(packet, link, [4789]);
}

describe.each(Object.entries(captures))("%s", (_, frame) => {
  const whole = layersOf(frame, "ethernet");

  test("cut anywhere, capturedLayers tells the beginning of what the whole holds, and that it was cut", () => {
    for (let kept = 0; kept < frame.length / 2; kept++) {
      const layers = layersOf(frame, "ethernet", kept);
      const isCut = layers.at(-1)?.kind === "uncaptured";
      const told = isCut ? layers.slice(0, -1) : layers;
      // What is behind IPv6 extension headers is not known before they all are there.
      const expected = whole
        .slice(0, told.length)
        .map((layer, at) => (isUnknown(told[at]) ? { ...layer, protocol: -1 } : layer));
      expect(told, `${kept} bytes`).toEqual(expected);
      // All headers may be there, and only data be lacking.
      if (!isCut) expect(told).toHaveLength(whole.length);
    }
  });

  const inside = frame.slice(ETHERNET * 2);
  const ethertype = frame.slice((ETHERNET - 2) * 2, ETHERNET * 2);
  const isIpv4 = ethertype === "0800";
  const sll = "00040001000602000000000100000000".slice(0, 28);

  test.each<[LinkType, string, object | undefined]>([
    ["ip", "", undefined],
    ["loopback", isIpv4 ? "02000000" : "0a000000", undefined],
    ["loopback", isIpv4 ? "00000002" : "0000001e", undefined],
    ["cooked", sll + ethertype, { source: "02:00:00:00:00:01", vlans: [] }],
    ["cooked", `${sll}8100 0007 ${ethertype}`.replaceAll(" ", ""), { vlans: [7] }],
    [
      "cooked2",
      `${ethertype} 0000 00000002 0001 04 06 0200000000010000`.replaceAll(" ", ""),
      { source: "02:00:00:00:00:01", vlans: [] },
    ],
  ])("behind another header the packet is the same: %s %s", (link, header, layer) => {
    const layers = layersOf(header + inside, link);
    expect(layers.slice(layer === undefined ? 0 : 1)).toEqual(whole.slice(1));
    if (layer !== undefined) expect(layers[0]).toMatchObject({ kind: "cooked", ...layer });
  });
});

test.each<[LinkType, string]>([
  ["ethernet", "02000000000202000000000108004500".slice(0, 26)],
  ["cooked", "00040001000602000000000100000800".slice(0, 30)],
  ["cooked2", "0800"],
  ["loopback", "020000"],
  ["ip", ""],
])("capturedLayers refuses a packet that ends in its %s header", (link, hex) => {
  expect(layersOf(hex, link)).toEqual([{ kind: "refused", reason: 1 }]);
});

test("capturedLayers takes a family that it does not know for data", () => {
  expect(layersOf("1d0000004500", "loopback")).toEqual([{ kind: "data", length: 2 }]);
});
