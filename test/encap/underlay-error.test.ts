import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIp } from "../../encap/address/ip-address.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { ETHERNET_HEADER } from "../../encap/header/ethernet.ts";
import { IcmpError, writeIcmpError } from "../../encap/icmp-error.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import {
  NOT_RELAYED,
  readUnderlayError,
  relayedError,
  UnderlayError,
} from "../../encap/underlay-error.ts";
import * as captures from "../fixtures/encap/captures.ts";
import { exactView, packetOf } from "../support/packet-bytes.ts";
import { byte, damagedPacket } from "../support/random-packets.ts";

const PORT = 4789;

interface Told {
  readonly view: DataView;
  readonly isOurs: boolean;
  readonly error: UnderlayError;
}

/** Reads an ICMP message of a router of the underlay; `fields` changes how it was received. */
function readError(bytes: Uint8Array, fields: Partial<IpPacket> = {}): Told {
  const view = exactView(bytes);
  const packet = new IpPacket();
  expect(readIpPacket(view, 0, bytes.length, packet)).toBe(DropReason.None);
  const error = new UnderlayError();
  Object.assign(packet, fields);
  return { view, isOurs: readUnderlayError(view, packet, PORT, error), error };
}

/**
 * An ICMP error with this first word and second word, about the first `quote` bytes of a captured
 * frame.
 */
function errorAbout(
  frame: string,
  type: number,
  code: number,
  rest: number,
  quote = 2000,
): Uint8Array {
  const outer = Buffer.from(frame, "hex").subarray(ETHERNET_HEADER);
  const family = ((outer[0] as number) >> 4) as 4 | 6;
  const message = Buffer.concat([Buffer.alloc(8), outer.subarray(0, quote)]);
  message[0] = type;
  message[1] = code;
  message.writeUInt32BE(rest, 4);
  const length = family === 4 ? 4 : 16;
  const packet = Buffer.from(
    packetOf({
      family,
      trafficClass: 0,
      ttl: 64,
      identification: 0,
      dontFragment: false,
      source: new Uint8Array(length).fill(9),
      destination: new Uint8Array(length).fill(8),
      options: new Uint8Array(),
      flowLabel: 0,
      protocol: family === 4 ? 1 : 58,
      upper: message,
    }),
  );
  if (family === 4) packet.writeUInt16BE(icmpv4Checksum(message), 22);
  return packet;
}

