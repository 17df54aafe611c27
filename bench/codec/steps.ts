/** The steps of the packet path, each as a loop of its own, so that each is compiled for itself. */
import { buildRemoteTable } from "../../encap/build-remote-table.ts";
import { Coalescer } from "../../encap/coalesce.ts";
import { decapsulateTrafficClass } from "../../encap/ecn.ts";
import { flowEntropy } from "../../encap/flow-entropy.ts";
import { sumBytes, sumHeader } from "../../encap/header/checksum.ts";
import { Ipv4Header } from "../../encap/header/ipv4.ts";
import { Ipv6Header } from "../../encap/header/ipv6.ts";
import { UdpHeader } from "../../encap/header/udp.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { decapsulateIpip, encapsulateIpipInIpv4, encapsulateIpipInIpv6 } from "../../encap/ipip.ts";
import { chooseOuter, OuterChoice, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import { type HeaderSpace, Segments, segment } from "../../encap/segment.ts";
import {
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VirtioNetHeader,
} from "../../encap/virtio-net-header.ts";
import {
  decapsulateVxlan,
  encapsulateVxlanInIpv4,
  VXLAN_HEADERS,
  writeVxlanHeaders,
} from "../../encap/vxlan.ts";
import {
  innerAt,
  NETWORK,
  newArena,
  newEmptyArena,
  newStream,
  REMOTE_MAC,
  SLOT,
  SLOTS,
  tablePrefixes,
  writeSuperPacket,
} from "./arena.ts";

export interface CodecStep {
  readonly group: string;
  readonly what: string;
  readonly unit: "packet" | "segment";
  /** Does it for `packets` packets; returns how many units that were. */
  readonly run: (packets: number) => number;
}

/** Where results go, so that no step is optimised away. */
const sink = new Float64Array(1);

export function codecSteps(): CodecStep[] {
  return [...pieceSteps(), ...([4, 6] as const).flatMap(familySteps)];
}

function pieceSteps(): CodecStep[] {
  const { view, sumBytes: sumWide } = newArena(4);
  const group = "pieces";
  return [
    perPacket(group, "the loop alone", (packets) => {
      let sum = 0;
      for (let index = 0; index < packets; index++) sum += innerAt(index);
      sink[0] = sum;
    }),
    perPacket(group, "sumHeader of 20 bytes", (packets) => {
      let sum = 0;
      for (let index = 0; index < packets; index++) sum += sumHeader(view, innerAt(index), 20);
      sink[0] = sum;
    }),
    perPacket(group, "sumBytes of 1,400 bytes", (packets) => {
      let sum = 0;
      for (let index = 0; index < packets; index++) sum += sumBytes(view, innerAt(index), 1400);
      sink[0] = sum;
    }),
    perPacket(group, "the same by vectors", (packets) => {
      let sum = 0;
      for (let index = 0; index < packets; index++) sum += sumWide(view, innerAt(index), 1400);
      sink[0] = sum;
    }),
  ];
}

function familySteps(family: 4 | 6): CodecStep[] {
  return [...outwardSteps(family), ...inwardSteps(family), ...mergeSteps(family)];
}

function outwardSteps(family: 4 | 6): CodecStep[] {
  const { view } = newArena(family);
  const table = buildRemoteTable(tablePrefixes(family));
  const inner = new IpPacket();
  const choice = new OuterChoice();
  const outer4 = Object.assign(new Ipv4Header(), { source: 0xc0000201, destination: 0xc0000202 });
  const outer6 = new Ipv6Header();
  const udp = Object.assign(new UdpHeader(), { sourcePort: 40000, destinationPort: 4789 });
  readIpPacket(view, innerAt(0), SLOT, inner);
  chooseOuter(VXLAN_POLICY, inner, choice);
  const length = inner.end - inner.at;
  const group = `out, IPv${family} inside`;
  return [
    perPacket(group, "readIpPacket", (packets) => {
      for (let index = 0; index < packets; index++) {
        readIpPacket(view, innerAt(index), length, inner);
      }
    }),
    perPacket(group, "RemoteTable.lookup", (packets) => {
      let sum = 0;
      for (let index = 0; index < packets; index++) {
        inner.at = innerAt(index);
        sum += table.lookup(view, inner);
      }
      sink[0] = sum;
    }),
    perPacket(group, "chooseOuter", (packets) => {
      for (let index = 0; index < packets; index++) chooseOuter(VXLAN_POLICY, inner, choice);
    }),
    perPacket(group, "flowEntropy", (packets) => {
      let sum = 0;
      readIpPacket(view, innerAt(0), length, inner);
      for (let index = 0; index < packets; index++) sum += flowEntropy(view, inner);
      sink[0] = sum;
    }),
    perPacket(group, "writeVxlanHeaders", (packets) => {
      for (let index = 0; index < packets; index++) {
        writeVxlanHeaders(view, innerAt(index), family, NETWORK, REMOTE_MAC);
      }
    }),
    perPacket(group, "encapsulateVxlanInIpv4, no checksum", (packets) => {
      for (let index = 0; index < packets; index++) {
        encapsulateVxlanInIpv4(view, innerAt(index), length, choice, udp, false, outer4);
      }
    }),
    perPacket(group, "encapsulateVxlanInIpv4, checksum of all", (packets) => {
      for (let index = 0; index < packets; index++) {
        encapsulateVxlanInIpv4(view, innerAt(index), length, choice, udp, true, outer4);
      }
    }),
    perPacket(group, "encapsulateIpipInIpv4", (packets) => {
      for (let index = 0; index < packets; index++) {
        outer4.identification = index & 0xffff;
        encapsulateIpipInIpv4(view, innerAt(index), length, family, choice, outer4);
      }
    }),
    perPacket(group, "encapsulateIpipInIpv6", (packets) => {
      for (let index = 0; index < packets; index++) {
        encapsulateIpipInIpv6(view, innerAt(index), length, family, choice, outer6);
      }
    }),
    perPacket(group, "all for VXLAN over a socket", (packets) => {
      let sum = 0;
      for (let index = 0; index < packets; index++) {
        const at = innerAt(index);
        readIpPacket(view, at, length, inner);
        sum += table.lookup(view, inner);
        chooseOuter(VXLAN_POLICY, inner, choice);
        sum += flowEntropy(view, inner);
        writeVxlanHeaders(view, at, family, NETWORK, REMOTE_MAC);
      }
      sink[0] = sum;
    }),
  ];
}

function inwardSteps(family: 4 | 6): CodecStep[] {
  const { view: vxlan } = newArena(family);
  const { view: ipip } = newArena(family);
  const inner = new IpPacket();
  const outer = new IpPacket();
  readIpPacket(vxlan, innerAt(0), SLOT, inner);
  const length = inner.end - inner.at;
  const choice: OuterChoice = { trafficClass: 0, ttl: 64, dontFragment: true };
  for (let slot = 0; slot < SLOTS; slot++) {
    encapsulateIpipInIpv4(ipip, innerAt(slot), length, family, choice, new Ipv4Header());
  }
  const group = `in, IPv${family} inside`;
  const decapsulateAt = (at: number): void => {
    decapsulateVxlan(vxlan, at - VXLAN_HEADERS, length + VXLAN_HEADERS, NETWORK, inner);
  };
  return [
    perPacket(group, "decapsulateVxlan", (packets) => {
      for (let index = 0; index < packets; index++) decapsulateAt(innerAt(index));
    }),
    perPacket(group, "readIpPacket and decapsulateIpip", (packets) => {
      for (let index = 0; index < packets; index++) {
        readIpPacket(ipip, innerAt(index) - 20, length + 20, outer);
        decapsulateIpip(ipip, outer, inner);
      }
    }),
    perPacket(group, "decapsulateTrafficClass, nothing to do", (packets) => {
      for (let index = 0; index < packets; index++) decapsulateTrafficClass(vxlan, inner, 0);
    }),
    perPacket(group, "decapsulateTrafficClass, a mark", (packets) => {
      decapsulateAt(innerAt(0));
      for (let index = 0; index < packets; index++) {
        inner.trafficClass = 2;
        decapsulateTrafficClass(vxlan, inner, 3);
      }
    }),
  ];
}

function mergeSteps(family: 4 | 6): CodecStep[] {
  const { view: stream, sumBytes } = newStream(family);
  const inner = new IpPacket();
  const group = `segments, IPv${family} inside`;
  const { view: superView, sumBytes: sumSuper } = newEmptyArena(1 << 17);
  const packet = writeSuperPacket(superView, 1 << 16, family);
  const gsoType = family === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
  const offload = Object.assign(new VirtioNetHeader(), { gsoType, gsoSize: 1400 });
  const space: HeaderSpace = { at: 0, stride: 192, room: 64, capacity: 64 };
  const segments = new Segments();
  const cut = (packets: number, finish: boolean): number => {
    let count = 0;
    while (count < packets) {
      segment(superView, packet, offload, space, finish, segments, sumSuper);
      count += segments.count;
    }
    return count;
  };
  const merge = (packets: number, isTrusted: boolean): void => {
    const coalescer = new Coalescer({ slices: 44, mtu: 1450, mergeUdp: true, sumBytes });
    for (let index = 0; index < packets; index++) {
      readIpPacket(stream, innerAt(index), SLOT, inner);
      if (coalescer.add(stream, inner, isTrusted)) continue;
      coalescer.clear();
      coalescer.add(stream, inner, isTrusted);
    }
    sink[0] = coalescer.count;
  };
  return [
    { group, what: "segment, checksums left", unit: "segment", run: (count) => cut(count, false) },
    {
      group,
      what: "segment, checksums finished",
      unit: "segment",
      run: (count) => cut(count, true),
    },
    perPacket(group, "readIpPacket and Coalescer.add, trusted", (packets) => merge(packets, true)),
    perPacket(group, "readIpPacket and Coalescer.add, verified", (packets) =>
      merge(packets, false),
    ),
  ];
}

function perPacket(group: string, what: string, run: (packets: number) => void): CodecStep {
  const counted = (packets: number): number => {
    run(packets);
    return packets;
  };
  return { group, what, unit: "packet", run: counted };
}
