import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { fragmentIpv4, fragmentIpv6 } from "../../encap/fragment.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { Reassembler } from "../../encap/reassemble.ts";
import { type HeaderSpace, Segments } from "../../encap/segment.ts";
import { exactView, hexAt, type PacketPlan, packetOf } from "../support/packet-bytes.ts";
import { bytes, damagedPacket, packetPlan } from "../support/random-packets.ts";

const STRIDE = 128;
const CAPACITY = 256;
const BEHIND_BLOCKS = STRIDE * CAPACITY;

interface Cut {
  readonly reason: DropReason;
  readonly pieces: Buffer[];
}

function cut(packet: Uint8Array, mtu: number, capacity = CAPACITY): Cut {
  const view = exactView(packet, BEHIND_BLOCKS);
  const found = new IpPacket();
  expect(readIpPacket(view, BEHIND_BLOCKS, packet.length, found)).toBe(DropReason.None);
  const space: HeaderSpace = { at: 0, stride: STRIDE, room: 40, capacity };
  const fragments = new Segments();
  const reason =
    found.family === 4
      ? fragmentIpv4(view, found, mtu, space, fragments)
      : fragmentIpv6(view, found, mtu, 0xdeadbeef, space, fragments);
  if (reason !== DropReason.None) return { reason, pieces: [] };
  const { count, headersAt, headerLength, payloadAt, payloadSize, lastPayloadSize } = fragments;
  const pieces = [...Array(count).keys()].map((index) => {
    const length = index === count - 1 ? lastPayloadSize : payloadSize;
    return Buffer.concat([
      Buffer.from(view.buffer, headersAt + index * STRIDE, headerLength),
      Buffer.from(view.buffer, payloadAt + index * payloadSize, length),
    ]);
  });
  expect(hexAt(view, BEHIND_BLOCKS)).toBe(Buffer.from(packet).toString("hex"));
  return { reason, pieces };
}

/** With data behind the upper-layer header, and for IPv4 without DF. */
function plan(family: 4 | 6): fc.Arbitrary<PacketPlan> {
  return fc
    .tuple(packetPlan(family), bytes(1, 2000))
    .map(([one, upper]) => ({ ...one, dontFragment: false, protocol: 200, upper }));
}

/** Hands fragments over; returns each packet that became whole, in hexadecimal. */
function reassemble(pieces: readonly Uint8Array[], reassembler = new Reassembler()): string[] {
  return pieces.flatMap((piece) => {
    const view = exactView(piece);
    const packet = new IpPacket();
    expect(readIpPacket(view, 0, piece.length, packet)).toBe(DropReason.None);
    expect(reassembler.add(view, packet, 0)).toBe(DropReason.None);
    if (!reassembler.isComplete) return [];
    const { at, end } = reassembler.packet;
    return [hexAt(reassembler.view, at, end - at)];
  });
}

const mtus = fc.integer({ min: 68, max: 1500 });
const hex = (packet: Uint8Array): string => Buffer.from(packet).toString("hex");

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("fragments fit the MTU, and in any order give back the packet", () => {
    fc.assert(
      fc.property(plan(family), mtus, fc.nat(), (one, mtu, seed) => {
        const packet = packetOf(one);
        const { reason, pieces } = cut(packet, mtu);
        expect(reason).toBe(DropReason.None);
        for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(mtu);
        if (pieces.length === 1 && family === 4) {
          expect(hex(pieces[0] as Buffer)).toBe(hex(packet));
          return;
        }
        const order = (at: number): number => Math.imul(at + seed, 0x9e3779b1) >>> 0;
        const shuffled = pieces.map((_, at) => at).sort((a, b) => order(a) - order(b));
        expect(reassemble(shuffled.map((at) => pieces[at] as Buffer))).toEqual([hex(packet)]);
      }),
      { numRuns: 200 },
    );
  });

  test("no fragment could have been longer", () => {
    fc.assert(
      fc.property(plan(family), mtus, (one, mtu) => {
        const { pieces } = cut(packetOf(one), mtu);
        for (const piece of pieces.slice(0, -1)) expect(piece.length).toBeGreaterThan(mtu - 8);
        const last = pieces.at(-1) as Buffer;
        const previous = pieces.at(-2);
        if (previous === undefined) return;
        const headers = family === 4 ? 20 + one.options.length : 48;
        const together = previous.length + last.length - headers;
        expect(together).toBeGreaterThan(mtu);
      }),
    );
  });

  test("refuses an MTU without room for 8 bytes, and too many fragments", () => {
    const [one] = fc.sample(plan(family), { numRuns: 1, seed: 3 }) as [PacketPlan];
    const packet = packetOf({ ...one, options: new Uint8Array(), upper: new Uint8Array(80) });
    const headers = family === 4 ? 20 : 48;
    expect(cut(packet, headers + 7).reason).toBe(DropReason.TooBig);
    expect(cut(packet, headers + 8)).toMatchObject({ reason: 0, pieces: { length: 10 } });
    expect(cut(packet, headers + 8, 10).reason).toBe(DropReason.None);
    expect(cut(packet, headers + 8, 9).reason).toBe(DropReason.TooManySegments);
  });
});

