/**
 * TCP and UDP packets, and what they are when cut by plain arithmetic: the oracle of segmentation.
 */
import fc from "fast-check";
import { type PacketPlan, packetOf } from "./packet-bytes.ts";
import { byte, bytes, long, packetPlan, word } from "./random-packets.ts";

const FIN = 1;
const PSH = 8;
const CWR = 0x80;

export interface TcpFields {
  readonly sourcePort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** A multiple of 4 bytes, at most 40. */
  readonly options: Uint8Array;
}

export function tcpSegment(fields: TcpFields, payload: Uint8Array): Uint8Array {
  const { options } = fields;
  const header = Buffer.alloc(20 + options.length);
  header.writeUInt16BE(fields.sourcePort, 0);
  header.writeUInt16BE(80, 2);
  header.writeUInt32BE(fields.sequence, 4);
  header.writeUInt32BE(fields.acknowledgment, 8);
  header[12] = (header.length / 4) << 4;
  header[13] = fields.flags;
  header.writeUInt16BE(fields.window, 14);
  header.set(options, 20);
  return Buffer.concat([header, payload]);
}

export function udpDatagram(sourcePort: number, payload: Uint8Array): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(53, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

const quads = (max: number): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.integer({ min: 0, max }), byte)
    .map(([words, fill]) => new Uint8Array(words * 4).fill(fill));

export function tcpFields(flags: fc.Arbitrary<number>): fc.Arbitrary<TcpFields> {
  return fc.record({
    sourcePort: word,
    sequence: fc.oneof(long, fc.integer({ min: 0xfffff000, max: 0xffffffff })),
    acknowledgment: long,
    flags,
    window: word,
    options: quads(10),
  });
}

/** A super-packet of either protocol, and the size of its segments. */
export interface SuperPacket {
  readonly plan: PacketPlan;
  /** Undefined for UDP. */
  readonly tcp: TcpFields | undefined;
  readonly payload: Uint8Array;
  readonly size: number;
}

export function superPacket(
  family: 4 | 6,
  protocol: 6 | 17,
  flags: fc.Arbitrary<number> = byte,
): fc.Arbitrary<SuperPacket> {
  return fc
    .tuple(packetPlan(family), tcpFields(flags), bytes(1, 3000), fc.integer({ min: 1, max: 1500 }))
    .filter(([, , payload, size]) => Math.ceil(payload.length / size) <= 64)
    .map(([plan, tcp, payload, size]) => {
      const isTcp = protocol === 6;
      const upper = isTcp ? tcpSegment(tcp, payload) : udpDatagram(tcp.sourcePort, payload);
      return {
        plan: { ...plan, protocol, upper },
        tcp: isTcp ? tcp : undefined,
        payload,
        size,
      };
    });
}

/** What a sender without offloads would have sent. */
export function plainSegments({ plan, tcp, payload, size }: SuperPacket): Uint8Array[] {
  const count = Math.ceil(payload.length / size);
  return [...Array(count).keys()].map((index) => {
    const part = payload.subarray(index * size, (index + 1) * size);
    const identification = (plan.identification + index) & 0xffff;
    if (tcp === undefined) {
      const sourcePort = Buffer.from(plan.upper).readUInt16BE(0);
      return packetOf({ ...plan, identification, upper: udpDatagram(sourcePort, part) });
    }
    let { flags } = tcp;
    if (index > 0) flags &= ~CWR;
    if (index < count - 1) flags &= ~(FIN | PSH);
    const sequence = (tcp.sequence + index * size) >>> 0;
    return packetOf({
      ...plan,
      identification,
      upper: tcpSegment({ ...tcp, flags, sequence }, part),
    });
  });
}
