import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import {
  IpPacket,
  PROTOCOL_UNKNOWN,
  readIpPacket,
  setTrafficClass,
} from "../../encap/ip-packet.ts";
import { exactView, hexAt, packetOf, viewOf } from "../support/packet-bytes.ts";
import { byte, bytes, damagedPacket, packet, packetPlan } from "../support/random-packets.ts";

function read(hex: string): IpPacket {
  const found = new IpPacket();
  const view = viewOf(hex);
  expect(readIpPacket(view, 0, view.byteLength, found)).toBe(DropReason.None);
  return found;
}

function reasonOf(bytes: Uint8Array): DropReason {
  return readIpPacket(exactView(bytes), 0, bytes.length, new IpPacket());
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("readIpPacket finds the parts of every packet", () => {
    fc.assert(
      fc.property(packetPlan(family), bytes(0, 20), fc.nat({ max: 40 }), (plan, padding, room) => {
        const packet = packetOf(plan);
        const view = exactView(Buffer.concat([packet, padding]), room);
        const found = new IpPacket();
        expect(readIpPacket(view, room, packet.length + padding.length, found)).toBe(
          DropReason.None,
        );
        expect(found).toEqual({
          family,
          at: room,
          end: room + packet.length,
          upperAt: room + packet.length - plan.upper.length,
          protocol: plan.protocol,
          trafficClass: plan.trafficClass,
          ttl: plan.ttl,
          dontFragment: family === 6 || plan.dontFragment,
          isFragment: false,
          isLaterFragment: false,
          hasOptions: family === 4 && plan.options.length > 0,
        });
      }),
    );
  });

  test("readIpPacket refuses every truncation", () => {
    fc.assert(
      fc.property(packet(family), fc.nat(), (whole, cut) => {
        const reason = reasonOf(whole.subarray(0, cut % whole.length));
        expect([DropReason.Truncated, DropReason.BadTotalLength]).toContain(reason);
      }),
    );
  });

  test("setTrafficClass gives the packet that has that class from the start", () => {
    fc.assert(
      fc.property(packetPlan(family), byte, (plan, trafficClass) => {
        const view = exactView(packetOf(plan));
        const found = new IpPacket();
        readIpPacket(view, 0, view.byteLength, found);
        setTrafficClass(view, found, trafficClass);
        expect(hexAt(view)).toBe(hexAt(exactView(packetOf({ ...plan, trafficClass }))));
        expect(found.trafficClass).toBe(trafficClass);
      }),
    );
  });
});

test("readIpPacket neither throws nor reads past the end, whatever comes", () => {
  fc.assert(
    fc.property(damagedPacket, (data) => {
      const packet = new IpPacket();
      const reason = readIpPacket(exactView(data), 0, data.length, packet);
      if (reason !== DropReason.None) return;
      expect(packet.end).toBeLessThanOrEqual(data.length);
      expect(packet.upperAt).toBeLessThanOrEqual(packet.end);
    }),
    { numRuns: 2000 },
  );
});

describe("refusals", () => {
  const good = "45000014000000004000f6e6c0000201c0000202";

  test("readIpPacket accepts the packet that the others are made from", () => {
    expect(read(good)).toMatchObject({ end: 20, upperAt: 20 });
  });

  test.each([
    ["nothing", "", DropReason.Truncated],
    ["19 bytes of IPv4", good.slice(0, 38), DropReason.Truncated],
    ["39 bytes of IPv6", `60${"00".repeat(38)}`, DropReason.Truncated],
    ["version 5", `55${good.slice(2)}`, DropReason.NotIp],
    ["an IHL of 4", `44${good.slice(2)}`, DropReason.BadHeaderLength],
    ["an IHL beyond the packet", `46${good.slice(2)}`, DropReason.BadTotalLength],
    ["a total length under the header's", good.replace("0014", "0013"), DropReason.BadTotalLength],
    ["a total length over what came", good.replace("0014", "0015"), DropReason.BadTotalLength],
    [
      "an IPv6 payload over what came",
      `6000000000010000${"00".repeat(32)}`,
      DropReason.BadTotalLength,
    ],
    ["one wrong bit", good.replace("4000", "4100"), DropReason.BadHeaderChecksum],
  ])("readIpPacket refuses %s", (_, hex, reason) => {
    expect(reasonOf(Buffer.from(hex, "hex"))).toBe(reason);
  });
});

describe("fragments", () => {
  test.each([
    ["2000", true, false],
    ["2001", true, true],
    ["0001", true, true],
    ["4000", false, false],
  ])("readIpPacket reads the IPv4 fragment word %s", (word, isFragment, isLaterFragment) => {
    const header = Buffer.from("450000140000000040110000c0000201c0000202", "hex");
    header.writeUInt16BE(Number.parseInt(word, 16), 6);
    const sum = [0, 2, 4, 6, 8, 12, 14, 16, 18].reduce(
      (all, at) => all + header.readUInt16BE(at),
      0,
    );
    header.writeUInt16BE(~((sum >> 16) + (sum & 0xffff)) & 0xffff, 10);
    expect(read(header.toString("hex"))).toMatchObject({ isFragment, isLaterFragment });
  });

  const addresses = "20010db800000000000000000000000120010db8000000000000000000000002";

  test("readIpPacket follows a chain into the first fragment", () => {
    // Hop-by-hop options, destination options, fragment header (offset 0, more), UDP.
    const chain = `${"3c00050200000000"}${"2c00010400000000"}${"11000001deadbeef"}`;
    const found = read(`6000000000200040${addresses}${chain}1388177000080000`);
    expect(found).toMatchObject({
      protocol: 17,
      upperAt: 64,
      isFragment: true,
      isLaterFragment: false,
      hasOptions: true,
    });
  });

  test("readIpPacket stops at a later fragment, whatever its payload looks like", () => {
    // Offset 8; "next header" is a routing header, which lies in the first fragment.
    const found = read(`6000000000102c40${addresses}2b000008deadbeefffffffffffffffff`);
    expect(found).toMatchObject({ protocol: 43, upperAt: 48, isLaterFragment: true });
  });

  test.each([
    ["leaves the packet", "6000000000083c40", "1101000000000000"],
    ["ends in the middle of a header", "6000000000063c40", "110000000000"],
    ["ends with the first byte of a header", "6000000000013c40", "11"],
    [
      "has hop-by-hop options behind others",
      "6000000000103c40",
      "00000000000000001100000000000000",
    ],
    ["has two fragment headers", "6000000000102c40", "2c000001000000001100000100000000"],
    ["is nine headers long", "6000000000483c40", `${"3c00000000000000".repeat(8)}1100000000000000`],
  ])("readIpPacket passes on a packet whose chain %s", (_, start, chain) => {
    const found = read(`${start}${addresses}${chain}`);
    expect(found).toMatchObject({ protocol: PROTOCOL_UNKNOWN, upperAt: found.end });
  });

  test("readIpPacket accepts a packet that ends with its last extension header", () => {
    const found = read(`6000000000083c40${addresses}3b00010400000000`);
    expect(found).toMatchObject({ protocol: 59, upperAt: 48, end: 48 });
  });

  test("readIpPacket follows a chain of eight headers, and measures authentication in words", () => {
    const options = "3c00000000000000".repeat(6);
    const chain = `${options}33000000000000001101000000000000deadbeef`;
    const found = read(`6000000000443c40${addresses}${chain}`);
    expect(found).toMatchObject({ protocol: 17, upperAt: 40 + 68 });
  });
});
