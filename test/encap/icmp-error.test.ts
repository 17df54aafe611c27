import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIp } from "../../encap/address/ip-address.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { isSumRight, sumBytes } from "../../encap/header/checksum.ts";
import { ICMP_ANSWER_MAX, IcmpError, mayAnswer, writeIcmpError } from "../../encap/icmp-error.ts";
import { IpPacket, readIpPacket, sumPseudoHeader } from "../../encap/ip-packet.ts";
import * as answers from "../fixtures/encap/icmp.ts";
import { exactView, hexAt, type PacketPlan, packetOf, viewOf } from "../support/packet-bytes.ts";
import { damagedPacket, packet } from "../support/random-packets.ts";

const ROUTER = { 4: parseIp("192.0.2.254"), 6: parseIp("2001:db8:a::fe") };

function read(view: DataView, at: number): IpPacket {
  const found = new IpPacket();
  expect(readIpPacket(view, at, view.byteLength - at, found)).toBe(DropReason.None);
  return found;
}

describe.each([
  ["FRAGMENTATION_NEEDED", answers.FRAGMENTATION_NEEDED, IcmpError.TooBig, 4],
  ["PACKET_TOO_BIG", answers.PACKET_TOO_BIG, IcmpError.TooBig, 6],
  ["TIME_EXCEEDED", answers.TIME_EXCEEDED, IcmpError.TimeExceeded, 4],
  ["TIME_EXCEEDED_6", answers.TIME_EXCEEDED_6, IcmpError.TimeExceeded, 6],
] as const)("%s", (_, hex, error, family) => {
  test("writeIcmpError writes what a Linux router wrote", () => {
    const header = family === 4 ? 20 : 40;
    const captured = viewOf(hex);
    // What it answered: the quote, and as much behind it as its length field says.
    const quote = Buffer.from(hex, "hex").subarray(header + 8);
    const length = family === 4 ? quote.readUInt16BE(2) : 40 + quote.readUInt16BE(4);
    const original = Buffer.alloc(length, 0xee);
    quote.copy(original);
    const view = exactView(original, ICMP_ANSWER_MAX);
    const packet = read(view, ICMP_ANSWER_MAX);
    const written = writeIcmpError(view, packet, error, 1400, ROUTER[family], 0);
    expect(written).toBe(captured.byteLength);
    expect(hexAt(view, header, written - header)).toBe(hexAt(captured, header));
    const answer = new IpPacket();
    expect(readIpPacket(view, 0, written, answer)).toBe(DropReason.None);
    // But for the identification and DF of IPv4 and the flow label of IPv6 the header is Linux's
    // too.
    const ours = Buffer.from(view.buffer, 0, header);
    const theirs = Buffer.from(captured.buffer, 0, header);
    const [from, to] = family === 4 ? [4, 12] : [1, 4];
    for (const bytes of [ours, theirs]) bytes.fill(0, from, to);
    expect(ours.toString("hex")).toBe(theirs.toString("hex"));
    expect(hexAt(view, written, ICMP_ANSWER_MAX - written)).toMatch(/^(a5)*$/);
  });
});

