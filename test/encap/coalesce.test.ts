import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Coalescer } from "../../encap/coalesce.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { IpPacket, readIpPacket, sumPseudoHeader } from "../../encap/ip-packet.ts";
import { Segments, segment } from "../../encap/segment.ts";
import {
  readVirtioNetHeader,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_NONE,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_UDP_L4,
  VIRTIO_NET_HEADER,
  VirtioNetHeader,
} from "../../encap/virtio-net-header.ts";
import { exactView, type PacketPlan, packetOf } from "../support/packet-bytes.ts";
import { damagedPacket } from "../support/random-packets.ts";
import {
  plainSegments,
  superPacket,
  type TcpFields,
  tcpSegment,
  udpDatagram,
} from "../support/tcp-packets.ts";

const ACK = 0x10;
const PSH = 0x08;
const LIMITS = { slices: 64, mtu: 1450, mergeUdp: true };

/** One write to the TUN device. */
interface Written {
  readonly virtio: VirtioNetHeader;
  readonly packet: Buffer;
  readonly count: number;
}

const read = (view: DataView, at: number, length: number): IpPacket => {
  const packet = new IpPacket();
  expect(readIpPacket(view, at, length, packet)).toBe(DropReason.None);
  return packet;
};

/**
 * What comes out of a coalescer for these packets, each with 10 bytes of headroom. With `short` it may
 * take those that repeat the first one's headers without having them read.
 */
function coalesce(
  packets: readonly Uint8Array[],
  trusted = false,
  limits = LIMITS,
  short = false,
): Written[] {
  const headroom = Buffer.alloc(VIRTIO_NET_HEADER, 0xa5);
  const view = exactView(Buffer.concat(packets.flatMap((packet) => [headroom, packet])));
  const coalescer = new Coalescer(limits);
  const written: Written[] = [];
  const flush = (): void => {
    if (coalescer.count === 0) return;
    coalescer.finish(view);
    const slices = [...Array(coalescer.count).keys()].map((slice) => {
      const at = coalescer.sliceAt[slice] as number;
      return Buffer.from(view.buffer, at, coalescer.sliceLength[slice]);
    });
    const whole = Buffer.concat(slices);
    const virtio = new VirtioNetHeader();
    readVirtioNetHeader(new DataView(whole.buffer, whole.byteOffset), 0, virtio);
    const packet = Buffer.from(whole.subarray(VIRTIO_NET_HEADER));
    written.push({ virtio, packet, count: coalescer.count });
    coalescer.clear();
  };
  let at = 0;
  for (const bytes of packets) {
    at += VIRTIO_NET_HEADER;
    if (!(short && coalescer.addRepeated(view, at, bytes.length, VIRTIO_NET_HEADER))) {
      const packet = read(view, at, bytes.length);
      if (!coalescer.add(view, packet, trusted)) {
        flush();
        expect(coalescer.add(view, packet, trusted)).toBe(true);
      }
    }
    at += bytes.length;
  }
  flush();
  return written;
}

/** What the TUN device makes of a write again: segments, or the packet as it is. */
function segmentsOf({ virtio, packet }: Written): Buffer[] {
  if (virtio.gsoType === VIRTIO_NET_HDR_GSO_NONE) return [packet];
  const space = { at: 0, stride: 128, room: 0, capacity: 128 };
  const view = exactView(packet, 128 * 128);
  const segments = new Segments();
  const found = read(view, 128 * 128, packet.length);
  expect(segment(view, found, virtio, space, true, segments)).toBe(DropReason.None);
  return [...Array(segments.count).keys()].map((index) => {
    const isLast = index === segments.count - 1;
    const payloadAt = segments.payloadAt + index * segments.payloadSize;
    const length = isLast ? segments.lastPayloadSize : segments.payloadSize;
    return Buffer.concat([
      Buffer.from(view.buffer, index * 128, segments.headerLength),
      Buffer.from(view.buffer, payloadAt, length),
    ]);
  });
}

/** With an unfinished checksum, as a TUN device hands a super-packet over. */
function unfinished(bytes: Uint8Array): Buffer {
  const view = exactView(bytes);
  const found = read(view, 0, bytes.length);
  const at = found.upperAt + (found.protocol === 6 ? 16 : 6);
  view.setUint16(at, sumPseudoHeader(view, found, found.end - found.upperAt));
  return Buffer.from(view.buffer);
}