describe("fragmentIpv4", () => {
  const [sample] = fc.sample(plan(4), { numRuns: 1, seed: 1 }) as [PacketPlan];
  const whole = packetOf({
    ...sample,
    options: new Uint8Array(),
    upper: new Uint8Array(1000).map((_, at) => at),
  });

  test("cuts a fragment into fragments of the same packet", () => {
    const { pieces } = cut(whole, 500);
    const finer = pieces.flatMap((piece) => cut(piece, 200).pieces);
    expect(finer.length).toBeGreaterThan(pieces.length);
    expect(reassemble(finer)).toEqual([hex(whole)]);
  });

  test("copies only the options with the copied flag into later fragments", () => {
    // Record route (7), not copied; NOP; router alert (148), copied; end.
    const options = Buffer.from("070704c0000201" + "01" + "94040000" + "00000000", "hex");
    const { pieces } = cut(packetOf({ ...sample, options, upper: new Uint8Array(100) }), 100);
    const optionsOf = (piece: Buffer): string => piece.subarray(20, 36).toString("hex");
    const [first, ...later] = pieces as [Buffer, ...Buffer[]];
    expect(optionsOf(first)).toBe(options.toString("hex"));
    expect(later.length).toBeGreaterThan(0);
    for (const piece of later) {
      expect(optionsOf(piece)).toBe("01010101010101" + "01" + "94040000" + "00000000");
    }
  });

  test("refuses a fragment whose pieces would lie beyond the longest packet", () => {
    const { pieces } = cut(whole, 500);
    const last = Buffer.from(pieces.at(-1) as Buffer);
    const move = (units: number): Buffer => {
      last.writeUInt16BE(units, 6);
      last.writeUInt16BE(0, 10);
      let sum = 0;
      for (let at = 0; at < 20; at += 2) sum += last.readUInt16BE(at);
      last.writeUInt16BE(~((sum >> 16) + (sum & 0xffff)) & 0xffff, 10);
      return last;
    };
    expect(cut(move(0x1f00), 30).reason).toBe(DropReason.None);
    expect(cut(move(0x1fff), 30).reason).toBe(DropReason.FragmentMalformed);
  });

  test("survives whatever options it gets", () => {
    fc.assert(
      fc.property(plan(4), bytes(40, 40), fc.integer({ min: 0, max: 10 }), (one, noise, words) => {
        const options = noise.subarray(0, words * 4);
        const { pieces } = cut(packetOf({ ...one, options }), 100);
        for (const piece of pieces) {
          const packet = new IpPacket();
          expect(readIpPacket(exactView(piece), 0, piece.length, packet)).toBe(DropReason.None);
        }
      }),
    );
  });
});

test("fragmentIpv6 refuses a packet with extension headers", () => {
  const [sample] = fc.sample(plan(6), { numRuns: 1, seed: 1 }) as [PacketPlan];
  const options = Buffer.from("c800010400000000", "hex");
  const upper = Buffer.concat([options, new Uint8Array(500)]);
  expect(cut(packetOf({ ...sample, protocol: 60, upper }), 200).reason).toBe(DropReason.TooBig);
});

test("fragmentation survives whatever it gets", () => {
  fc.assert(
    fc.property(damagedPacket, fc.integer({ min: 0, max: 200 }), (data, mtu) => {
      const view = exactView(data);
      if (readIpPacket(view, 0, data.length, new IpPacket()) !== DropReason.None) return;
      for (const piece of cut(data, mtu).pieces) {
        expect(piece.length).toBeLessThanOrEqual(Math.max(mtu, data.length));
      }
    }),
    { numRuns: 1000 },
  );
});
