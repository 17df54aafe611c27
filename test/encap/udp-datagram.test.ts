import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { UdpHeader } from "../../encap/header/udp.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { readUdpDatagram, writeUdpChecksum } from "../../encap/udp-datagram.ts";
import { exactView, hexAt, packetOf } from "../support/packet-bytes.ts";
import { bytes, packetPlan } from "../support/random-packets.ts";

function read(view: DataView, allowIpv6Zero = false): DropReason {
  const packet = new IpPacket();
  expect(readIpPacket(view, 0, view.byteLength, packet)).toBe(DropReason.None);
  return readUdpDatagram(view, packet, new UdpHeader(), allowIpv6Zero);
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  const plan = fc
    .tuple(packetPlan(family), bytes(0, 100))
    .map(([other, data]) => ({ ...other, protocol: 17, upper: datagram(data) }));
  const sample = packetOf({
    family,
    trafficClass: 0,
    ttl: 64,
    identification: 1,
    dontFragment: true,
    source: new Uint8Array(family === 4 ? 4 : 16).fill(1),
    destination: new Uint8Array(family === 4 ? 4 : 16).fill(2),
    options: new Uint8Array(),
    flowLabel: 0,
    protocol: 17,
    upper: datagram(Buffer.from("causeway")),
  });
  const udpAt = sample.length - 16;

  function reasonAfter(change: (view: DataView) => void, allowIpv6Zero = false): DropReason {
    const view = exactView(sample);
    change(view);
    return read(view, allowIpv6Zero);
  }

  test("readUdpDatagram accepts what is right and refuses one changed bit", () => {
    fc.assert(
      fc.property(plan, fc.nat(), (values, where) => {
        const view = exactView(packetOf(values));
        expect(read(view)).toBe(DropReason.None);
        const start = view.byteLength - values.upper.length;
        // Any bit but those of the length and the checksum, which are refused for other reasons.
        const places = [0, 1, 2, 3, ...Array(values.upper.length).keys()].filter(
          (at) => at < 4 || at >= 8,
        );
        const at = start + (places[where % places.length] as number);
        view.setUint8(at, view.getUint8(at) ^ (1 << (where & 7)));
        expect(read(view)).toBe(DropReason.BadUdpChecksum);
      }),
    );
  });

  test("writeUdpChecksum writes the checksum over whatever stands there", () => {
    fc.assert(
      fc.property(plan, (values) => {
        const whole = packetOf(values);
        const view = exactView(whole);
        const packet = new IpPacket();
        readIpPacket(view, 0, view.byteLength, packet);
        view.setUint16(packet.upperAt + 6, 0xa5a5);
        writeUdpChecksum(view, packet, values.upper.length);
        expect(hexAt(view)).toBe(hexAt(exactView(whole)));
      }),
    );
  });

  test.each([
    ["a length under 8", (view: DataView) => view.setUint16(udpAt + 4, 7), DropReason.BadUdpLength],
    [
      "a length over the packet",
      (view: DataView) => view.setUint16(udpAt + 4, 17),
      DropReason.BadUdpLength,
    ],
  ])("readUdpDatagram refuses %s", (_, change, reason) => {
    expect(reasonAfter(change)).toBe(reason);
  });

  test("readUdpDatagram takes a missing checksum over IPv4, over IPv6 by consent alone", () => {
    const without = (view: DataView): void => view.setUint16(udpAt + 6, 0);
    const refusal = family === 4 ? DropReason.None : DropReason.MissingUdpChecksum;
    expect(reasonAfter(without)).toBe(refusal);
    expect(reasonAfter(without, true)).toBe(DropReason.None);
  });

  test("readUdpDatagram refuses fragments, other protocols, and half a header", () => {
    const view = exactView(sample);
    const packet = new IpPacket();
    readIpPacket(view, 0, view.byteLength, packet);
    const reasonWith = (fields: Partial<IpPacket>): DropReason =>
      readUdpDatagram(view, Object.assign(new IpPacket(), packet, fields), new UdpHeader(), false);
    expect(reasonWith({})).toBe(DropReason.None);
    expect(reasonWith({ isFragment: true })).toBe(DropReason.OuterFragment);
    expect(reasonWith({ protocol: 6 })).toBe(DropReason.NotTunnel);
    expect(reasonWith({ end: packet.upperAt + 7 })).toBe(DropReason.Truncated);
  });
});

function datagram(data: Uint8Array): Uint8Array {
  const head = Buffer.from("1388177000000000", "hex");
  head.writeUInt16BE(8 + data.length, 4);
  return Buffer.concat([head, data]);
}
