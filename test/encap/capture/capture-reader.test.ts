// Capture files byte by byte: what is whole is found, and nothing else is believed.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureReader } from "../../../encap/capture/capture-reader.ts";
import { capturedLayers } from "../../../encap/capture/captured-layers.ts";
import type { CapturedPacket } from "../../../encap/capture/captured-packet.ts";
import { linkTypeOf } from "../../../encap/capture/link-types.ts";
import { encodePcapHeader, encodePcapRecord } from "../../../encap/capture/pcap.ts";
import { packetSummary } from "../../../encap/packet-summary.ts";
import { bytes } from "../../support/random-packets.ts";

interface Found {
  readonly packets: readonly CapturedPacket[];
  readonly fault: { readonly offset: number; readonly text: string } | undefined;
}

/** Feeds a file in pieces that end at `cuts`. */
function readAll(file: Uint8Array, cuts: readonly number[] = []): Found {
  const reader = new CaptureReader();
  const packets: CapturedPacket[] = [];
  const bounds = [0, ...[...cuts].sort((a, b) => a - b), file.length];
  for (let at = 1; at < bounds.length; at++) {
    // Exactly these bytes: to read one past them throws.
    const piece = Uint8Array.from(file.subarray(bounds[at - 1], bounds[at]));
    for (const packet of reader.read(piece)) {
      packets.push({ ...packet, bytes: Uint8Array.from(packet.bytes) });
    }
  }
  reader.end();
  return { packets, fault: reader.fault };
}

type Order = "little" | "big";

function u32(order: Order, ...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) {
    if (order === "little") out.writeUInt32LE(value >>> 0, at * 4);
    else out.writeUInt32BE(value >>> 0, at * 4);
  }
  return out;
}

function u16(order: Order, ...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 2);
  for (const [at, value] of values.entries()) {
    if (order === "little") out.writeUInt16LE(value, at * 2);
    else out.writeUInt16BE(value, at * 2);
  }
  return out;
}

function pcapOf(order: Order, magic: number, linkType: number, records: readonly Buffer[]): Buffer {
  const version = u16(order, 2, 4);
  const header = [u32(order, magic), version, u32(order, 0, 0, 65_535, linkType)];
  return Buffer.concat([...header, ...records]);
}

function record(order: Order, seconds: number, fraction: number, data: string): Buffer {
  const content = Buffer.from(data, "hex");
  const { length } = content;
  return Buffer.concat([u32(order, seconds, fraction, length, length + 5), content]);
}

function block(order: Order, type: number, ...body: Buffer[]): Buffer {
  const content = Buffer.concat(body);
  const padded = Buffer.concat([content, Buffer.alloc(-content.length & 3)]);
  const length = u32(order, padded.length + 12);
  return Buffer.concat([u32(order, type), length, padded, length]);
}

const option = (order: Order, code: number, value: Buffer): Buffer =>
  Buffer.concat([u16(order, code, value.length), value, Buffer.alloc(-value.length & 3)]);

const section = (order: Order): Buffer =>
  block(order, 0x0a0d0d0a, u32(order, 0x1a2b3c4d), u16(order, 1, 0), Buffer.alloc(8, 0xff));

function describeInterface(order: Order, linkType: number, ...options: Buffer[]): Buffer {
  return block(order, 1, u16(order, linkType, 0), u32(order, 0), ...options);
}

function packetBlock(order: Order, from: number, high: number, low: number, data: string): Buffer {
  const content = Buffer.from(data, "hex");
  const { length } = content;
  return block(order, 6, u32(order, from, high, low, length, length), content);
}