describe.each([4, 6] as const)("IPv%i", (family) => {
  const bytes = new Uint8Array(family === 4 ? 4 : 16).fill(10);
  const plain: PacketPlan = {
    family,
    trafficClass: 0,
    ttl: 64,
    identification: 0,
    dontFragment: true,
    source: bytes,
    destination: bytes.with(-1, 11),
    options: new Uint8Array(),
    flowLabel: 0,
    protocol: 17,
    upper: Buffer.from("1388177000080000", "hex"),
  };
  const isAnswered = (change: Partial<PacketPlan>, fields: Partial<IpPacket> = {}): boolean => {
    const view = exactView(packetOf({ ...plain, ...change }));
    return mayAnswer(view, Object.assign(read(view, 0), fields));
  };
  const icmp = family === 4 ? 1 : 58;
  const message = (type: number): Partial<PacketPlan> => ({
    protocol: icmp,
    upper: Uint8Array.from([type, 0, 0, 0, 0, 0, 0, 0]),
  });

  const words: [IcmpError, number, number][] =
    family === 4
      ? [
          [IcmpError.TooBig, 3, 4],
          [IcmpError.NetUnreachable, 3, 0],
          [IcmpError.HostUnreachable, 3, 1],
          [IcmpError.Prohibited, 3, 13],
          [IcmpError.TimeExceeded, 11, 0],
        ]
      : [
          [IcmpError.TooBig, 2, 0],
          [IcmpError.NetUnreachable, 1, 0],
          [IcmpError.HostUnreachable, 1, 3],
          [IcmpError.Prohibited, 1, 1],
          [IcmpError.TimeExceeded, 3, 0],
        ];

  test.each(words)("writeIcmpError tells error %i as type %i code %i", (error, type, code) => {
    const view = exactView(packetOf(plain), ICMP_ANSWER_MAX);
    const length = writeIcmpError(
      view,
      read(view, ICMP_ANSWER_MAX),
      error,
      1400,
      ROUTER[family],
      0,
    );
    const at = family === 4 ? 20 : 40;
    expect([view.getUint8(at), view.getUint8(at + 1)]).toEqual([type, code]);
    expect(view.getUint32(at + 4)).toBe(error === IcmpError.TooBig ? 1400 : 0);
    expect(length).toBe(at + 8 + packetOf(plain).length);
  });

  test("writeIcmpError answers with right checksums, and within the limit", () => {
    fc.assert(
      fc.property(packet(family), fc.integer({ min: 68, max: 65535 }), (data, mtu) => {
        const view = exactView(data, ICMP_ANSWER_MAX);
        const original = read(view, ICMP_ANSWER_MAX);
        const length = writeIcmpError(view, original, IcmpError.TooBig, mtu, ROUTER[family], 0);
        expect(hexAt(view, ICMP_ANSWER_MAX)).toBe(Buffer.from(data).toString("hex"));
        if (length === 0) {
          expect(mayAnswer(view, original)).toBe(false);
          expect(hexAt(view, 0, ICMP_ANSWER_MAX)).toMatch(/^(a5)+$/);
          return;
        }
        const answer = new IpPacket();
        expect(readIpPacket(view, 0, length, answer)).toBe(DropReason.None);
        const upperLength = length - answer.upperAt;
        const pseudo = family === 4 ? 0 : sumPseudoHeader(view, answer, upperLength);
        expect(isSumRight(pseudo + sumBytes(view, answer.upperAt, upperLength))).toBe(true);
        expect(length).toBeLessThanOrEqual(family === 4 ? 576 : 1280);
      }),
    );
  });

  test("mayAnswer allows an ordinary packet, a first fragment and an echo request", () => {
    expect(isAnswered({})).toBe(true);
    expect(isAnswered({}, { isFragment: true })).toBe(true);
    expect(isAnswered(message(family === 4 ? 8 : 128))).toBe(true);
  });

  test("mayAnswer forbids answers to later fragments and to errors", () => {
    expect(isAnswered({}, { isFragment: true, isLaterFragment: true })).toBe(false);
    const errors = family === 4 ? [3, 4, 5, 11, 12] : [1, 2, 3, 4, 100, 127, 137];
    for (const type of errors) expect([type, isAnswered(message(type))]).toEqual([type, false]);
    expect(isAnswered({ protocol: icmp, upper: new Uint8Array() })).toBe(false);
  });

  test("mayAnswer forbids answers where more than one host would send or hear them", () => {
    const sources =
      family === 4
        ? ["0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255"]
        : ["::", "ff02::1"];
    const destinations = family === 4 ? ["224.0.0.1", "255.255.255.255"] : ["ff02::1"];
    const of = (text: string): Uint8Array => {
      const { w0, w1, w2, w3 } = parseIp(text);
      const words = Buffer.alloc(16);
      for (const [at, word] of [w0, w1, w2, w3].entries()) words.writeUInt32BE(word, at * 4);
      return words.subarray(0, bytes.length);
    };
    const single =
      family === 4 ? ["1.0.0.0", "126.0.0.1", "223.0.0.1"] : ["1::", "0:0:1::", "::1:0:0", "::2"];
    for (const text of single)
      expect([text, isAnswered({ source: of(text) })]).toEqual([text, true]);
    for (const text of sources)
      expect([text, isAnswered({ source: of(text) })]).toEqual([text, false]);
    for (const text of destinations) {
      expect([text, isAnswered({ destination: of(text) })]).toEqual([text, false]);
    }
  });
});

test("mayAnswer survives whatever it gets", () => {
  fc.assert(
    fc.property(damagedPacket, (data) => {
      const view = exactView(data);
      const found = new IpPacket();
      if (readIpPacket(view, 0, data.length, found) !== DropReason.None) return;
      expect(typeof mayAnswer(view, found)).toBe("boolean");
    }),
    { numRuns: 1000 },
  );
});
