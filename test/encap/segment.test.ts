import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { IpPacket, readIpPacket, sumPseudoHeader } from "../../encap/ip-packet.ts";
import { type HeaderSpace, Segments, segment } from "../../encap/segment.ts";
import {
  completeChecksum,
  readVirtioNetHeader,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_ECN,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_UDP_L4,
  VirtioNetHeader,
  writeVirtioNetHeader,
} from "../../encap/virtio-net-header.ts";
import { dirtyView, exactView, hexAt, packetOf, viewOf } from "../support/packet-bytes.ts";
import { bytes, damagedPacket, packetPlan, word } from "../support/random-packets.ts";
import {
  plainSegments,
  type SuperPacket,
  superPacket,
  tcpSegment,
} from "../support/tcp-packets.ts";

const ROOM = 72;
const STRIDE = 256;

interface Cut {
  readonly reason: DropReason;
  readonly segments: Segments;
  readonly view: DataView;
}

/** Lays the packet behind a space for headers, with an unfinished checksum, and cuts it. */
function cut(
  packet: Uint8Array,
  offload: Partial<VirtioNetHeader>,
  finish = true,
  capacity = 64,
): Cut {
  const view = exactView(packet, STRIDE * capacity);
  const found = new IpPacket();
  expect(readIpPacket(view, STRIDE * capacity, packet.length, found)).toBe(DropReason.None);
  const segments = new Segments();
  const space: HeaderSpace = { at: 0, stride: STRIDE, room: ROOM, capacity };
  const header = Object.assign(new VirtioNetHeader(), offload);
  return { reason: segment(view, found, header, space, finish, segments), segments, view };
}

function gsoType({ plan, tcp }: SuperPacket): number {
  if (tcp === undefined) return VIRTIO_NET_HDR_GSO_UDP_L4;
  const ecn = tcp.flags & 0x80 ? VIRTIO_NET_HDR_GSO_ECN : 0;
  return ecn | (plan.family === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6);
}

/** The packets that the segments describe, put together. */
function assemble({ segments, view }: Cut): string[] {
  return [...Array(segments.count).keys()].map((index) => {
    const header = hexAt(view, segments.headersAt + index * STRIDE, segments.headerLength);
    const isLast = index === segments.count - 1;
    const length = isLast ? segments.lastPayloadSize : segments.payloadSize;
    return header + hexAt(view, segments.payloadAt + index * segments.payloadSize, length);
  });
}

const hex = (packet: Uint8Array): string => Buffer.from(packet).toString("hex");