describe.each(["little", "big"] as const)("in %s-endian order", (order) => {
  test.each([
    ["microseconds", 0xa1b2c3d4, 123_456_000n],
    ["nanoseconds", 0xa1b23c4d, 123_456n],
  ])("a pcap with %s is read", (_, magic, fraction) => {
    const file = pcapOf(order, magic, 101, [
      record(order, 0xffff_fff0, 123_456, "4500"),
      record(order, 1, 0, ""),
    ]);
    expect(readAll(file)).toEqual({
      packets: [
        {
          time: 0xffff_fff0n * 1_000_000_000n + fraction,
          linkType: 101,
          bytes: Uint8Array.of(0x45, 0),
          length: 7,
        },
        { time: 1_000_000_000n, linkType: 101, bytes: new Uint8Array(), length: 5 },
      ],
      fault: undefined,
    });
  });

  test("a pcapng has interfaces with clocks of their own, and blocks to skip", () => {
    const offset = Buffer.alloc(8);
    if (order === "little") offset.writeBigInt64LE(-2n);
    else offset.writeBigInt64BE(-2n);
    const file = Buffer.concat([
      section(order),
      describeInterface(order, 1),
      describeInterface(order, 101, option(order, 9, Buffer.of(0x8a)), option(order, 14, offset)),
      block(order, 0xbad, Buffer.from("00")),
      packetBlock(order, 1, 1, 512, "60"),
      packetBlock(order, 0, 0, 7, "0102030405"),
      block(order, 3, u32(order, 2), Buffer.from("0607", "hex")),
    ]);
    const { packets, fault } = readAll(file);
    expect(fault).toBeUndefined();
    expect(packets.map(({ time, linkType, length }) => ({ time, linkType, length }))).toEqual([
      // 2^32 + 512 units of 1/1024 s, two seconds earlier.
      { time: (2n ** 22n - 2n) * 1_000_000_000n + 500_000_000n, linkType: 101, length: 1 },
      { time: 7_000n, linkType: 1, length: 5 },
      { time: undefined, linkType: 1, length: 2 },
    ]);
    expect(packets[1]?.bytes).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  });
});

test("a section of a pcapng may have another byte order and starts with no interfaces", () => {
  const file = Buffer.concat([
    section("little"),
    describeInterface("little", 1),
    packetBlock("little", 0, 0, 1, "00"),
    section("big"),
    describeInterface("big", 101),
    packetBlock("big", 0, 0, 2, "00"),
  ]);
  expect(readAll(file).packets.map(({ linkType }) => linkType)).toEqual([1, 101]);
  const orphan = Buffer.concat([file, section("little"), packetBlock("little", 0, 0, 1, "00")]);
  expect(readAll(orphan).fault).toEqual({
    offset: file.length + section("little").length,
    text: "packet of interface 0, which nothing describes",
  });
});

const little = "little";
const whole = pcapOf(little, 0xa1b2c3d4, 1, [
  record(little, 1, 2, "0102"),
  record(little, 3, 4, "05"),
]);
const wholeNg = Buffer.concat([section(little), describeInterface(little, 1)]);

test.each([
  ["nothing", Buffer.alloc(0), 0, "the file is empty"],
  ["three bytes", Buffer.from("abc"), 0, "neither a pcap nor a pcapng file"],
  ["an ELF file", Buffer.from("\x7fELF1234"), 0, "it begins with 0x7f454c46"],
  ["half a file header", whole.subarray(0, 20), 0, "ends in a record: 20 bytes of at least 24"],
  ["half a record header", whole.subarray(0, 30), 24, "6 bytes of at least 16"],
  ["half a packet", whole.subarray(0, 41), 24, "17 bytes of at least 18"],
  ["another version", pcapOf(little, 0xa1b2c3d4, 1, []).fill(9, 4, 6), 0, "pcap version 2313"],
  [
    "an absurd length",
    Buffer.concat([whole, u32(little, 1, 2, 0xffffffff, 4)]),
    whole.length,
    "packet record of 4294967295 bytes, but 262144 are the most",
  ],
  ["half a block", wholeNg.subarray(0, 40), 28, "ends in a record: 12 bytes of at least 20"],
  ["a block of 13 bytes", Buffer.concat([wholeNg, u32(little, 5, 13, 0, 13)]), 48, "length 13"],
  [
    "a block that ends otherwise",
    Buffer.concat([wholeNg, u32(little, 5, 16, 0, 20)]),
    48,
    "block of 16 bytes that ends with the length 20",
  ],
  [
    "a packet longer than its block",
    Buffer.concat([wholeNg, block(little, 6, u32(little, 0, 0, 0, 99, 99), Buffer.alloc(8))]),
    48,
    "packet of 99 bytes in a block for 8",
  ],
  ["a short interface", Buffer.concat([section(little), block(little, 1)]), 28, "too short"],
  ["no byte-order magic", block(little, 0x0a0d0d0a, Buffer.alloc(16)), 0, "without a byte-order"],
])("%s is refused with the offset", (_, file, offset, text) => {
  const { fault } = readAll(file);
  expect(fault?.offset).toBe(offset);
  expect(fault?.text).toContain(text);
});

