import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import { flowEntropy, hashFlow } from "../../encap/flow-entropy.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { exactView, type PacketPlan, packetOf } from "../support/packet-bytes.ts";
import { byte, packetPlan, word } from "../support/random-packets.ts";

function read(bytes: Uint8Array): { view: DataView; packet: IpPacket } {
  const view = exactView(bytes);
  const packet = new IpPacket();
  expect(readIpPacket(view, 0, bytes.length, packet)).toBe(DropReason.None);
  return { view, packet };
}

function portOf(bytes: Uint8Array): number {
  const { view, packet } = read(bytes);
  return flowEntropy(view, packet);
}

const flow = (family: 4 | 6, sourcePort: number, host: number): PacketPlan => ({
  family,
  trafficClass: 0,
  ttl: 64,
  identification: 0,
  dontFragment: true,
  source: new Uint8Array(family === 4 ? 4 : 16).fill(10),
  destination: new Uint8Array(family === 4 ? 4 : 16).fill(10).fill(host, -1),
  options: new Uint8Array(),
  flowLabel: 0,
  protocol: 17,
  upper: Uint8Array.from([sourcePort >> 8, sourcePort & 255, 0, 53, 0, 8, 0, 0]),
});

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("flowEntropy stays within the range, both ends included", () => {
    fc.assert(
      fc.property(packetPlan(family), word, word, fc.nat(), (plan, one, two, seed) => {
        const { view, packet } = read(packetOf(plan));
        const range = { low: Math.min(one, two), high: Math.max(one, two) };
        const port = flowEntropy(view, packet, range, seed);
        expect(port).toBeGreaterThanOrEqual(range.low);
        expect(port).toBeLessThanOrEqual(range.high);
        expect(Number.isInteger(port)).toBe(true);
      }),
    );
  });

  test("flowEntropy uses every port of a small range", () => {
    const seen = new Set<number>();
    for (let port = 0; port < 200; port++) {
      const { view, packet } = read(packetOf(flow(family, port, 1)));
      seen.add(flowEntropy(view, packet, { low: 50000, high: 50003 }));
    }
    expect([...seen].sort()).toEqual([50000, 50001, 50002, 50003]);
  });

  test("flowEntropy is the same for all packets of a flow", () => {
    fc.assert(
      fc.property(packetPlan(family), byte, byte, word, (plan, trafficClass, ttl, id) => {
        const later = packetOf({ ...plan, trafficClass, ttl, identification: id });
        expect(portOf(later)).toBe(portOf(packetOf(plan)));
      }),
    );
  });

  test("flowEntropy spreads flows that differ in one port or one address bit", () => {
    for (const flows of [
      [...Array(256).keys()].map((port) => flow(family, port, 1)),
      [...Array(256).keys()].map((host) => flow(family, 1, host)),
    ]) {
      const ports = flows.map((one) => portOf(packetOf(one)));
      // 256 balls in 28,232 bins: one collision is expected, ten never happen by chance.
      expect(new Set(ports).size).toBeGreaterThan(246);
      const eighths = new Map<number, number>();
      for (const port of ports) {
        const eighth = Math.floor((port - 32768) / 3529);
        eighths.set(eighth, (eighths.get(eighth) ?? 0) + 1);
      }
      for (const count of eighths.values()) expect(count).toBeLessThan(64);
    }
  });

  test("hashFlow depends on the seed", () => {
    const { view, packet } = read(packetOf(flow(family, 1, 1)));
    expect(hashFlow(view, packet, 1)).not.toBe(hashFlow(view, packet, 2));
  });
});

test("flowEntropy gives all fragments of a packet one port", () => {
  const whole = packetOf(flow(4, 7, 1));
  const first = read(whole);
  Object.assign(first.packet, { isFragment: true });
  const later = read(packetOf({ ...flow(4, 9, 1) }));
  Object.assign(later.packet, { isFragment: true, isLaterFragment: true });
  expect(flowEntropy(first.view, first.packet)).toBe(flowEntropy(later.view, later.packet));
});

test("flowEntropy takes the flow label where there are no ports", () => {
  const plan = { ...flow(6, 7, 1), protocol: 50 };
  expect(portOf(packetOf({ ...plan, flowLabel: 1 }))).not.toBe(
    portOf(packetOf({ ...plan, flowLabel: 2 })),
  );
});