describe.each([
  ["TCP over IPv4", 4, 6],
  ["TCP over IPv6", 6, 6],
  ["UDP over IPv4", 4, 17],
  ["UDP over IPv6", 6, 17],
] as const)("%s", (_, family, protocol) => {
  test("segment gives what a sender without offloads sends", () => {
    fc.assert(
      fc.property(superPacket(family, protocol), (whole) => {
        const offload = { gsoType: gsoType(whole), gsoSize: whole.size };
        const done = cut(packetOf(whole.plan), offload);
        expect(done.reason).toBe(DropReason.None);
        expect(assemble(done)).toEqual(plainSegments(whole).map(hex));
      }),
    );
  });

  test("segment leaves the room before each block, and the super-packet, alone", () => {
    fc.assert(
      fc.property(superPacket(family, protocol), (whole) => {
        const packet = packetOf(whole.plan);
        const { view, segments } = cut(packet, { gsoType: gsoType(whole), gsoSize: whole.size });
        expect(hexAt(view, STRIDE * 64)).toBe(hex(packet));
        for (let index = 0; index < 64; index++) {
          expect(hexAt(view, index * STRIDE, ROOM)).toMatch(/^(a5)+$/);
          const used = index < segments.count ? segments.headerLength : 0;
          const behind = index * STRIDE + ROOM + used;
          expect(hexAt(view, behind, (index + 1) * STRIDE - behind)).toMatch(/^(a5)+$/);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("segment can leave checksums to be finished, as NEEDS_CSUM has it", () => {
    fc.assert(
      fc.property(superPacket(family, protocol), (whole) => {
        const done = cut(
          packetOf(whole.plan),
          { gsoType: gsoType(whole), gsoSize: whole.size },
          false,
        );
        const expected = plainSegments(whole);
        for (const [index, text] of assemble(done).entries()) {
          const view = viewOf(text);
          const found = new IpPacket();
          readIpPacket(view, 0, view.byteLength, found);
          const csumStart = found.upperAt;
          const csumOffset = protocol === 6 ? 16 : 6;
          expect(view.getUint16(csumStart + csumOffset)).toBe(
            sumPseudoHeader(view, found, view.byteLength - csumStart),
          );
          const flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
          const header = Object.assign(new VirtioNetHeader(), { flags, csumStart, csumOffset });
          completeChecksum(view, 0, view.byteLength, header);
          expect(hexAt(view)).toBe(hex(expected[index] as Uint8Array));
        }
      }),
    );
  });
});

test("segment cuts the longest packet, over the end of both counters", () => {
  const [sample] = fc.sample(superPacket(4, 6), { numRuns: 1, seed: 1 }) as [SuperPacket];
  const payload = new Uint8Array(65_535 - 52).map((_, at) => at * 7);
  const options = new Uint8Array(12).fill(1);
  const tcp = {
    sourcePort: 1,
    sequence: 0xfffff000,
    acknowledgment: 1,
    flags: 0x99,
    window: 1,
    options,
  };
  const upper = tcpSegment(tcp, payload);
  const plan = { ...sample.plan, identification: 0xfff0, options: new Uint8Array(), upper };
  const done = cut(packetOf(plan), { gsoType: VIRTIO_NET_HDR_GSO_TCPV4, gsoSize: 1448 });
  expect(done.segments).toMatchObject({ count: 46, payloadSize: 1448, lastPayloadSize: 323 });
  expect(assemble(done)).toEqual(plainSegments({ plan, tcp, payload, size: 1448 }).map(hex));
});

describe("refusals", () => {
  const [tcp] = fc.sample(superPacket(4, 6), { numRuns: 1, seed: 7 }) as [SuperPacket];
  const [udp] = fc.sample(superPacket(6, 17), { numRuns: 1, seed: 7 }) as [SuperPacket];
  const reasonOf = (
    whole: SuperPacket,
    offload: Partial<VirtioNetHeader>,
    capacity = 64,
  ): DropReason => cut(packetOf(whole.plan), offload, true, capacity).reason;

  test.each([
    ["no offload", VIRTIO_NET_HDR_GSO_TCPV4 - 1],
    ["TCP over IPv6", VIRTIO_NET_HDR_GSO_TCPV6],
    ["UDP", VIRTIO_NET_HDR_GSO_UDP_L4],
    ["UFO", 3],
  ])("segment refuses TCP over IPv4 described as %s", (_, type) => {
    expect(reasonOf(tcp, { gsoType: type, gsoSize: 1000 })).toBe(DropReason.BadOffload);
  });

  test.each([VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6])(
    "segment refuses UDP described as %i",
    (type) => {
      expect(reasonOf(udp, { gsoType: type, gsoSize: 1000 })).toBe(DropReason.BadOffload);
    },
  );

  test("segment refuses a segment size of zero", () => {
    expect(reasonOf(tcp, { gsoType: VIRTIO_NET_HDR_GSO_TCPV4 })).toBe(DropReason.BadOffload);
  });

  test("segment refuses TCP without data", () => {
    const { plan, payload } = tcp;
    const upper = plan.upper.subarray(0, plan.upper.length - payload.length);
    const offload = { gsoType: VIRTIO_NET_HDR_GSO_TCPV4, gsoSize: 1000 };
    expect(cut(packetOf({ ...plan, upper }), offload).reason).toBe(DropReason.BadOffload);
  });

  test("segment refuses headers that do not fit their block", () => {
    const view = exactView(packetOf(tcp.plan), 256);
    const found = new IpPacket();
    readIpPacket(view, 256, view.byteLength - 256, found);
    const gso = { gsoType: VIRTIO_NET_HDR_GSO_TCPV4, gsoSize: 2000 };
    const offload = Object.assign(new VirtioNetHeader(), gso);
    const headers = view.byteLength - 256 - tcp.payload.length;
    const reasonAt = (stride: number): DropReason => {
      const space = { at: 0, stride, room: 22, capacity: 2 };
      return segment(view, found, offload, space, true, new Segments());
    };
    expect(reasonAt(22 + headers)).toBe(DropReason.None);
    expect(reasonAt(22 + headers - 1)).toBe(DropReason.BadOffload);
  });

  test("segment refuses more segments than there is space for", () => {
    const offload = { gsoType: VIRTIO_NET_HDR_GSO_TCPV4, gsoSize: tcp.payload.length - 1 };
    expect(reasonOf(tcp, offload, 2)).toBe(DropReason.None);
    expect(reasonOf(tcp, offload, 1)).toBe(DropReason.TooManySegments);
  });

  test("segment survives whatever it gets, and stays within its space", () => {
    const type = fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0x84, 0xff);
    fc.assert(
      fc.property(damagedPacket, type, word, (packet, gso, gsoSize) => {
        const found = new IpPacket();
        const view = exactView(packet, 8 * STRIDE);
        if (readIpPacket(view, 8 * STRIDE, packet.length, found) !== DropReason.None) return;
        const space = { at: 0, stride: STRIDE, room: ROOM, capacity: 8 };
        const offload = Object.assign(new VirtioNetHeader(), { gsoType: gso, gsoSize });
        segment(view, found, offload, space, true, new Segments());
        expect(hexAt(view, 8 * STRIDE)).toBe(hex(packet));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("virtio net header", () => {
  const fields = fc.record({
    flags: fc.nat({ max: 255 }),
    gsoType: fc.nat({ max: 255 }),
    hdrLen: word,
    gsoSize: word,
    csumStart: word,
    csumOffset: word,
  });

  test("readVirtioNetHeader gives back what writeVirtioNetHeader wrote", () => {
    fc.assert(
      fc.property(fields, (values) => {
        const view = dirtyView(12);
        writeVirtioNetHeader(view, 1, Object.assign(new VirtioNetHeader(), values));
        const back = new VirtioNetHeader();
        readVirtioNetHeader(view, 1, back);
        expect({ ...back }).toEqual(values);
        expect(hexAt(view, 0, 1) + hexAt(view, 11)).toBe("a5a5");
      }),
    );
  });

  test("readVirtioNetHeader reads the host's numbers", () => {
    const words = new Uint16Array([0, 54, 1400, 20, 16]);
    const header = new VirtioNetHeader();
    readVirtioNetHeader(new DataView(words.buffer), 0, header);
    expect(header).toMatchObject({ hdrLen: 54, gsoSize: 1400, csumStart: 20, csumOffset: 16 });
  });

  test("completeChecksum finishes what is unfinished and nothing else", () => {
    fc.assert(
      fc.property(packetPlan(4), bytes(0, 100), (plan, data) => {
        const upper = Buffer.concat([Buffer.from("138800350000" + "0000", "hex"), data]);
        upper.writeUInt16BE(upper.length, 4);
        const whole = packetOf({ ...plan, protocol: 17, upper });
        const view = exactView(whole, 3);
        const found = new IpPacket();
        readIpPacket(view, 3, whole.length, found);
        const none = new VirtioNetHeader();
        expect(completeChecksum(view, 3, whole.length, none)).toBe(DropReason.None);
        expect(hexAt(view, 3)).toBe(hex(whole));
        view.setUint16(found.upperAt + 6, sumPseudoHeader(view, found, upper.length));
        const needs = Object.assign(new VirtioNetHeader(), {
          flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
          csumStart: found.upperAt - 3,
          csumOffset: 6,
        });
        expect(completeChecksum(view, 3, whole.length, needs)).toBe(DropReason.None);
        expect(hexAt(view, 3)).toBe(hex(whole));
      }),
    );
  });

  test("completeChecksum refuses a field outside the packet", () => {
    const view = dirtyView(30);
    for (const [csumStart, csumOffset] of [
      [20, 9],
      [65535, 65535],
      [29, 0],
    ]) {
      const flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
      const header = Object.assign(new VirtioNetHeader(), { flags, csumStart, csumOffset });
      expect(completeChecksum(view, 0, 30, header)).toBe(DropReason.BadOffload);
    }
    expect(hexAt(view)).toMatch(/^(a5)+$/);
  });
});