const textOf = ({ virtio, packet, count }: Written): string =>
  `${count} ${JSON.stringify(virtio)} ${hex(packet)}`;

const hex = (packet: Uint8Array): string => Buffer.from(packet).toString("hex");

describe.each([
  ["TCP over IPv4", 4, 6, VIRTIO_NET_HDR_GSO_TCPV4],
  ["TCP over IPv6", 6, 6, VIRTIO_NET_HDR_GSO_TCPV6],
  ["UDP over IPv4", 4, 17, VIRTIO_NET_HDR_GSO_UDP_L4],
  ["UDP over IPv6", 6, 17, VIRTIO_NET_HDR_GSO_UDP_L4],
] as const)("%s", (_, family, protocol, gsoType) => {
  const plain = superPacket(family, protocol, fc.constantFrom(ACK, ACK | PSH)).map((whole) => ({
    ...whole,
    plan: { ...whole.plan, options: new Uint8Array() },
  }));

  test("Coalescer makes the super-packet that the segments were cut from", () => {
    fc.assert(
      fc.property(plain, fc.boolean(), (whole, trusted) => {
        const segments = plainSegments(whole);
        const written = coalesce(segments, trusted);
        expect(written).toHaveLength(1);
        const { virtio, packet, count } = written[0] as Written;
        expect(count).toBe(segments.length);
        if (segments.length === 1) {
          expect(hex(packet)).toBe(hex(packetOf(whole.plan)));
          expect(virtio).toEqual(new VirtioNetHeader());
          return;
        }
        expect(hex(packet)).toBe(hex(unfinished(packetOf(whole.plan))));
        const headerLength = packet.length - whole.payload.length;
        expect(virtio).toEqual({
          flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
          gsoType,
          hdrLen: headerLength,
          gsoSize: whole.size,
          csumStart: family === 4 ? 20 : 40,
          csumOffset: protocol === 6 ? 16 : 6,
        });
      }),
    );
  });

  test("Coalescer leaves a damaged packet alone, and as it came", () => {
    fc.assert(
      fc.property(
        plain.filter(({ payload, size }) => payload.length >= 3 * size),
        fc.nat(),
        (whole, where) => {
          const segments = plainSegments(whole).map((one) => Buffer.from(one));
          const damaged = segments[where % segments.length] as Buffer;
          damaged.writeUInt8((damaged.at(-1) as number) ^ 1, damaged.length - 1);
          const found = coalesce(segments).find(({ packet }) => packet.equals(damaged));
          expect(found).toMatchObject({ count: 1, virtio: { flags: 0, gsoType: 0 } });
        },
      ),
    );
  });
});

/** A few flows that take turns, with everything that can keep a packet from being merged. */
const step = fc.record({
  flow: fc.nat({ max: 1 }),
  size: fc.constantFrom(100, 100, 100, 100, 60, 140, 0),
  flags: fc.constantFrom(ACK, ACK, ACK, ACK, ACK | PSH, ACK | 1, 2, ACK | 0x80, ACK | 0x40),
  jump: fc.constantFrom(0, 0, 0, 0, 0, 1),
  repeat: fc.constantFrom(false, false, false, true),
  window: fc.constantFrom(500, 500, 500, 500, 501),
  trafficClass: fc.constantFrom(0, 0, 0, 0, 0, 3),
  ttl: fc.constantFrom(64, 64, 64, 64, 64, 63),
  protocol: fc.constantFrom(6, 6, 6, 17, 17, 1),
  damage: fc.constantFrom(false, false, false, false, false, true),
});

test("Coalescer loses, changes and reorders nothing, whatever flows through it", () => {
  const families = fc.tuple(fc.constantFrom(4, 6), fc.constantFrom(4, 6));
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40, size: "max" }),
      families,
      fc.boolean(),
      (steps, family, df) => {
        const next = [
          { sequence: 0xffffff00, identification: 0xfffe },
          { sequence: 5, identification: 7 },
        ] as const;
        const packets = steps.map((one) => {
          const flow = next[one.flow] as { sequence: number; identification: number };
          const plan = planOf(family[one.flow] as 4 | 6, { ...one, ...flow, dontFragment: df });
          flow.identification = (flow.identification + 1) & 0xffff;
          if (one.protocol === 6 && !one.repeat) {
            flow.sequence = (flow.sequence + one.size + one.jump) >>> 0;
          }
          const bytes = Buffer.from(packetOf(plan));
          if (one.damage) bytes.writeUInt8((bytes.at(-1) as number) ^ 0x10, bytes.length - 1);
          return bytes;
        });
        const written = coalesce(packets);
        expect(written.flatMap(segmentsOf).map(hex)).toEqual(packets.map(hex));
        const [short, long] = [true, false].map((way) => coalesce(packets, true, LIMITS, way));
        expect(short?.map(textOf)).toEqual(long?.map(textOf));
      },
    ),
    { numRuns: 1000 },
  );
});

