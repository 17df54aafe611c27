import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { Reassembler, type ReassemblyLimits } from "../../encap/reassemble.ts";
import { exactView, hexAt, packetOf, plainSum } from "../support/packet-bytes.ts";
import { damagedPacket } from "../support/random-packets.ts";

const LIMITS: ReassemblyLimits = { packets: 4, bytes: 1 << 20, lifetime: 1000 };
const content = new Uint8Array(4000).map((_, at) => at * 7 + (at >> 8));

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly isLast?: boolean;
  readonly id?: number;
  readonly trafficClass?: number;
  readonly data?: Uint8Array;
}

/** A fragment with the bytes `from` to `to` of the content. */
function fragment(family: 4 | 6, piece: Piece): Buffer {
  const { from, to, isLast = false, id = 1, trafficClass = 0 } = piece;
  const data = piece.data ?? content.subarray(from, to);
  const header = Buffer.from("c800000000000000", "hex");
  header.writeUInt16BE((from & 0xfff8) | (isLast ? 0 : 1), 2);
  header.writeUInt32BE(id, 4);
  const packet = Buffer.from(
    packetOf({
      family,
      trafficClass,
      ttl: 64,
      identification: id,
      dontFragment: false,
      source: new Uint8Array(family === 4 ? 4 : 16).fill(1),
      destination: new Uint8Array(family === 4 ? 4 : 16).fill(2),
      options: new Uint8Array(),
      flowLabel: 0,
      protocol: family === 4 ? 200 : 44,
      upper: family === 4 ? data : Buffer.concat([header, data]),
    }),
  );
  if (family === 4) {
    packet.writeUInt16BE((from >> 3) | (isLast ? 0 : 0x2000), 6);
    packet.writeUInt16BE(0, 10);
    packet.writeUInt16BE(~plainSum(packet.subarray(0, 20)) & 0xffff, 10);
  }
  return packet;
}

