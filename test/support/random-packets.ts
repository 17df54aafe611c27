/** Generators of IP packets and of what damages them. */
import fc from "fast-check";
import { type PacketPlan, packetOf } from "./packet-bytes.ts";

export const byte: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xff });
export const word: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff });
export const long: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffffffff });

const NOISE = -1;

/**
 * Of all lengths between the two; by itself fast-check rarely goes beyond ten. Long ones come from a
 * few numbers, so that a failure is made small in seconds, and are zeros or ones now and then,
 * because checksums have two zeros.
 */
export function bytes(minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> {
  if (maxLength <= 16) return fc.uint8Array({ minLength, maxLength, size: "max" });
  const length = fc.integer({ min: minLength, max: maxLength });
  return fc
    .tuple(length, fc.nat(), fc.constantFrom(NOISE, NOISE, 0x00, 0xff))
    .map(([count, seed, kind]) => {
      const data = new Uint8Array(count);
      if (kind !== NOISE) return data.fill(kind);
      let state = seed | 1;
      return data.map(() => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return state >>> 8;
      });
    });
}

/** Upper-layer bytes that begin with a plausible header. */
const upperLayer: fc.Arbitrary<{ protocol: number; upper: Uint8Array }> = fc.oneof(
  bytes(0, 300).map((data) => ({ protocol: 17, upper: udp(data) })),
  fc
    .tuple(fc.integer({ min: 5, max: 15 }), bytes(60, 300))
    .map(([words, data]) => ({ protocol: 6, upper: tcp(words, data) })),
  bytes(8, 300).map((upper) => ({ protocol: 1, upper })),
  bytes(8, 300).map((upper) => ({ protocol: 58, upper })),
  bytes(0, 300).map((upper) => ({ protocol: 200, upper })),
);

function udp(data: Uint8Array): Uint8Array {
  const datagram = Buffer.concat([Buffer.from("138817700000", "hex"), Buffer.alloc(2), data]);
  datagram.writeUInt16BE(datagram.length, 4);
  return datagram;
}

function tcp(words: number, data: Uint8Array): Uint8Array {
  const segment = Buffer.from(data);
  segment[12] = words << 4;
  return segment;
}

export function packetPlan(family: 4 | 6): fc.Arbitrary<PacketPlan> {
  const length = family === 4 ? 4 : 16;
  return fc
    .record({
      trafficClass: byte,
      ttl: byte,
      identification: word,
      dontFragment: fc.boolean(),
      source: bytes(length, length),
      destination: bytes(length, length),
      options: fc.oneof(
        { weight: 3, arbitrary: fc.constant(new Uint8Array()) },
        fc.integer({ min: 1, max: 10 }).map((words) => new Uint8Array(words * 4).fill(1)),
      ),
      flowLabel: fc.integer({ min: 0, max: 0xfffff }),
      layer: upperLayer,
    })
    .map(({ layer, ...plan }) => ({ family, ...plan, ...layer }));
}

export function packet(family: 4 | 6): fc.Arbitrary<Uint8Array> {
  return packetPlan(family).map(packetOf);
}

/** Packets with bytes changed and the end cut off or lengthened, and plain noise. */
export const damagedPacket: fc.Arbitrary<Uint8Array> = fc.oneof(
  bytes(0, 120),
  fc
    .tuple(
      fc.oneof(packet(4), packet(6)),
      fc.array(fc.tuple(fc.nat({ max: 90 }), byte), { maxLength: 6, size: "max" }),
      fc.integer({ min: -60, max: 20 }),
    )
    .map(([whole, changes, stretch]) => {
      const changed = Buffer.alloc(Math.max(0, whole.length + stretch));
      changed.set(whole.subarray(0, changed.length));
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed;
    }),
);
