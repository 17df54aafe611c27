import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isUpperChecksumRight, isUpperChecksumUnfinished } from "../../encap/inner-checksum.ts";
import { IpPacket, readIpPacket, sumPseudoHeader } from "../../encap/ip-packet.ts";
import { exactView, packetOf } from "../support/packet-bytes.ts";
import { bytes, damagedPacket, packetPlan } from "../support/random-packets.ts";
import { tcpSegment, udpDatagram } from "../support/tcp-packets.ts";

function read(data: Uint8Array): { view: DataView; packet: IpPacket } {
  const view = exactView(data);
  const packet = new IpPacket();
  readIpPacket(view, 0, data.length, packet);
  return { view, packet };
}

const FIELDS = {
  sourcePort: 1,
  sequence: 2,
  acknowledgment: 3,
  flags: 16,
  window: 4,
  options: new Uint8Array(),
};

describe.each([
  ["TCP over IPv4", 4, 6],
  ["TCP over IPv6", 6, 6],
  ["UDP over IPv4", 4, 17],
  ["UDP over IPv6", 6, 17],
] as const)("%s", (_, family, protocol) => {
  const checksumAt = protocol === 6 ? 16 : 6;
  const packet = fc.tuple(packetPlan(family), bytes(0, 100)).map(([plan, data]) => {
    const upper = protocol === 6 ? tcpSegment(FIELDS, data) : udpDatagram(1, data);
    return packetOf({ ...plan, protocol, upper });
  });

  test("a finished checksum is right, an unfinished one is seen as such", () => {
    fc.assert(
      fc.property(packet, (data) => {
        const { view, packet: found } = read(data);
        expect(isUpperChecksumRight(view, found)).toBe(true);
        const partial = sumPseudoHeader(view, found, found.end - found.upperAt);
        view.setUint16(found.upperAt + checksumAt, partial);
        expect(isUpperChecksumUnfinished(view, found)).toBe(true);
        view.setUint16(found.upperAt + checksumAt, partial ^ 1);
        expect(isUpperChecksumUnfinished(view, found)).toBe(false);
      }),
    );
  });

  test("nothing is said about fragments, other protocols and half headers", () => {
    const [data] = fc.sample(packet, { numRuns: 1, seed: 1 }) as [Uint8Array];
    for (const change of [
      { isFragment: true },
      { protocol: 132 },
      { end: read(data).packet.upperAt + checksumAt + 1 },
    ]) {
      const { view, packet: found } = read(data);
      Object.assign(found, change);
      const partial = sumPseudoHeader(view, found, found.end - found.upperAt);
      expect(isUpperChecksumRight(view, found)).toBe(false);
      view.setUint16(found.upperAt + checksumAt, partial);
      expect(isUpperChecksumUnfinished(view, found)).toBe(false);
    }
  });
});

test("neither question fails, whatever is asked about", () => {
  fc.assert(
    fc.property(damagedPacket, (data) => {
      const view = exactView(data);
      const packet = new IpPacket();
      if (readIpPacket(view, 0, data.length, packet) !== 0) return;
      expect(typeof isUpperChecksumRight(view, packet)).toBe("boolean");
      expect(typeof isUpperChecksumUnfinished(view, packet)).toBe("boolean");
    }),
    { numRuns: 1000 },
  );
});
