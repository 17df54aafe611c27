import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMac } from "../../encap/address/mac-address.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { ETHERNET_HEADER, macWords } from "../../encap/header/ethernet.ts";
import { Ipv4Header, readIpv4Header } from "../../encap/header/ipv4.ts";
import { Ipv6Header, readIpv6Header } from "../../encap/header/ipv6.ts";
import { readUdpHeader, UdpHeader } from "../../encap/header/udp.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { chooseOuter, OuterChoice, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import { readUdpDatagram } from "../../encap/udp-datagram.ts";
import {
  decapsulateVxlan,
  encapsulateVxlanInIpv4,
  encapsulateVxlanInIpv6,
  VXLAN_HEADERS,
  type VxlanNetwork,
  writeVxlanHeaders,
} from "../../encap/vxlan.ts";
import * as captures from "../fixtures/encap/captures.ts";
import { dirtyView, exactView, hexAt, viewOf } from "../support/packet-bytes.ts";
import { damagedPacket, packet } from "../support/random-packets.ts";

const NEAR = macWords(parseMac("66:00:00:00:00:01"));
const FAR = macWords(parseMac("66:00:00:00:00:02"));
const NEAR_6 = macWords(parseMac("66:00:00:00:00:61"));
const FAR_6 = macWords(parseMac("66:00:00:00:00:62"));
const sender: VxlanNetwork = { vni: 4096, localMac: NEAR };
const receiver: VxlanNetwork = { vni: 4096, localMac: FAR };

interface Opened {
  readonly outer: IpPacket;
  readonly udp: UdpHeader;
  readonly inner: IpPacket;
}

/**
 * Takes a packet that starts at `at` apart, as far as the inner packet, and demands that it is
 * right.
 */
function open(view: DataView, at: number, network: VxlanNetwork): Opened {
  const opened = { outer: new IpPacket(), udp: new UdpHeader(), inner: new IpPacket() };
  const { outer, udp, inner } = opened;
  expect(readIpPacket(view, at, view.byteLength - at, outer)).toBe(DropReason.None);
  expect(readUdpDatagram(view, outer, udp, false)).toBe(DropReason.None);
  const payloadAt = outer.upperAt + 8;
  expect(decapsulateVxlan(view, payloadAt, udp.length - 8, network, inner)).toBe(DropReason.None);
  return opened;
}

describe.each([
  ["VXLAN_ICMP", captures.VXLAN_ICMP, 4],
  ["VXLAN_CE", captures.VXLAN_CE, 4],
  ["VXLAN_ICMPV6", captures.VXLAN_ICMPV6, 6],
  ["VXLAN_UDP", captures.VXLAN_UDP, 4],
  ["VXLAN_TCP_SYN", captures.VXLAN_TCP_SYN, 4],
  ["VXLAN6_ICMP", captures.VXLAN6_ICMP, 4],
  ["VXLAN6_UDP", captures.VXLAN6_UDP, 6],
] as const)("%s", (name, hex, family) => {
  const isOverIpv6 = name.startsWith("VXLAN6");
  const overhead = isOverIpv6 ? 70 : 50;
  const far = isOverIpv6 ? FAR_6 : FAR;

  test("decapsulateVxlan finds the inner packet", () => {
    const view = viewOf(hex);
    const { inner, udp } = open(view, ETHERNET_HEADER, { vni: 4096, localMac: far });
    const at = ETHERNET_HEADER + overhead;
    expect(inner).toMatchObject({ family, at, end: view.byteLength });
    expect(udp.destinationPort).toBe(4789);
  });

  test("encapsulateVxlan writes what Linux wrote", () => {
    const captured = viewOf(hex);
    const { inner } = open(captured, ETHERNET_HEADER, { vni: 4096, localMac: far });
    const udp = new UdpHeader();
    readUdpHeader(captured, ETHERNET_HEADER + overhead - 30, udp);
    const view = viewOf(hex);
    for (let at = 0; at < inner.at; at++) view.setUint8(at, 0xa5);
    const choice = new OuterChoice();
    chooseOuter(VXLAN_POLICY, inner, choice);
    const near = { vni: 4096, localMac: isOverIpv6 ? NEAR_6 : NEAR };
    const length = inner.end - inner.at;
    writeVxlanHeaders(view, inner.at, family, near, far);
    if (isOverIpv6) {
      const header = new Ipv6Header();
      readIpv6Header(captured, ETHERNET_HEADER, header);
      encapsulateVxlanInIpv6(view, inner.at, length, choice, udp, true, header);
    } else {
      const header = new Ipv4Header();
      readIpv4Header(captured, ETHERNET_HEADER, header);
      encapsulateVxlanInIpv4(view, inner.at, length, choice, udp, true, header);
    }
    expect(hexAt(view, ETHERNET_HEADER)).toBe(hexAt(captured, ETHERNET_HEADER));
    expect(hexAt(view, 0, ETHERNET_HEADER)).toMatch(/^(a5)+$/);
  });
});

const choice: OuterChoice = { trafficClass: 0x2e, ttl: 9, dontFragment: true };
const ports = (): UdpHeader =>
  Object.assign(new UdpHeader(), { sourcePort: 40000, destinationPort: 4789 });

