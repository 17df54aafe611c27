import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import type { LinkType } from "../../encap/link-header.ts";
import type { PacketLayer } from "../../encap/packet-layer.ts";
import { packetLayers } from "../../encap/packet-layers.ts";
import { packetSummary, type SummaryOptions } from "../../encap/packet-summary.ts";
import * as captures from "../fixtures/encap/captures.ts";
import * as answers from "../fixtures/encap/icmp.ts";
import { exactView, packetOf, viewOf } from "../support/packet-bytes.ts";
import { damagedPacket, packetPlan } from "../support/random-packets.ts";

const LINK_TYPES: readonly LinkType[] = ["ip", "ethernet", "cooked", "cooked2", "loopback"];

function frameLayers(hex: string): PacketLayer[] {
  const view = viewOf(hex);
  return packetLayers(view, 0, view.byteLength, { link: "ethernet" });
}

const summary = (hex: string, options?: SummaryOptions): string =>
  packetSummary(frameLayers(hex), options);

test.each([
  [
    "VXLAN_ICMP",
    captures.VXLAN_ICMP,
    "IP 192.0.2.1.43870 > 192.0.2.2.4789: VXLAN vni 4096: " +
      "IP 10.244.0.1 > 10.244.1.1: ICMP echo request, id 30048, seq 1, length 24",
  ],
  [
    "VXLAN6_UDP",
    captures.VXLAN6_UDP,
    "IP6 2001:db8::1.55909 > 2001:db8::2.4789: VXLAN vni 4096: " +
      "IP6 fd00:10:244::6.5000 > fd00:10:244:1::6.6000: UDP, length 8",
  ],
  [
    "VXLAN_TCP_SYN",
    captures.VXLAN_TCP_SYN,
    "IP 192.0.2.1.54027 > 192.0.2.2.4789: VXLAN vni 4096: IP 10.244.0.1.5001 > 10.244.1.1.7000: " +
      "TCP [S], seq 3078421080, win 64860, length 0",
  ],
  [
    "IPIP_ICMP",
    captures.IPIP_ICMP,
    "IP 192.0.2.1 > 192.0.2.2: " +
      "IP 10.244.0.1 > 10.244.1.1: ICMP echo request, id 796, seq 1, length 24",
  ],
  [
    "IP6_IN_IP6_LIMIT",
    captures.IP6_IN_IP6_LIMIT,
    "IP6 2001:db8::1 > 2001:db8::2: " +
      "IP6 fd00:10:244::2 > fd00:10:244:1::2: ICMP6 echo request, id 800, seq 1, length 24",
  ],
])("packetSummary shows outer and inner of %s", (_, hex, text) => {
  expect(summary(hex)).toBe(text);
});

test.each([
  [
    answers.FRAGMENTATION_NEEDED,
    "IP 192.0.2.254 > 192.0.2.1: ICMP unreachable - need to frag (mtu 1400), length 556",
  ],
  [
    answers.PACKET_TOO_BIG,
    "IP6 2001:db8:a::fe > 2001:db8:a::1: ICMP6 packet too big, mtu 1400, length 1240",
  ],
  [answers.TIME_EXCEEDED, "IP 192.0.2.254 > 192.0.2.1: ICMP time exceeded in-transit, length 52"],
])("packetSummary names an ICMP error", (hex, text) => {
  const view = viewOf(hex);
  expect(packetSummary(packetLayers(view, 0, view.byteLength))).toBe(text);
});

test("packetSummary shows the fields that a tunnel sets", () => {
  expect(summary(captures.IPIP_CE, { fields: true })).toBe(
    "IP (tos 0x2, ttl 7, id 48700, DF, length 64) 192.0.2.1 > 192.0.2.2: " +
      "IP (tos 0x3, ttl 7, id 0, DF, length 44) 10.244.0.1 > 10.244.1.1: " +
      "ICMP echo request, id 797, seq 1, length 24",
  );
  expect(summary(captures.IP6_IN_IP6, { fields: true })).toContain(
    "IP6 (tos 0x2, ttl 64, flowlabel 0x9b063, length 104) 2001:db8::3 > 2001:db8::4: ",
  );
});

test("packetSummary shows MAC addresses and VLANs if asked", () => {
  const tagged = captures.IPIP_ICMP.replace(/^(.{24})/, "$188a8006481000007");
  expect(summary(tagged, { ethernet: true })).toMatch(
    /^02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 100 vlan 7: IP 192\.0\.2\.1 > /,
  );
  expect(summary(captures.VXLAN_ICMP, { ethernet: true })).toContain(
    "VXLAN vni 4096: 66:00:00:00:00:01 > 66:00:00:00:00:02: IP 10.244.0.1",
  );
});

test.each([
  ["ARP", captures.VXLAN_ICMP.replace("0800", "0806"), "ethertype 0x0806: length 94"],
  ["half a header", captures.VXLAN_ICMP.slice(0, 40), "[refused: shorter than its headers]"],
  ["nothing", "", "[refused: shorter than its headers]"],
])("packetSummary renders %s", (_, hex, text) => {
  expect(summary(hex)).toBe(text);
});