function icmpv4Checksum(message: Buffer): number {
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) {
    sum += ((message[at] as number) << 8) + (message[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return ~sum & 0xffff;
}

describe.each([
  ["VXLAN_ICMP", captures.VXLAN_ICMP, 4, 50, 4],
  ["VXLAN6_UDP", captures.VXLAN6_UDP, 6, 70, 6],
  ["IPIP_ICMP", captures.IPIP_ICMP, 4, 20, 4],
  ["SIT_ICMPV6", captures.SIT_ICMPV6, 4, 20, 6],
  ["IP4_IN_IP6", captures.IP4_IN_IP6, 6, 48, 4],
  ["IP6_IN_IP6", captures.IP6_IN_IP6, 6, 40, 6],
] as const)("an error about %s", (_, frame, outerFamily, overhead, innerFamily) => {
  const length = frame.length / 2 - ETHERNET_HEADER;
  const [type, code] = outerFamily === 4 ? [3, 4] : [2, 0];

  test("readUnderlayError finds the inner packet and what fits it", () => {
    const { isOurs, error, view } = readError(errorAbout(frame, type, code, length - 10));
    expect(isOurs).toBe(true);
    expect(error).toMatchObject({
      tell: IcmpError.TooBig,
      innerMtu: length - 10 - overhead,
      hasInner: true,
    });
    expect(error.outer.family).toBe(outerFamily);
    expect(error.inner).toMatchObject({ family: innerFamily, end: view.byteLength });
    expect(error.inner.at - error.outer.at).toBe(overhead);
  });

  test("the inner sender can be answered from what is quoted", () => {
    const { error, view } = readError(errorAbout(frame, type, code, length - 10));
    const room = exactView(new Uint8Array(view.buffer), 1280);
    const { inner } = error;
    Object.assign(inner, {
      at: inner.at + 1280,
      end: inner.end + 1280,
      upperAt: inner.upperAt + 1280,
    });
    const source = parseIp(innerFamily === 4 ? "10.244.0.0" : "fd00::1");
    const written = writeIcmpError(room, inner, IcmpError.TooBig, error.innerMtu, source, 0);
    expect(written).toBeGreaterThan(0);
    expect(readIpPacket(room, 0, written, new IpPacket())).toBe(DropReason.None);
  });

  test("readUnderlayError does without the inner packet where the quote is short", () => {
    const short = errorAbout(frame, type, code, length - 10, overhead + 19);
    const { isOurs, error } = readError(short);
    expect(isOurs).toBe(true);
    expect(error).toMatchObject({ tell: IcmpError.TooBig, hasInner: false });
    expect(error.innerMtu).toBe(length - 10 - overhead);
  });

  test("readUnderlayError does not believe an MTU that the packet fits", () => {
    const { isOurs, error } = readError(errorAbout(frame, type, code, length));
    expect(isOurs).toBe(true);
    expect(error.tell).toBe(NOT_RELAYED);
  });

  test("readUnderlayError refuses a damaged message", () => {
    const message = errorAbout(frame, type, code, length - 10);
    message.set([(message.at(-1) as number) ^ 1], message.length - 1);
    expect(readError(message).isOurs).toBe(false);
  });
});

describe("readUnderlayError", () => {
  test("takes the next plateau from a router that names no MTU", () => {
    const { error } = readError(errorAbout(captures.VXLAN_ICMP, 3, 4, 0));
    // 94 bytes: the plateau below is 68.
    expect(error).toMatchObject({ tell: IcmpError.TooBig, innerMtu: 68 - 50 });
  });

  // 48 or 64 bytes of quote, in words of 4 for IPv4 and of 8 for IPv6, then an extension structure.
  test.each([
    ["time exceeded", captures.IPIP_ICMP, 11, 48, (48 / 4) << 16],
    ["host unreachable", captures.IPIP_ICMP, 3, 48, (48 / 4) << 16],
    ["IPv6, time exceeded", captures.IP6_IN_IP6, 3, 64, (64 / 8) * 2 ** 24],
    ["IPv6, unreachable", captures.IP6_IN_IP6, 1, 64, (64 / 8) * 2 ** 24],
  ])("leaves extensions behind the quote aside: %s", (_, frame, type, quote, rest) => {
    const extended = `${frame.slice(0, (ETHERNET_HEADER + quote) * 2)}2000dfff00080101deadbeef`;
    const { error, view, isOurs } = readError(errorAbout(extended, type, 0, rest));
    expect(isOurs).toBe(true);
    expect(error.outer.end).toBe(view.byteLength - 12);
    expect(readError(errorAbout(extended, type, 0, 0)).error.outer.end).toBe(view.byteLength);
  });

  test("takes the MTU of an IPv6 router for an MTU, whatever its upper byte says", () => {
    const { error, view } = readError(errorAbout(captures.IP6_IN_IP6, 2, 0, 0x01000000));
    expect(error.outer.end).toBe(view.byteLength);
    expect(error.tell).toBe(NOT_RELAYED);
  });

  test.each([
    ["about TCP", (frame: Buffer) => frame.fill(6, 23, 24)],
    ["about another port", (frame: Buffer) => frame.fill(0, 36, 38)],
    ["about a later fragment", (frame: Buffer) => frame.fill(1, 21, 22)],
    ["about no IP packet", (frame: Buffer) => frame.fill(0, 14, 15)],
  ])("is not concerned %s", (_, change) => {
    const frame = change(Buffer.from(captures.VXLAN_ICMP, "hex")).toString("hex");
    expect(readError(errorAbout(frame, 3, 1, 0)).isOurs).toBe(false);
  });

  test("is not concerned with echo requests, fragments and half messages", () => {
    const about = errorAbout(captures.VXLAN_ICMP, 3, 1, 0);
    expect(readError(about).isOurs).toBe(true);
    expect(readError(errorAbout(captures.VXLAN_ICMP, 8, 0, 0)).isOurs).toBe(false);
    expect(readError(about, { isFragment: true }).isOurs).toBe(false);
    expect(readError(about, { end: 27 }).isOurs).toBe(false);
    expect(readError(about, { protocol: 17 }).isOurs).toBe(false);
  });

  test("survives whatever is quoted", () => {
    fc.assert(
      fc.property(damagedPacket, byte, byte, (data, code, length) => {
        const frame = "00".repeat(14) + Buffer.from(data).toString("hex");
        const family = (data[0] ?? 0) >> 4;
        if (data.length === 0 || (family !== 4 && family !== 6)) return;
        const message = errorAbout(frame, family === 4 ? 3 : 1, code, length << 16);
        const { error, view } = readError(message);
        expect(error.inner.end).toBeLessThanOrEqual(view.byteLength);
      }),
      { numRuns: 1000 },
    );
  });
});

// RFC 2003 section 5 and RFC 2473 section 8, line by line.
test.each([
  ["network unreachable", 4, 3, 0, IcmpError.NetUnreachable],
  ["host unreachable", 4, 3, 1, IcmpError.HostUnreachable],
  ["protocol unreachable", 4, 3, 2, IcmpError.HostUnreachable],
  ["port unreachable", 4, 3, 3, NOT_RELAYED],
  ["fragmentation needed", 4, 3, 4, IcmpError.TooBig],
  ["source route failed", 4, 3, 5, NOT_RELAYED],
  ["network unknown", 4, 3, 6, IcmpError.NetUnreachable],
  ["host unknown", 4, 3, 7, IcmpError.HostUnreachable],
  ["network prohibited", 4, 3, 9, IcmpError.Prohibited],
  ["host prohibited", 4, 3, 10, IcmpError.Prohibited],
  ["prohibited", 4, 3, 13, IcmpError.Prohibited],
  ["source quench", 4, 4, 0, NOT_RELAYED],
  ["redirect", 4, 5, 1, NOT_RELAYED],
  ["time exceeded", 4, 11, 0, IcmpError.HostUnreachable],
  ["reassembly time exceeded", 4, 11, 1, NOT_RELAYED],
  ["parameter problem", 4, 12, 0, NOT_RELAYED],
  ["no route", 6, 1, 0, IcmpError.NetUnreachable],
  ["prohibited", 6, 1, 1, IcmpError.Prohibited],
  ["beyond scope", 6, 1, 2, IcmpError.HostUnreachable],
  ["address unreachable", 6, 1, 3, IcmpError.HostUnreachable],
  ["port unreachable", 6, 1, 4, NOT_RELAYED],
  ["packet too big", 6, 2, 0, IcmpError.TooBig],
  ["time exceeded", 6, 3, 0, IcmpError.HostUnreachable],
  ["reassembly time exceeded", 6, 3, 1, NOT_RELAYED],
  ["parameter problem", 6, 4, 0, NOT_RELAYED],
] as const)("relayedError: %s (IPv%i, type %i, code %i)", (_, family, type, code, tell) => {
  expect(relayedError(family, type, code)).toBe(tell);
});
