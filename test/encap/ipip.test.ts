import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { ETHERNET_HEADER } from "../../encap/header/ethernet.ts";
import { Ipv4Header, readIpv4Header } from "../../encap/header/ipv4.ts";
import { Ipv6Header, readIpv6Header } from "../../encap/header/ipv6.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { decapsulateIpip, encapsulateIpipInIpv4, encapsulateIpipInIpv6 } from "../../encap/ipip.ts";
import { chooseOuter, IP6TNL_POLICY, IPIP_POLICY, OuterChoice } from "../../encap/outer-policy.ts";
import * as captures from "../fixtures/encap/captures.ts";
import { dirtyView, exactView, hexAt, viewOf } from "../support/packet-bytes.ts";
import { damagedPacket, packet } from "../support/random-packets.ts";

/** Reads the outer packet behind an Ethernet header. */
function outerOf(view: DataView, at = ETHERNET_HEADER): IpPacket {
  const outer = new IpPacket();
  expect(readIpPacket(view, at, view.byteLength - at, outer)).toBe(DropReason.None);
  return outer;
}

describe.each([
  ["IPIP_ICMP", captures.IPIP_ICMP, 20, 4, 0x2e],
  ["IPIP_CE", captures.IPIP_CE, 20, 4, 0x03],
  ["SIT_ICMPV6", captures.SIT_ICMPV6, 20, 6, 0x2e],
  ["IP4_IN_IP6", captures.IP4_IN_IP6, 48, 4, 0x03],
  ["IP6_IN_IP6_LIMIT", captures.IP6_IN_IP6_LIMIT, 48, 6, 0],
  ["IP6_IN_IP6", captures.IP6_IN_IP6, 40, 6, 0x03],
] as const)("%s", (_, hex, overhead, family, trafficClass) => {
  test("decapsulateIpip finds the inner packet", () => {
    const view = viewOf(hex);
    const inner = new IpPacket();
    expect(decapsulateIpip(view, outerOf(view), inner)).toBe(DropReason.None);
    const at = ETHERNET_HEADER + overhead;
    expect(inner).toMatchObject({ family, at, end: view.byteLength, trafficClass });
  });
});

describe.each([
  ["IPIP_ICMP", captures.IPIP_ICMP],
  ["IPIP_CE", captures.IPIP_CE],
  ["SIT_ICMPV6", captures.SIT_ICMPV6],
])("%s", (_, hex) => {
  test("encapsulateIpipInIpv4 writes what Linux wrote", () => {
    const captured = viewOf(hex);
    const inner = new IpPacket();
    decapsulateIpip(captured, outerOf(captured), inner);
    const header = new Ipv4Header();
    readIpv4Header(captured, ETHERNET_HEADER, header);
    const { source, destination, identification } = header;
    const ours = Object.assign(new Ipv4Header(), { source, destination, identification });
    const view = viewOf(hex);
    for (let at = 0; at < inner.at; at++) view.setUint8(at, 0xa5);
    const choice = new OuterChoice();
    chooseOuter(IPIP_POLICY, inner, choice);
    const length = inner.end - inner.at;
    expect(encapsulateIpipInIpv4(view, inner.at, length, inner.family, choice, ours)).toBe(
      DropReason.None,
    );
    expect(hexAt(view, ETHERNET_HEADER)).toBe(hexAt(captured, ETHERNET_HEADER));
    expect(hexAt(view, 0, ETHERNET_HEADER)).toMatch(/^(a5)+$/);
  });
});

test("encapsulateIpipInIpv6 writes what Linux wrote", () => {
  const captured = viewOf(captures.IP6_IN_IP6);
  const inner = new IpPacket();
  decapsulateIpip(captured, outerOf(captured), inner);
  const header = new Ipv6Header();
  readIpv6Header(captured, ETHERNET_HEADER, header);
  header.payloadLength = 0;
  header.nextHeader = 0;
  const view = viewOf(captures.IP6_IN_IP6);
  for (let at = 0; at < inner.at; at++) view.setUint8(at, 0xa5);
  const choice = new OuterChoice();
  chooseOuter(IP6TNL_POLICY, inner, choice);
  const length = inner.end - inner.at;
  expect(encapsulateIpipInIpv6(view, inner.at, length, 6, choice, header)).toBe(DropReason.None);
  expect(hexAt(view, ETHERNET_HEADER)).toBe(hexAt(captured, ETHERNET_HEADER));
});

