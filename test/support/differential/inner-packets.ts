// Inner packets of all kinds, right and wrong, as fast-check makes them. Each carries a number by which it is known
// again wherever it comes out: the IPv4 identification, or the lower 16 bits of the IPv6 flow label.

import fc from "fast-check";
import { packetOf, plainSum } from "../packet-bytes.ts";
import { byte, bytes } from "../random-packets.ts";

export interface InnerPacket {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  /** What is odd about it, in a word. */
  readonly oddity: string;
}

/** Of 10.244.1.0/24 and fd01:1::/64, or with a 2 in place of the first 1. */
const podAddress = (family: 4 | 6, node: number): fc.Arbitrary<Uint8Array> =>
  byte.map((last) =>
    family === 4
      ? Uint8Array.of(10, 244, node, last)
      : Uint8Array.of(0xfd, 1, 0, node, 0, 0, 0, 0, last, 0, 0, 0, 0, 0, 0, 1),
  );

/** Where the number is. */
const numberAt = (family: 4 | 6): number => (family === 4 ? 4 : 2);

export function numberOf(family: 4 | 6, packet: Uint8Array): number {
  const at = numberAt(family);
  return ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
}

/** Gives it another number, and mends the checksum of its header as far as it was right. */
export function withNumber(family: 4 | 6, packet: Uint8Array, number: number): Uint8Array {
  const copy = Buffer.from(packet);
  const before = numberOf(family, copy);
  copy.writeUInt16BE(number, numberAt(family));
  if (family === 4 && copy.length >= 12) {
    const sum = 0xffff - copy.readUInt16BE(10) + (0xffff - before) + number;
    copy.writeUInt16BE(0xffff - (((sum & 0xffff) + (sum >> 16)) % 0xffff), 10);
  }
  return copy;
}

const NOTHING = new Uint8Array();
const NOPS = new Uint8Array(4).fill(1);
/** With room for one address. */
const RECORD_ROUTE = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);
/** Full: a router counts what it could not write. The time of day would differ from node to node. */
const TIMESTAMP = Uint8Array.of(0x44, 8, 9, 0, 0, 0, 0, 0);
const SOURCE_ROUTE = Uint8Array.of(0x83, 7, 4, 10, 244, 1, 9, 0);

const options = fc.oneof(
  { weight: 6, arbitrary: fc.constant(NOTHING) },
  fc.constantFrom(NOPS, RECORD_ROUTE, TIMESTAMP, SOURCE_ROUTE),
  fc.integer({ min: 2, max: 10 }).map((words) => new Uint8Array(words * 4).fill(1)),
);

const ttl = fc.oneof(fc.constantFrom(0, 1, 2, 64, 255), byte);

const protocols = { 4: [17, 6, 1, 200], 6: [17, 6, 58, 200] } as const;

/** From node `from` to node `to`, of at most `mtu` bytes. */
export function innerPacket(
  family: 4 | 6,
  from: number,
  to: number,
  mtu: number,
): fc.Arbitrary<InnerPacket> {
  const header = family === 4 ? 20 : 40;
  const length = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: header, max: header + 200 }) },
    { weight: 3, arbitrary: fc.integer({ min: header, max: mtu }) },
    fc.constant(mtu),
  );
  return fc
    .record({
      trafficClass: byte,
      ttl,
      dontFragment: fc.boolean(),
      source: podAddress(family, from),
      destination: podAddress(family, to),
      options: family === 4 ? options : fc.constant(NOTHING),
      protocol: fc.constantFrom(...protocols[family]),
      data: bytes(mtu, mtu),
      length,
      form: fc.constantFrom("whole", "whole", "whole", "fragment", "extension"),
      piece: fc.record({ offset: fc.integer({ min: 0, max: 0x1fff }), more: fc.boolean() }),
      oddity: oddity(family),
      amount: fc.integer({ min: 0, max: 0xffff }),
    })
    .map(({ data, length, form, piece, oddity, amount, ...plan }) => {
      const room = Math.max(0, length - header - plan.options.length);
      const upper = upperOf(plan.protocol, Buffer.from(data.subarray(0, room)));
      let packet: Buffer;
      if (family === 6 && form !== "whole" && room >= 16) {
        packet = Buffer.from(
          packetOf({ ...base(family), ...plan, ...behind(form, piece, plan.protocol, upper) }),
        );
      } else {
        packet = Buffer.from(packetOf({ ...base(family), ...plan, upper }));
        if (form === "fragment") makeFragment(packet, piece);
      }
      return { family, bytes: oddity.apply(packet, amount, mtu), oddity: oddity.name };
    });
}