interface Variant {
  readonly flow?: number;
  readonly size: number;
  readonly flags: number;
  readonly window: number;
  readonly trafficClass: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly sequence: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly tcp?: Partial<TcpFields>;
  readonly plan?: Partial<PacketPlan>;
}

function planOf(family: 4 | 6, variant: Variant): PacketPlan {
  const { flow = 0, size, protocol, tcp } = variant;
  const payload = new Uint8Array(size).map((_, at) => at * 31 + variant.sequence);
  const options = Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
  const fields = { sourcePort: 5000, acknowledgment: 9, options, ...variant, ...tcp };
  const upper = protocol === 6 ? tcpSegment(fields, payload) : udpDatagram(5000, payload);
  return {
    family,
    trafficClass: variant.trafficClass,
    ttl: variant.ttl,
    identification: variant.identification,
    dontFragment: variant.dontFragment,
    source: new Uint8Array(family === 4 ? 4 : 16).fill(10 + flow),
    destination: new Uint8Array(family === 4 ? 4 : 16).fill(99),
    options: new Uint8Array(),
    flowLabel: 5,
    protocol,
    upper,
    ...variant.plan,
  };
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  const first: Variant = {
    size: 100,
    flags: ACK,
    window: 500,
    trafficClass: 0,
    ttl: 64,
    protocol: 6,
    sequence: 1000,
    identification: 1,
    dontFragment: false,
  };
  const second: Variant = { ...first, sequence: 1100, identification: 2 };
  const counts = (...variants: Variant[]): number[] =>
    coalesce(variants.map((one) => packetOf(planOf(family, one)))).map(({ count }) => count);

  test("Coalescer merges the two that the others are made from", () => {
    expect(counts(first, second)).toEqual([2]);
    expect(counts({ ...first, protocol: 17 }, { ...second, protocol: 17 })).toEqual([2]);
  });

  /** Whether `next` is taken behind `before` without being read, each in so much of a frame. */
  const repeats = (
    before: Uint8Array,
    next: Uint8Array,
    { length = next.length, frame = 10, trusted = true } = {},
  ): boolean => {
    const frames = [Buffer.alloc(22, 10), before, Buffer.alloc(22, frame), next, Buffer.alloc(4)];
    const view = exactView(Buffer.concat(frames));
    const coalescer = new Coalescer(LIMITS);
    coalescer.add(view, read(view, 22, before.length), trusted);
    return coalescer.addRepeated(view, 44 + before.length, length, 22);
  };
  const bytesOf = (variant: Variant): Buffer => Buffer.from(packetOf(planOf(family, variant)));

  test("Coalescer.addRepeated takes the next segment, a shorter one, and one with PSH", () => {
    expect(repeats(bytesOf(first), bytesOf(second))).toBe(true);
    expect(repeats(bytesOf(first), bytesOf({ ...second, size: 1 }))).toBe(true);
    expect(repeats(bytesOf(first), bytesOf({ ...second, flags: ACK | PSH }))).toBe(true);
  });

  test("Coalescer.addRepeated takes nothing behind a packet that no outer checksum covered", () => {
    expect(repeats(bytesOf(first), bytesOf(second), { trusted: false })).toBe(false);
  });

  test("Coalescer.addRepeated takes nothing that came in another frame, or longer than it is", () => {
    expect(repeats(bytesOf(first), bytesOf(second), { frame: 11 })).toBe(false);
    const short = bytesOf({ ...second, size: 90 });
    expect(repeats(bytesOf(first), short, { length: short.length + 4 })).toBe(false);
    expect(repeats(bytesOf(first), short, { length: short.length - 4 })).toBe(false);
  });

  test("Coalescer.addRepeated takes no UDP", () => {
    expect(repeats(bytesOf({ ...first, protocol: 17 }), bytesOf({ ...second, protocol: 17 }))).toBe(
      false,
    );
  });

  if (family === 4) {
    test("Coalescer.addRepeated takes no wrong header checksum", () => {
      const wrong = bytesOf(second);
      wrong.writeUInt16BE(wrong.readUInt16BE(10) ^ 1, 10);
      expect(repeats(bytesOf(first), wrong)).toBe(false);
    });
  }

  const address = new Uint8Array(family === 4 ? 4 : 16).fill(10);
  const changed: [string, Partial<Variant>][] = [
    ["a gap in the sequence", { sequence: 1101 }],
    ["data sent again", { sequence: 1000 }],
    ["another acknowledgment", { tcp: { acknowledgment: 10 } }],
    ["another window", { window: 501 }],
    ["another option value", { tcp: { options: new Uint8Array(12).fill(1) } }],
    ["no options", { tcp: { options: new Uint8Array() } }],
    ["another source port", { tcp: { sourcePort: 5001 } }],
    ["another traffic class", { trafficClass: 3 }],
    ["another TTL", { ttl: 63 }],
    ["another source", { plan: { source: address.with(-1, 11) } }],
    ["another destination", { plan: { destination: address.with(0, 98) } }],
    ["more data than the first", { size: 101 }],
    ["no data", { size: 0 }],
    ["FIN", { flags: ACK | 1 }],
    ["SYN", { flags: 2 }],
    ["RST", { flags: ACK | 4 }],
    ["URG", { flags: ACK | 0x20 }],
    ["ECE", { flags: ACK | 0x40 }],
    ["CWR", { flags: ACK | 0x80 }],
    ["another protocol", { protocol: 17 }],
    ...(family === 4
      ? ([
          ["a jump of the identification", { identification: 3 }],
          ["DF set", { dontFragment: true }],
          ["IPv4 options", { plan: { options: new Uint8Array(4).fill(1) } }],
        ] satisfies [string, Partial<Variant>][])
      : ([["another flow label", { plan: { flowLabel: 6 } }]] satisfies [
          string,
          Partial<Variant>,
        ][])),
  ];

  test.each(changed)("Coalescer does not merge a packet with %s", (_, change) => {
    expect(counts(first, { ...second, ...change })).toEqual([1, 1]);
    expect(repeats(bytesOf(first), bytesOf({ ...second, ...change }))).toBe(false);
  });

  test("Coalescer ends a run at PSH and at a shorter packet, which it takes", () => {
    const third = { ...second, sequence: 1200, identification: 3 };
    expect(counts(first, { ...second, flags: ACK | PSH }, third)).toEqual([2, 1]);
    expect(counts({ ...first, flags: ACK | PSH }, second, third)).toEqual([1, 2]);
    expect(counts(first, { ...second, size: 99 }, { ...third, sequence: 1199 })).toEqual([2, 1]);
  });

  test("Coalescer takes any identification where DF is set", () => {
    const atomic = { dontFragment: true, identification: 0 };
    expect(counts({ ...first, ...atomic }, { ...second, ...atomic })).toEqual([2]);
  });

  test("Coalescer leaves UDP without a checksum, or of another size, alone", () => {
    const bytes = [first, second].map((one) =>
      Buffer.from(packetOf(planOf(family, { ...one, protocol: 17 }))),
    );
    for (const datagram of bytes) datagram.writeUInt16BE(0, datagram.length - 102);
    expect(coalesce(bytes, true)).toHaveLength(2);
    expect(counts({ ...first, protocol: 17 }, { ...second, protocol: 17, size: 101 })).toEqual([
      1, 1,
    ]);
  });

  test("Coalescer merges UDP only if allowed to", () => {
    const packets = [first, second].map((one) =>
      packetOf(planOf(family, { ...one, protocol: 17 })),
    );
    expect(coalesce(packets, false, { ...LIMITS, mergeUdp: false })).toHaveLength(2);
  });

  test("Coalescer takes a trusted packet without looking at its checksum", () => {
    const packets = [first, second].map((one) => Buffer.from(packetOf(planOf(family, one))));
    const damaged = packets[1] as Buffer;
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
    expect(coalesce(packets, false)).toHaveLength(2);
    expect(coalesce(packets, true)).toHaveLength(1);
  });

  test("Coalescer stops at its slices and at the longest packet", () => {
    const stream = [...Array(90).keys()].map((index) =>
      packetOf(
        planOf(family, {
          ...first,
          size: 1000,
          sequence: 1000 + index * 1000,
          identification: 1 + index,
        }),
      ),
    );
    expect(coalesce(stream).map(({ count }) => count)).toEqual([64, 26]);
    const long = coalesce(stream, false, { ...LIMITS, slices: 1024 });
    // 65,535 bytes, of which IPv6 does not count its own header.
    expect(long.map(({ count }) => count)).toEqual([65, 25]);
  });
});

