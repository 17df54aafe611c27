/**
 * Every header file, the same questions: does writing give the bytes, does reading give them back?
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMac } from "../../../encap/address/mac-address.ts";
import { isSumRight, sumBytes } from "../../../encap/header/checksum.ts";
import {
  isMacAt,
  isUnicastMacAt,
  macWords,
  writeEthernetHeader,
} from "../../../encap/header/ethernet.ts";
import {
  Ipv4Header,
  readIpv4Header,
  setIpv4TrafficClass,
  writeIpv4Header,
} from "../../../encap/header/ipv4.ts";
import {
  Ipv6Header,
  ipv6FlowLabel,
  ipv6TrafficClass,
  readIpv6Header,
  setIpv6TrafficClass,
  writeIpv6Header,
} from "../../../encap/header/ipv6.ts";
import { readUdpHeader, UdpHeader, writeUdpHeader } from "../../../encap/header/udp.ts";
import { hasReservedBits, hasVni, readVni, writeVxlanHeader } from "../../../encap/header/vxlan.ts";
import { dirtyView, hexAt, viewOf } from "../../support/packet-bytes.ts";
import { byte, long, word } from "../../support/random-packets.ts";

describe("IPv4 header", () => {
  // The outer header of IPIP_ICMP in test/fixtures/encap/captures.ts.
  const captured = "45020040be3840000704317cc0000201c0000202";

  test("readIpv4Header reads a captured header, writeIpv4Header gives it back", () => {
    const header = new Ipv4Header();
    readIpv4Header(viewOf(captured), 0, header);
    expect(header).toEqual({
      headerLength: 20,
      trafficClass: 2,
      totalLength: 64,
      identification: 0xbe38,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 7,
      protocol: 4,
      source: 0xc0000201,
      destination: 0xc0000202,
    });
    const view = dirtyView(24);
    writeIpv4Header(view, 2, header);
    expect(hexAt(view)).toBe(`a5a5${captured}a5a5`);
  });

  const fields = fc.record({
    trafficClass: byte,
    totalLength: word,
    identification: word,
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat({ max: 0x1fff }).map((units) => units * 8),
    ttl: byte,
    protocol: byte,
    source: long,
    destination: long,
    headerLength: fc.integer({ min: 5, max: 15 }).map((words) => words * 4),
  });

  test("readIpv4Header gives back what writeIpv4Header wrote, and its checksum is right", () => {
    fc.assert(
      fc.property(fields, (values) => {
        const view = dirtyView(64);
        writeIpv4Header(view, 1, Object.assign(new Ipv4Header(), values));
        const back = new Ipv4Header();
        readIpv4Header(view, 1, back);
        expect({ ...back }).toEqual(values);
        expect(isSumRight(sumBytes(view, 1, values.headerLength))).toBe(true);
        expect(hexAt(view, 1 + values.headerLength)).toMatch(/^(a5)+$/);
      }),
    );
  });

  test("setIpv4TrafficClass changes one byte and mends the checksum", () => {
    fc.assert(
      fc.property(fields, byte, (values, trafficClass) => {
        const changed = dirtyView(60);
        writeIpv4Header(changed, 0, Object.assign(new Ipv4Header(), values));
        setIpv4TrafficClass(changed, 0, trafficClass);
        const written = dirtyView(60);
        writeIpv4Header(written, 0, Object.assign(new Ipv4Header(), values, { trafficClass }));
        expect(hexAt(changed)).toBe(hexAt(written));
      }),
    );
  });
});

describe("IPv6 header", () => {
  // The outer header of IP6_IN_IP6 in test/fixtures/encap/captures.ts.
  const captured =
    "6029b0630040294020010db800000000000000000000000320010db8000000000000000000000004";

  test("readIpv6Header reads a captured header, writeIpv6Header gives it back", () => {
    const header = new Ipv6Header();
    readIpv6Header(viewOf(captured), 0, header);
    expect(header).toMatchObject({
      trafficClass: 2,
      flowLabel: 0x9b063,
      payloadLength: 64,
      nextHeader: 41,
      hopLimit: 64,
      source0: 0x20010db8,
      source3: 3,
      destination3: 4,
    });
    const view = dirtyView(44);
    writeIpv6Header(view, 2, header);
    expect(hexAt(view)).toBe(`a5a5${captured}a5a5`);
  });

  const fields = fc.record({
    trafficClass: byte,
    flowLabel: fc.nat({ max: 0xfffff }),
    payloadLength: word,
    nextHeader: byte,
    hopLimit: byte,
    source0: long,
    source1: long,
    source2: long,
    source3: long,
    destination0: long,
    destination1: long,
    destination2: long,
    destination3: long,
  });

  test("readIpv6Header gives back what writeIpv6Header wrote", () => {
    fc.assert(
      fc.property(fields, (values) => {
        const view = dirtyView(42);
        writeIpv6Header(view, 1, Object.assign(new Ipv6Header(), values));
        const back = new Ipv6Header();
        readIpv6Header(view, 1, back);
        expect({ ...back }).toEqual(values);
      }),
    );
  });

  test("setIpv6TrafficClass changes nothing else", () => {
    fc.assert(
      fc.property(fields, byte, (values, trafficClass) => {
        const view = dirtyView(40);
        writeIpv6Header(view, 0, Object.assign(new Ipv6Header(), values));
        setIpv6TrafficClass(view, 0, trafficClass);
        expect(ipv6TrafficClass(view, 0)).toBe(trafficClass);
        expect(ipv6FlowLabel(view, 0)).toBe(values.flowLabel);
        expect(view.getUint8(0) >>> 4).toBe(6);
      }),
    );
  });
});

describe("UDP header", () => {
  test("readUdpHeader gives back what writeUdpHeader wrote", () => {
    const fields = fc.record({
      sourcePort: word,
      destinationPort: word,
      length: word,
      checksum: word,
    });
    fc.assert(
      fc.property(fields, (values) => {
        const view = dirtyView(10);
        writeUdpHeader(view, 1, Object.assign(new UdpHeader(), values));
        const back = new UdpHeader();
        readUdpHeader(view, 1, back);
        expect({ ...back }).toEqual(values);
        expect(hexAt(view, 9)).toBe("a5");
      }),
    );
  });
});

describe("Ethernet header", () => {
  const remote = macWords(parseMac("66:00:00:00:00:02"));
  const local = macWords(parseMac("fe:ff:ff:ff:ff:01"));

  test("writeEthernetHeader writes destination, source and type", () => {
    const view = dirtyView(16);
    writeEthernetHeader(view, 1, remote, local, 0x86dd);
    expect(hexAt(view)).toBe("a5660000000002feffffffff0186dda5");
    expect(isMacAt(view, 1, remote)).toBe(true);
    expect(isMacAt(view, 7, local)).toBe(true);
    expect(isMacAt(view, 7, remote)).toBe(false);
  });

  test.each([
    ["660000000002", true],
    ["000000000001", true],
    ["020000000000", true],
    ["000000000000", false],
    ["ffffffffffff", false],
    ["01005e000001", false],
    ["333300000001", false],
  ])("isUnicastMacAt says of %s: %s", (hex, verdict) => {
    expect(isUnicastMacAt(viewOf(hex), 0)).toBe(verdict);
  });
});

describe("VXLAN header", () => {
  test("writeVxlanHeader writes the I flag and the VNI", () => {
    const view = dirtyView(10);
    writeVxlanHeader(view, 1, 0xfedcba);
    expect(hexAt(view)).toBe("a508000000fedcba00a5");
    expect(readVni(view, 1)).toBe(0xfedcba);
    expect(hasVni(view, 1)).toBe(true);
    expect(hasReservedBits(view, 1)).toBe(false);
  });

  test("hasReservedBits sees each reserved bit and no other", () => {
    for (let bit = 0; bit < 64; bit++) {
      const view = viewOf("0800000000100000");
      const at = bit >> 3;
      view.setUint8(at, view.getUint8(at) ^ (0x80 >> (bit & 7)));
      const isReserved = bit !== 4 && (bit < 32 || bit >= 56);
      expect([bit, hasReservedBits(view, 0)]).toEqual([bit, isReserved]);
      expect(hasVni(view, 0)).toBe(bit !== 4);
    }
  });
});