describe("refusals", () => {
  const change = (frame: string, at: number, hex: string): string =>
    frame.slice(0, at * 2) + hex + frame.slice(at * 2 + hex.length);
  /** Without the outer UDP checksum, which would be wrong. */
  const vxlan = change(captures.VXLAN_ICMP, 40, "0000");

  test.each([
    ["no I flag", change(vxlan, 42, "00"), DropReason.MissingVni],
    ["reserved bits", change(vxlan, 42, "0c"), DropReason.VxlanReservedBits],
    ["a wrong outer checksum", change(captures.VXLAN_ICMP, 40, "1234"), DropReason.BadUdpChecksum],
    ["a wrong inner header", change(vxlan, 72, "00"), DropReason.BadHeaderChecksum],
    ["another family inside", change(captures.SIT_ICMPV6, 34, "45"), DropReason.BadTotalLength],
    ["nothing inside", change(captures.IP6_IN_IP6, 14 + 40, "00"), DropReason.NotIp],
  ])("packetLayers ends with the reason: %s", (_, frame, reason) => {
    expect(frameLayers(frame).at(-1)).toEqual({ kind: "refused", reason });
  });

  test.each([
    ["TCP", 6, 19],
    ["UDP", 17, 7],
    ["ICMP", 1, 7],
    ["ICMPv6", 58, 7],
  ])("packetLayers ends at a %s header that is cut short", (_, protocol, length) => {
    const bytes = packetOf({
      family: 4,
      trafficClass: 0,
      ttl: 1,
      identification: 0,
      dontFragment: false,
      source: new Uint8Array(4),
      destination: new Uint8Array(4),
      options: new Uint8Array(),
      flowLabel: 0,
      protocol,
      upper: new Uint8Array(length),
    });
    const layers = packetLayers(exactView(bytes), 0, bytes.length);
    expect(layers.at(-1)).toEqual({ kind: "refused", reason: DropReason.Truncated });
  });

  test("packetLayers takes a checksum that is not finished yet for no fault", () => {
    // The sum of the pseudo-header alone: addresses, 17, length 74.
    const sum = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 74;
    const partial = (sum & 0xffff) + (sum >> 16);
    const unfinished = change(captures.VXLAN_ICMP, 40, partial.toString(16).padStart(4, "0"));
    expect(frameLayers(unfinished).at(-1)).toMatchObject({ kind: "icmp" });
  });
});

test("packetLayers looks for VXLAN on the ports that it is told", () => {
  const view = viewOf(captures.VXLAN_ICMP);
  const options = { link: "ethernet", vxlanPorts: [8472] } as const;
  const kinds = packetLayers(view, 0, view.byteLength, options).map(({ kind }) => kind);
  expect(kinds).toEqual(["ethernet", "ip", "udp"]);
});

test("packetLayers follows eight tunnels in one another and no more", () => {
  const nest = (depth: number): Uint8Array => {
    let upper: Uint8Array = Buffer.from("00000000");
    for (let level = 0; level <= depth; level++) {
      upper = packetOf({
        family: 4,
        trafficClass: 0,
        ttl: 1,
        identification: 0,
        dontFragment: false,
        source: new Uint8Array(4),
        destination: new Uint8Array(4),
        options: new Uint8Array(),
        flowLabel: 0,
        protocol: level === 0 ? 200 : 4,
        upper,
      });
    }
    return upper;
  };
  const layersOf = (depth: number): PacketLayer[] => {
    const bytes = nest(depth);
    return packetLayers(exactView(bytes), 0, bytes.length);
  };
  expect(layersOf(8)).toHaveLength(10);
  expect(layersOf(8).at(-1)).toEqual({ kind: "data", length: 8 });
  expect(layersOf(100)).toHaveLength(10);
});

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("packetLayers reads the fields of every packet", () => {
    fc.assert(
      fc.property(packetPlan(family), (plan) => {
        const bytes = packetOf(plan);
        const [ip] = packetLayers(exactView(bytes), 0, bytes.length) as [PacketLayer];
        expect(ip).toMatchObject({
          kind: "ip",
          trafficClass: plan.trafficClass,
          ttl: plan.ttl,
          protocol: plan.protocol,
          length: bytes.length,
          identification: family === 4 ? plan.identification : 0,
          flowLabel: family === 6 ? plan.flowLabel : 0,
        });
      }),
    );
  });
});

test("packetSummary has one line, without control characters, for whatever comes", () => {
  fc.assert(
    fc.property(damagedPacket, fc.boolean(), fc.constantFrom(4, 41), (data, wrap, protocol) => {
      const inner = wrap
        ? packetOf({
            family: 4,
            trafficClass: 0,
            ttl: 1,
            identification: 0,
            dontFragment: false,
            source: new Uint8Array(4),
            destination: new Uint8Array(4),
            options: new Uint8Array(),
            flowLabel: 0,
            protocol,
            upper: data,
          })
        : data;
      for (const link of LINK_TYPES) {
        const layers = packetLayers(exactView(inner), 0, inner.length, { link });
        expect(packetSummary(layers, { fields: true, ethernet: true })).toMatch(/^[ -~]+$/);
      }
    }),
    { numRuns: 2000 },
  );
});