test.each([
  // 45 segments of 1448 bytes and one that fills the packet up: IPv6 does not count its own header.
  [4, 65_535 - 52 - 45 * 1448],
  [6, 65_535 - 32 - 45 * 1448],
] as const)("Coalescer fills an IPv%i packet to the last byte and not beyond", (family, rest) => {
  const stream = (last: number): Uint8Array[] =>
    [...Array(46).keys()].map((index) =>
      packetOf(
        planOf(family, {
          size: index < 45 ? 1448 : last,
          flags: ACK,
          window: 1,
          trafficClass: 0,
          ttl: 64,
          protocol: 6,
          sequence: 1 + index * 1448,
          identification: index,
          dontFragment: false,
        }),
      ),
    );
  expect(coalesce(stream(rest)).map(({ count }) => count)).toEqual([46]);
  expect(coalesce(stream(rest + 1)).map(({ count }) => count)).toEqual([45, 1]);
});

describe("packets that were merged on their way here", () => {
  const sample = (flags: number, size: number, protocol: number): Buffer =>
    unfinished(
      packetOf(
        planOf(4, {
          size,
          flags,
          window: 1,
          trafficClass: 0,
          ttl: 64,
          protocol,
          sequence: 1,
          identification: 1,
          dontFragment: true,
        }),
      ),
    );

  test.each([
    ["TCP with ACK", ACK, 6, VIRTIO_NET_HDR_GSO_TCPV4],
    ["TCP with FIN", ACK | 1, 6, VIRTIO_NET_HDR_GSO_TCPV4],
    ["TCP with CWR", ACK | 0x80, 6, VIRTIO_NET_HDR_GSO_TCPV4 | 0x80],
  ])("Coalescer marks %s, longer than the MTU, as segments that fit", (_, flags, protocol, gso) => {
    const packet = sample(flags, 20_000, protocol);
    const [written] = coalesce([packet]) as [Written];
    expect(hex(written.packet)).toBe(hex(packet));
    expect(written.virtio).toEqual({
      flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
      gsoType: gso,
      hdrLen: 52,
      gsoSize: 1450 - 52,
      csumStart: 20,
      csumOffset: 16,
    });
    for (const one of segmentsOf(written)) expect(one.length).toBeLessThanOrEqual(1450);
  });

  test.each([
    ["TCP", 6, 16],
    ["UDP", 17, 6],
  ])(
    "Coalescer has the checksum of short %s finished, and merges nothing with it",
    (_, protocol, csumOffset) => {
      const packet = sample(ACK, 100, protocol);
      const written = coalesce([packet, packet]);
      expect(written).toHaveLength(2);
      for (const one of written) {
        expect(hex(one.packet)).toBe(hex(packet));
        expect(one.virtio).toMatchObject({ flags: 1, gsoType: 0, csumStart: 20, csumOffset });
      }
    },
  );

  test("Coalescer merges one into a run only if an outer checksum covered it", () => {
    const whole = packetOf(
      planOf(4, {
        size: 100,
        flags: ACK,
        window: 1,
        trafficClass: 0,
        ttl: 64,
        protocol: 6,
        sequence: 0xffffff9d,
        identification: 0,
        dontFragment: true,
      }),
    );
    const packet = sample(ACK, 100, 6);
    expect(coalesce([whole, packet], true).map(({ count }) => count)).toEqual([2]);
    expect(coalesce([whole, packet], false).map(({ count }) => count)).toEqual([1, 1]);
  });
});

test("Coalescer survives whatever it gets", () => {
  fc.assert(
    fc.property(fc.array(damagedPacket, { maxLength: 6 }), fc.boolean(), (data, trusted) => {
      const accepted = data.filter(
        (bytes) => readIpPacket(exactView(bytes), 0, bytes.length, new IpPacket()) === 0,
      );
      expect(coalesce(accepted, trusted).reduce((all, { count }) => all + count, 0)).toBe(
        accepted.length,
      );
    }),
    { numRuns: 500 },
  );
});