describe.each([
  ["encapsulateVxlanInIpv4", 50],
  ["encapsulateVxlanInIpv6", 70],
] as const)("%s", (name, overhead) => {
  function encapsulate(view: DataView, at: number, length: number, sum: boolean): DropReason {
    return name === "encapsulateVxlanInIpv4"
      ? encapsulateVxlanInIpv4(view, at, length, choice, ports(), sum, new Ipv4Header())
      : encapsulateVxlanInIpv6(view, at, length, choice, ports(), sum, new Ipv6Header());
  }

  test("makes what decapsulateVxlan takes apart, and leaves the inner packet alone", () => {
    fc.assert(
      fc.property(fc.oneof(packet(4), packet(6)), fc.nat({ max: 30 }), (inner, room) => {
        const at = overhead + room;
        const view = exactView(inner, at);
        const family = ((inner[0] as number) >> 4) as 4 | 6;
        writeVxlanHeaders(view, at, family, sender, FAR);
        expect(encapsulate(view, at, inner.length, true)).toBe(DropReason.None);
        const opened = open(view, room, receiver);
        expect(opened.inner).toMatchObject({ at, end: view.byteLength, family });
        expect(opened.outer).toMatchObject({ ttl: 9, trafficClass: 0x2e, end: view.byteLength });
        expect(opened.udp).toMatchObject({ sourcePort: 40000, destinationPort: 4789 });
        expect(hexAt(view, at)).toBe(Buffer.from(inner).toString("hex"));
        expect(hexAt(view, 0, room)).toMatch(/^(a5)*$/);
      }),
    );
  });

  test("leaves the UDP checksum zero if told to", () => {
    const view = dirtyView(overhead + 40);
    expect(encapsulate(view, overhead, 40, false)).toBe(DropReason.None);
    expect(view.getUint16(overhead - 24)).toBe(0);
  });

  test("refuses what is too long for the length field", () => {
    const longest = overhead === 50 ? 65485 : 65505;
    const view = dirtyView(overhead);
    expect(encapsulate(view, overhead, longest + 1, false)).toBe(DropReason.TooLong);
    expect(hexAt(view)).toMatch(/^(a5)+$/);
    expect(encapsulate(view, overhead, longest, false)).toBe(DropReason.None);
  });
});

describe("refusals", () => {
  const payload = captures.VXLAN_ICMP.slice((14 + 20 + 8) * 2);

  const reasonOf = (hex: string): DropReason => {
    const view = viewOf(hex);
    return decapsulateVxlan(view, 0, view.byteLength, receiver, new IpPacket());
  };
  const replace = (at: number, hex: string): string =>
    payload.slice(0, at * 2) + hex + payload.slice(at * 2 + hex.length);

  test("decapsulateVxlan accepts the payload that the others are made from", () => {
    expect(reasonOf(payload)).toBe(DropReason.None);
  });

  test.each([
    ["7 bytes", payload.slice(0, 14), DropReason.Truncated],
    ["a frame of 13 bytes", payload.slice(0, 42), DropReason.Truncated],
    ["an empty frame", payload.slice(0, 44), DropReason.Truncated],
    ["no I flag", replace(0, "00"), DropReason.MissingVni],
    ["another VNI", replace(4, "001001"), DropReason.WrongVni],
    ["a group policy flag", replace(0, "88"), DropReason.VxlanReservedBits],
    ["a last byte that is not zero", replace(7, "01"), DropReason.VxlanReservedBits],
    ["our own MAC as source", replace(14, "660000000002"), DropReason.InnerSourceMac],
    ["a group as source", replace(14, "010000000001"), DropReason.InnerSourceMac],
    ["a zero source", replace(14, "000000000000"), DropReason.InnerSourceMac],
    ["another destination MAC", replace(8, "660000000003"), DropReason.InnerDestinationMac],
    ["a broadcast", replace(8, "ffffffffffff"), DropReason.InnerDestinationMac],
    ["ARP", replace(20, "0806"), DropReason.InnerNotIp],
    ["a VLAN tag", replace(20, "8100"), DropReason.InnerNotIp],
    ["IPv4 where IPv6 is announced", replace(20, "86dd"), DropReason.InnerNotIp],
    ["a damaged inner header", replace(30, "ff"), DropReason.BadHeaderChecksum],
    ["an inner packet cut short", payload.slice(0, -2), DropReason.BadTotalLength],
  ])("decapsulateVxlan refuses %s", (_, hex, reason) => {
    expect(reasonOf(hex)).toBe(reason);
  });

  test("decapsulateVxlan trims the padding of a short frame", () => {
    const view = viewOf(`${payload}0000000000`);
    const inner = new IpPacket();
    expect(decapsulateVxlan(view, 0, view.byteLength, receiver, inner)).toBe(DropReason.None);
    expect(inner.end).toBe(payload.length / 2);
  });

  test("decapsulateVxlan survives whatever is inside", () => {
    const headers = Buffer.from(payload.slice(0, VXLAN_HEADERS * 2), "hex");
    fc.assert(
      fc.property(damagedPacket, fc.nat({ max: 30 }), (data, cut) => {
        const bytes = Buffer.concat([headers, data]).subarray(0, 22 + data.length - cut);
        const reason = decapsulateVxlan(
          exactView(bytes),
          0,
          bytes.length,
          receiver,
          new IpPacket(),
        );
        expect(Object.values(DropReason)).toContain(reason);
      }),
      { numRuns: 1000 },
    );
  });
});