function base(family: 4 | 6): { family: 4 | 6; identification: number; flowLabel: number } {
  return { family, identification: 0, flowLabel: 0 };
}

/** Ports and lengths that a reader would believe; packetOf does the checksums. */
function upperOf(protocol: number, upper: Buffer): Buffer {
  if (protocol === 17 && upper.length >= 8) upper.writeUInt16BE(upper.length, 4);
  if (protocol === 6 && upper.length >= 20) upper[12] = 0x50;
  return upper;
}

interface Piece {
  readonly offset: number;
  readonly more: boolean;
}

/** An IPv6 fragment or destination options header before the upper layer. */
function behind(
  form: string,
  { offset, more }: Piece,
  protocol: number,
  upper: Buffer,
): { protocol: number; upper: Buffer } {
  const header = Buffer.alloc(8);
  header[0] = protocol;
  const isFragment = form === "fragment";
  if (isFragment) header.writeUInt16BE((offset << 3) | (more ? 1 : 0), 2);
  else header.set([1, 4], 2);
  const rest = upper.subarray(0, upper.length - 8);
  return { protocol: isFragment ? 44 : 60, upper: Buffer.concat([header, rest]) };
}

function makeFragment(packet: Buffer, { offset, more }: Piece): void {
  packet.writeUInt16BE(offset | (more ? 0x2000 : 0), 6);
  mendChecksum(packet);
}

export function mendChecksum(packet: Buffer): void {
  const length = ((packet[0] ?? 0) & 15) * 4;
  packet.writeUInt16BE(0, 10);
  packet.writeUInt16BE(~plainSum(packet.subarray(0, length)) & 0xffff, 10);
}

interface Oddity {
  readonly name: string;
  readonly apply: (packet: Buffer, amount: number, mtu: number) => Uint8Array;
}

const RIGHT: Oddity = { name: "", apply: (packet) => packet };

/** Another family than the one announced is an oddity of the outer headers. */
const NO_VERSIONS = [0, 1, 2, 3, 5, 7, 8, 12, 15];

const EITHER: readonly Oddity[] = [
  {
    name: "version",
    apply: (packet, amount) => {
      packet[0] =
        ((packet[0] ?? 0) & 15) | ((NO_VERSIONS[amount % NO_VERSIONS.length] as number) << 4);
      return packet;
    },
  },
  // The number has to stay.
  {
    name: "truncated",
    apply: (packet, amount) => packet.subarray(0, 12 + (amount % packet.length)),
  },
  {
    name: "padded",
    apply: (packet, amount, mtu) => {
      const room = Math.min(1 + (amount % 60), mtu - packet.length);
      return Buffer.concat([packet, Buffer.alloc(Math.max(0, room), 0xee)]);
    },
  },
  {
    name: "upper checksum",
    apply: (packet, amount) => {
      const last = packet.length - 1;
      packet[last] = (packet[last] ?? 0) ^ (1 << (amount & 7));
      return packet;
    },
  },
];

/** Any, one that is too short, and the nearest to what would be right for headers of `least` and `length` in all. */
function wrongLength(amount: number, least: number, length: number): number {
  const choices = [amount, amount % (length + 1), length + 1, Math.max(0, least - 1)];
  return choices[amount & 3] as number;
}

const ODDITIES: Readonly<Record<4 | 6, readonly Oddity[]>> = {
  4: [
    ...EITHER,
    {
      name: "header length",
      apply: (packet, amount) => {
        packet[0] = 0x40 | (amount & 15);
        mendChecksum(packet);
        return packet;
      },
    },
    {
      name: "total length",
      apply: (packet, amount) => {
        const header = ((packet[0] ?? 0) & 15) * 4;
        packet.writeUInt16BE(wrongLength(amount, header, packet.length), 2);
        mendChecksum(packet);
        return packet;
      },
    },
    {
      name: "header checksum",
      apply: (packet, amount) => {
        packet.writeUInt16BE(packet.readUInt16BE(10) ^ (amount || 1), 10);
        return packet;
      },
    },
  ],
  6: [
    ...EITHER,
    {
      name: "payload length",
      apply: (packet, amount) => {
        packet.writeUInt16BE(wrongLength(amount, 0, packet.length - 40), 4);
        return packet;
      },
    },
  ],
};

function oddity(family: 4 | 6): fc.Arbitrary<Oddity> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(RIGHT) },
    fc.constantFrom(...ODDITIES[family]),
  );
}