function add(reassembler: Reassembler, bytes: Uint8Array, now = 0): DropReason {
  const view = exactView(bytes);
  const packet = new IpPacket();
  expect(readIpPacket(view, 0, bytes.length, packet)).toBe(DropReason.None);
  return reassembler.add(view, packet, now);
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  const of = (from: number, to: number, rest: Partial<Piece> = {}): Buffer =>
    fragment(family, { from, to, ...rest });
  const last = { isLast: true };

  /** The upper layer of what became whole. */
  const whole = (reassembler: Reassembler): string => {
    expect(reassembler.isComplete).toBe(true);
    const { upperAt, end, isFragment, hasOptions, protocol } = reassembler.packet;
    expect({ isFragment, hasOptions, protocol }).toEqual({
      isFragment: false,
      hasOptions: false,
      protocol: 200,
    });
    return hexAt(reassembler.view, upperAt, end - upperAt);
  };
  const bytes = (length: number): string =>
    Buffer.from(content.subarray(0, length)).toString("hex");

  test("Reassembler keeps packets apart that arrive interleaved", () => {
    const reassembler = new Reassembler(LIMITS);
    for (const id of [1, 2, 3]) expect(add(reassembler, of(0, 800, { id }))).toBe(DropReason.None);
    for (const id of [3, 1, 2]) {
      expect(reassembler.isComplete).toBe(false);
      expect(add(reassembler, of(800, 801 + id, { id, ...last }))).toBe(DropReason.None);
      expect(whole(reassembler)).toBe(bytes(801 + id));
      expect(add(reassembler, of(0, 8, { id: 9 }))).toBe(DropReason.None);
    }
  });

  /**
   * Where the fields are that say what a fragment belongs to; for IPv6 the protocol is none of
   * them.
   */
  const keyFields: [string, number][] =
    family === 4
      ? [
          ["source", 15],
          ["destination", 19],
          ["identification", 5],
          ["protocol", 9],
        ]
      : [
          ["source", 23],
          ["destination", 39],
          ["identification", 47],
        ];

  test.each(keyFields)("Reassembler keeps packets of another %s apart", (_, place) => {
    const reassembler = new Reassembler(LIMITS);
    const other = Buffer.from(of(8, 16, last));
    other[place] = (other[place] as number) ^ 0x40;
    if (family === 4) {
      other.writeUInt16BE(0, 10);
      other.writeUInt16BE(~plainSum(other.subarray(0, 20)) & 0xffff, 10);
    }
    add(reassembler, of(0, 8));
    expect(add(reassembler, other)).toBe(DropReason.None);
    expect(reassembler.isComplete).toBe(false);
    add(reassembler, of(8, 16, last));
    expect(reassembler.isComplete).toBe(true);
  });

  test("Reassembler ignores a fragment that comes twice", () => {
    const reassembler = new Reassembler(LIMITS);
    for (const piece of [of(0, 800), of(0, 800), of(800, 803, last), of(800, 803, last)].slice(
      0,
      3,
    )) {
      expect(add(reassembler, piece)).toBe(DropReason.None);
    }
    expect(whole(reassembler)).toBe(bytes(803));
    const other = new Reassembler(LIMITS);
    for (const piece of [of(800, 803, last), of(800, 803, last), of(0, 800)]) add(other, piece);
    expect(whole(other)).toBe(bytes(803));
  });

  test("Reassembler drops a packet with one fragment in place of two", () => {
    const reassembler = new Reassembler(LIMITS);
    add(reassembler, of(0, 80));
    add(reassembler, of(80, 160));
    expect(add(reassembler, of(0, 160))).toBe(DropReason.FragmentOverlap);
  });

  const changed = content.slice(0, 800).fill(0);
  test.each<[string, Buffer[]]>([
    ["overlap by 8 bytes", [of(0, 800), of(792, 1600)]],
    ["cover another", [of(80, 160), of(0, 800)]],
    ["lie inside another", [of(0, 800), of(80, 168)]],
    ["begin like another", [of(0, 800), of(0, 80)]],
    ["end like another", [of(0, 800), of(720, 800)]],
    ["differ from what came before", [of(0, 800), of(0, 800, { data: changed })]],
    ["go on behind the last", [of(80, 160, last), of(160, 240)]],
    ["end before what is there", [of(80, 160), of(8, 40, last)]],
    ["end twice", [of(80, 160, last), of(160, 170, last)]],
    ["are the last and are not", [of(80, 160, last), of(80, 160)]],
  ])("Reassembler drops a packet whose fragments %s, and all that come later", (_, pieces) => {
    const reassembler = new Reassembler(LIMITS);
    const reasons = pieces.map((piece) => add(reassembler, piece));
    expect(reasons).toEqual([DropReason.None, DropReason.FragmentOverlap]);
    expect(add(reassembler, of(3200, 3208))).toBe(DropReason.FragmentOverlap);
    expect(add(reassembler, of(0, 8, { id: 2 }))).toBe(DropReason.None);
    expect(add(reassembler, of(3200, 3208), LIMITS.lifetime)).toBe(DropReason.None);
  });

  test.each<[string, Buffer]>([
    ["of a length that is no multiple of 8, with more to come", of(0, 801)],
    ["without data", of(800, 800, last)],
    ["beyond the longest packet", of(65_528, 65_536, { ...last, data: new Uint8Array(8) })],
  ])("Reassembler refuses a fragment %s", (_, piece) => {
    expect(add(new Reassembler(LIMITS), piece)).toBe(DropReason.FragmentMalformed);
  });

  test("Reassembler refuses a packet that is no fragment", () => {
    const piece = of(0, 8);
    const view = exactView(piece);
    const packet = new IpPacket();
    readIpPacket(view, 0, piece.length, packet);
    packet.isFragment = false;
    expect(new Reassembler(LIMITS).add(view, packet, 0)).toBe(DropReason.FragmentMalformed);
  });

  test("Reassembler refuses what would be too long with its header", () => {
    const reassembler = new Reassembler({ ...LIMITS, bytes: 1 << 20 });
    const long = new Uint8Array(60_000);
    expect(add(reassembler, of(0, 60_000, { data: long }))).toBe(DropReason.None);
    const limit = family === 4 ? 65_535 - 20 : 65_535;
    const rest = (to: number): Buffer =>
      of(60_000, to, { ...last, data: long.subarray(0, to - 60_000) });
    if (family === 4) {
      expect(add(reassembler, rest(limit + 1))).toBe(DropReason.FragmentMalformed);
      add(reassembler, of(0, 60_000, { data: long }));
    }
    expect(add(reassembler, rest(limit))).toBe(DropReason.None);
    expect(reassembler.isComplete).toBe(true);
  });

  test("Reassembler holds no more packets than allowed, until their time is over", () => {
    const reassembler = new Reassembler(LIMITS);
    for (const id of [1, 2, 3, 4])
      expect(add(reassembler, of(0, 8, { id }), id)).toBe(DropReason.None);
    expect(add(reassembler, of(0, 8, { id: 5 }), 1000)).toBe(DropReason.FragmentLimit);
    expect(add(reassembler, of(8, 16, { id: 1, ...last }), 1000)).toBe(DropReason.None);
    expect(whole(reassembler)).toBe(bytes(16));
    expect(add(reassembler, of(0, 8, { id: 5 }), 1000)).toBe(DropReason.None);
    expect(reassembler.timedOut).toBe(0);
    expect(add(reassembler, of(0, 8, { id: 6 }), 1002)).toBe(DropReason.None);
    expect(reassembler.timedOut).toBe(1);
    expect(add(reassembler, of(8, 16, { id: 2, ...last }), 1002)).toBe(DropReason.FragmentLimit);
    reassembler.expire(5000);
    expect(reassembler.timedOut).toBe(5);
  });

  test("Reassembler holds no more bytes than allowed", () => {
    const reassembler = new Reassembler({ ...LIMITS, bytes: 1600 });
    expect(add(reassembler, of(0, 800, { id: 1 }))).toBe(DropReason.None);
    expect(add(reassembler, of(0, 800, { id: 2 }))).toBe(DropReason.None);
    expect(add(reassembler, of(800, 808, { id: 1, ...last }))).toBe(DropReason.FragmentLimit);
    reassembler.expire(LIMITS.lifetime);
    expect(add(reassembler, of(0, 800, { id: 3 }), LIMITS.lifetime)).toBe(DropReason.None);
    expect(add(reassembler, of(800, 1600, { id: 3, ...last }), LIMITS.lifetime)).toBe(
      DropReason.None,
    );
    expect(whole(reassembler)).toBe(bytes(1600));
    expect(add(reassembler, of(0, 1600, { id: 4 }), LIMITS.lifetime)).toBe(DropReason.None);
  });

  test.each([
    ["no marks", [2, 2], 2],
    ["a mark on the first", [3, 2], 3],
    ["a mark on the last", [2, 3], 3],
    ["no ECN", [0, 0], 0],
    ["both ECTs", [1, 2], 1],
  ])("Reassembler keeps the ECN field: %s", (_, [first, second], ecn) => {
    const reassembler = new Reassembler(LIMITS);
    add(reassembler, of(0, 8, { trafficClass: 0xb8 + (first as number) }));
    add(reassembler, of(8, 16, { ...last, trafficClass: 0xb8 + (second as number) }));
    expect(whole(reassembler)).toBe(bytes(16));
    expect(reassembler.packet.trafficClass).toBe(0xb8 + ecn);
  });

  test.each([1, 2, 3])("Reassembler refuses Not-ECT beside ECN value %i (RFC 3168)", (ecn) => {
    const reassembler = new Reassembler(LIMITS);
    add(reassembler, of(0, 8));
    const reason = add(reassembler, of(8, 16, { ...last, trafficClass: ecn }));
    expect(reason).toBe(DropReason.FragmentMalformed);
    expect(reassembler.isComplete).toBe(false);
  });
});