const packet: fc.Arbitrary<CapturedPacket> = fc
  .record({
    time: fc.bigInt({ min: 0n, max: 4_294_967_295_999_999_999n }),
    bytes: bytes(0, 300),
    more: fc.nat({ max: 2000 }),
  })
  .map(({ time, bytes, more }) => ({ time, bytes, linkType: 101, length: bytes.length + more }));

const packets = fc.array(packet, { maxLength: 8 });

function fileOf(list: readonly CapturedPacket[]): Buffer {
  return Buffer.concat([encodePcapHeader(101), ...list.map(encodePcapRecord)]);
}

test("what is written is read again, in whatever pieces it comes", () => {
  fc.assert(
    fc.property(packets, fc.array(fc.nat()), (list, numbers) => {
      const file = fileOf(list);
      const cuts = numbers.map((number) => number % (file.length + 1));
      expect(readAll(file, cuts)).toEqual({ packets: list, fault: undefined });
    }),
  );
});

test("a file that is cut off gives all packets before the cut, and the place", () => {
  fc.assert(
    fc.property(packets, fc.nat(), (list, number) => {
      const file = fileOf(list);
      const cut = number % file.length;
      let [end, count] = [encodePcapHeader(101).length, 0];
      for (const { bytes } of list) {
        if (end + 16 + bytes.length > cut) break;
        end += 16 + bytes.length;
        count++;
      }
      const found = readAll(file.subarray(0, cut));
      expect(found.packets).toEqual(list.slice(0, count));
      const offset = cut < 24 ? 0 : end;
      expect(found.fault?.offset).toBe(cut === end ? undefined : offset);
    }),
  );
});

/** Files of both formats, of all byte orders and links. */
const someFile: fc.Arbitrary<Buffer> = fc.oneof(
  packets.map(fileOf),
  fc
    .tuple(
      fc.constantFrom<Order>("little", "big"),
      fc.constantFrom(0, 1, 12, 101, 108, 113, 228, 276, 999),
      fc.array(bytes(0, 200), { maxLength: 6 }),
      fc.integer({ min: 0, max: 0xff }),
    )
    .map(([order, linkType, contents, resolution]) =>
      Buffer.concat([
        section(order),
        describeInterface(order, linkType, option(order, 9, Buffer.of(resolution))),
        ...contents.map((content) =>
          packetBlock(order, 0, 5, 6, Buffer.from(content).toString("hex")),
        ),
      ]),
    ),
  bytes(0, 200).map((content) => Buffer.from(content)),
);

test("a damaged file never throws, hangs or gives bytes that it does not have", () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 0xff }));
  fc.assert(
    fc.property(
      someFile,
      fc.array(change, { maxLength: 8 }),
      fc.nat(),
      fc.array(fc.nat(), { maxLength: 4 }),
      (original, changes, cut, numbers) => {
        const file = Buffer.from(original.subarray(0, original.length - (cut % 40)));
        for (const [at, value] of changes) if (file.length > 0) file[at % file.length] = value;
        const found = readAll(file);
        const inPieces = readAll(
          file,
          numbers.map((number) => number % (file.length + 1)),
        );
        expect(inPieces.packets).toEqual(found.packets);
        expect(inPieces.fault?.offset).toBe(found.fault?.offset);
        let bytesFound = 0;
        for (const one of found.packets) {
          bytesFound += one.bytes.length;
          const link = linkTypeOf(one.linkType);
          if (link === undefined) continue;
          expect(packetSummary(capturedLayers(one, link, [4789]))).toMatch(/^[ -~]+$/);
        }
        expect(bytesFound).toBeLessThanOrEqual(file.length);
      },
    ),
    { numRuns: 1000 },
  );
});
