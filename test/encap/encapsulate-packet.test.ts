import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIp } from "../../encap/address/ip-address.ts";
import { parseMac } from "../../encap/address/mac-address.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { toVni, type UnderlayMtu } from "../../encap/encap-mode.ts";
import { PacketEncapsulator, type TunnelPath } from "../../encap/encapsulate-packet.ts";
import { macWords } from "../../encap/header/ethernet.ts";
import { UdpHeader } from "../../encap/header/udp.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { decapsulateIpip } from "../../encap/ipip.ts";
import { IPIP_POLICY, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import { Reassembler } from "../../encap/reassemble.ts";
import { readUdpDatagram } from "../../encap/udp-datagram.ts";
import { decapsulateVxlan } from "../../encap/vxlan.ts";
import { exactView, hexAt, packetOf } from "../support/packet-bytes.ts";
import { bytes, damagedPacket, packet, packetPlan } from "../support/random-packets.ts";

const LOCAL_MAC = parseMac("66:00:00:00:00:01");
const REMOTE_MAC = parseMac("66:00:00:00:00:02");

function pathOf(encap: "vxlan" | "ipip", family: 4 | 6, mtu: number): TunnelPath {
  const ends = family === 4 ? ["192.0.2.1", "192.0.2.2"] : ["2001:db8::1", "2001:db8::2"];
  const [local, remote] = ends.map(parseIp) as [TunnelPath["local"], TunnelPath["remote"]];
  const vxlan = { vni: toVni(7), port: 4789, localMac: LOCAL_MAC, remoteMac: REMOTE_MAC };
  const isVxlan = encap === "vxlan";
  const policy = isVxlan ? VXLAN_POLICY : IPIP_POLICY;
  return { local, remote, policy, mtu: mtu as UnderlayMtu, vxlan: isVxlan ? vxlan : undefined };
}

/** The inner packet in an outer one. */
function open(encap: "vxlan" | "ipip", view: DataView, outer: IpPacket): DataView {
  const inner = new IpPacket();
  if (encap === "ipip") expect(decapsulateIpip(view, outer, inner)).toBe(DropReason.None);
  else {
    const udp = new UdpHeader();
    expect(readUdpDatagram(view, outer, udp, false)).toBe(DropReason.None);
    const network = { vni: 7, localMac: macWords(REMOTE_MAC) };
    const length = udp.length - 8;
    expect(decapsulateVxlan(view, outer.upperAt + 8, length, network, inner)).toBe(DropReason.None);
  }
  return new DataView(view.buffer.slice(view.byteOffset + inner.at, view.byteOffset + inner.end));
}

/** What arrives whole: a packet as it is, or the one that fragments are of. */
function whole(reassembler: Reassembler, view: DataView): [DataView, IpPacket] | undefined {
  const packet = new IpPacket();
  expect(readIpPacket(view, 0, view.byteLength, packet)).toBe(DropReason.None);
  if (!packet.isFragment) return [view, packet];
  expect(reassembler.add(view, packet, 0)).toBe(DropReason.None);
  return reassembler.isComplete ? [reassembler.view, reassembler.packet] : undefined;
}

const COMBINATIONS = [
  ["vxlan", 4],
  ["vxlan", 6],
  ["ipip", 4],
  ["ipip", 6],
] as const;

describe.each(COMBINATIONS)("%s over IPv%i", (encap, family) => {
  test("encapsulate makes what is taken apart again, of every packet that fits", () => {
    const encapsulator = new PacketEncapsulator(pathOf(encap, family, 1500));
    fc.assert(
      fc.property(fc.oneof(packet(4), packet(6)), (inner) => {
        const made = encapsulator.encapsulate(inner) as Uint8Array[];
        expect(made).toHaveLength(1);
        const view = exactView(made[0] as Uint8Array);
        const outer = new IpPacket();
        expect(readIpPacket(view, 0, view.byteLength, outer)).toBe(DropReason.None);
        expect(hexAt(open(encap, view, outer))).toBe(Buffer.from(inner).toString("hex"));
      }),
    );
  });

  test("encapsulate fragments what may be, and its pieces make the packet again", () => {
    const plan = fc.oneof(packetPlan(4), packetPlan(6));
    fc.assert(
      fc.property(
        plan,
        bytes(600, 1100),
        fc.integer({ min: 400, max: 600 }),
        (base, upper, mtu) => {
          const inner = packetOf({ ...base, dontFragment: false, protocol: 200, upper });
          const encapsulator = new PacketEncapsulator(pathOf(encap, family, mtu));
          const made = encapsulator.encapsulate(inner) as Uint8Array[];
          expect(Math.max(...made.map(({ length }) => length))).toBeLessThanOrEqual(mtu);
          const [outers, inners] = [new Reassembler(), new Reassembler()];
          const arrived = made.flatMap((bytes) => {
            const outer = whole(outers, exactView(bytes));
            return outer === undefined ? [] : [open(encap, ...outer)];
          });
          const found = arrived.flatMap((view) => {
            const one = whole(inners, view);
            return one === undefined ? [] : [hexAt(one[0], one[1].at, one[1].end - one[1].at)];
          });
          expect(found).toEqual([Buffer.from(inner).toString("hex")]);
        },
      ),
      { numRuns: 50 },
    );
  });
});

test("encapsulate refuses what may not be fragmented", () => {
  const encapsulator = new PacketEncapsulator(pathOf("ipip", 4, 520));
  fc.assert(
    fc.property(packetPlan(4), bytes(600, 700), (plan, upper) => {
      const inner = packetOf({ ...plan, dontFragment: true, upper });
      expect(encapsulator.encapsulate(inner)).toBe(DropReason.TooBig);
    }),
  );
});

test("encapsulate never throws", () => {
  const encapsulators = COMBINATIONS.map(
    ([encap, family]) => new PacketEncapsulator(pathOf(encap, family, 150)),
  );
  fc.assert(
    fc.property(damagedPacket, fc.constantFrom(...encapsulators), (inner, encapsulator) => {
      const made = encapsulator.encapsulate(inner);
      if (!Array.isArray(made)) expect(Object.values(DropReason)).toContain(made);
    }),
    { numRuns: 1000 },
  );
});