test("Reassembler takes an atomic IPv6 fragment by itself (RFC 6946)", () => {
  const reassembler = new Reassembler(LIMITS);
  add(reassembler, fragment(6, { from: 8, to: 16, isLast: true }));
  expect(add(reassembler, fragment(6, { from: 0, to: 100, isLast: true }))).toBe(DropReason.None);
  expect(reassembler.isComplete).toBe(true);
  add(reassembler, fragment(6, { from: 0, to: 8 }));
  expect(reassembler.isComplete).toBe(true);
  const { upperAt, end } = reassembler.packet;
  expect(end - upperAt).toBe(16);
});

test("Reassembler keeps what stands before the fragment header", () => {
  const of = (text: string): Buffer => Buffer.from(text, "hex");
  const addresses = "20010db800000000000000000000000120010db8000000000000000000000002";
  const options = "2c00010400000000";
  const first = of(`6000000000183c40${addresses}${options}${"c8000001deadbeef"}0001020304050607`);
  const second = of(`6000000000143c40${addresses}${options}${"c8000008deadbeef"}08090a0b`);
  const reassembler = new Reassembler(LIMITS);
  expect(add(reassembler, second)).toBe(DropReason.None);
  expect(add(reassembler, first)).toBe(DropReason.None);
  const { at, end } = reassembler.packet;
  expect(hexAt(reassembler.view, at, end - at)).toBe(
    `6000000000143c40${addresses}${"c800010400000000"}000102030405060708090a0b`,
  );
});

test("Reassembler survives whatever it gets", () => {
  const reassembler = new Reassembler({ packets: 3, bytes: 5000, lifetime: 5 });
  let now = 0;
  fc.assert(
    fc.property(damagedPacket, fc.nat({ max: 0xffff }), (data, word) => {
      const bytes = Buffer.from(data);
      if (bytes.length >= 20 && (bytes[0] as number) >> 4 === 4) {
        const headerLength = ((bytes[0] as number) & 15) * 4;
        bytes.writeUInt16BE(word, 6);
        bytes.writeUInt16BE(0, 10);
        bytes.writeUInt16BE(~plainSum(bytes.subarray(0, headerLength)) & 0xffff, 10);
      }
      const view = exactView(bytes);
      const packet = new IpPacket();
      if (readIpPacket(view, 0, bytes.length, packet) !== DropReason.None) return;
      const reason = reassembler.add(view, packet, now++);
      expect(Object.values(DropReason)).toContain(reason);
    }),
    { numRuns: 3000 },
  );
});