const anyPacket = fc.oneof(packet(4), packet(6));
const choice: OuterChoice = { trafficClass: 0x2e, ttl: 9, dontFragment: true };
const header4 = Object.assign(new Ipv4Header(), { source: 0xc0000201, destination: 0xc0000202 });
const header6 = Object.assign(new Ipv6Header(), { source0: 0x20010db8, destination3: 1 });

describe.each([
  ["encapsulateIpipInIpv4", 20],
  ["encapsulateIpipInIpv6", 40],
] as const)("%s", (name, overhead) => {
  const encapsulate = (view: DataView, at: number, length: number, family: 4 | 6): DropReason =>
    name === "encapsulateIpipInIpv4"
      ? encapsulateIpipInIpv4(view, at, length, family, choice, header4)
      : encapsulateIpipInIpv6(view, at, length, family, choice, header6);

  test("makes what decapsulateIpip takes apart, and leaves the inner packet alone", () => {
    fc.assert(
      fc.property(anyPacket, fc.nat({ max: 30 }), (inner, room) => {
        const at = overhead + room;
        const view = exactView(inner, at);
        const family = ((inner[0] as number) >> 4) as 4 | 6;
        expect(encapsulate(view, at, inner.length, family)).toBe(DropReason.None);
        const outer = outerOf(view, room);
        expect(outer).toMatchObject({ ttl: 9, trafficClass: 0x2e, end: view.byteLength });
        const found = new IpPacket();
        expect(decapsulateIpip(view, outer, found)).toBe(DropReason.None);
        expect(found).toMatchObject({ at, end: view.byteLength });
        expect(hexAt(view, at)).toBe(Buffer.from(inner).toString("hex"));
        expect(hexAt(view, 0, room)).toMatch(/^(a5)*$/);
      }),
    );
  });

  test("refuses what is too long for the length field", () => {
    const longest = overhead === 20 ? 65515 : 65535;
    const view = dirtyView(overhead);
    expect(encapsulate(view, overhead, longest + 1, 4)).toBe(DropReason.TooLong);
    expect(hexAt(view)).toMatch(/^(a5)+$/);
    expect(encapsulate(view, overhead, longest, 4)).toBe(DropReason.None);
  });
});

describe("refusals", () => {
  const reasonOf = (change: (view: DataView, outer: IpPacket) => void): DropReason => {
    const view = viewOf(captures.IPIP_ICMP);
    const outer = outerOf(view);
    change(view, outer);
    return decapsulateIpip(view, outer, new IpPacket());
  };

  test.each<[string, (view: DataView, outer: IpPacket) => void, DropReason]>([
    [
      "another protocol",
      (_, outer) => Object.assign(outer, { protocol: 17 }),
      DropReason.NotTunnel,
    ],
    [
      "a fragment",
      (_, outer) => Object.assign(outer, { isFragment: true }),
      DropReason.OuterFragment,
    ],
    ["an inner packet cut short", (_, outer) => outer.end--, DropReason.BadTotalLength],
    [
      "nothing inside",
      (_, outer) => Object.assign(outer, { end: outer.upperAt }),
      DropReason.Truncated,
    ],
    [
      "IPv4 where IPv6 is announced",
      (_, outer) => Object.assign(outer, { protocol: 41 }),
      DropReason.InnerNotIp,
    ],
    ["noise inside", (view, outer) => view.setUint8(outer.upperAt, 0), DropReason.NotIp],
  ])("decapsulateIpip refuses %s", (_, change, reason) => {
    expect(reasonOf(change)).toBe(reason);
  });

  test("decapsulateIpip survives whatever is inside", () => {
    fc.assert(
      fc.property(damagedPacket, fc.constantFrom(4, 41), (data, protocol) => {
        const view = exactView(data);
        const fields = { protocol, upperAt: 0, end: data.length };
        const reason = decapsulateIpip(view, Object.assign(new IpPacket(), fields), new IpPacket());
        expect(Object.values(DropReason)).toContain(reason);
      }),
      { numRuns: 1000 },
    );
  });
});
