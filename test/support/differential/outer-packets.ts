// Outer packets of all kinds around inner ones, right and wrong: what a node may receive. They are put together by plain
// means, not by the codec under test.

import fc from "fast-check";
import { writeIp } from "../../../encap/address/ip-address.ts";
import { packetOf } from "../packet-bytes.ts";
import { byte } from "../random-packets.ts";
import { type InnerPacket, innerPacket, mendChecksum } from "./inner-packets.ts";
import { LOCAL_MAC, nodesOf, PORT, REMOTE_MAC, type Tunnel, VNI } from "./tunnels.ts";

export interface OuterPacket {
  readonly inner: InnerPacket;
  /** What is odd about the outer headers, in a word. */
  readonly oddity: string;
  /** Given the inner packet: the IP packets that carry it, in order. */
  readonly around: (inner: Uint8Array) => readonly Uint8Array[];
}

/** Fields that can be wrong, with their right values. */
interface Fields {
  flags: number;
  vni: number;
  lastReserved: number;
  sourceMac: string;
  destinationMac: string;
  ethertype: number;
  udpLengthChange: number;
  udpChecksum: "right" | "none" | "wrong";
  port: number;
  fromStranger: boolean;
  headerChecksum: "right" | "wrong";
  pieces: 1 | 2;
  protocol: number;
}

type Change = readonly [name: string, change: Partial<Fields>];

const VXLAN_CHANGES: readonly Change[] = [
  ["flags", { flags: 0 }],
  ["reserved flag", { flags: 0x88 }],
  ["reserved byte", { lastReserved: 1 }],
  ["vni", { vni: VNI + 1 }],
  ["vni", { vni: 0 }],
  ["own source mac", { sourceMac: LOCAL_MAC }],
  ["group source mac", { sourceMac: "01:00:5e:00:00:01" }],
  ["zero source mac", { sourceMac: "00:00:00:00:00:00" }],
  ["other destination mac", { destinationMac: "66:00:00:00:00:09" }],
  ["broadcast", { destinationMac: "ff:ff:ff:ff:ff:ff" }],
  ["multicast", { destinationMac: "33:33:00:00:00:01" }],
  ["arp", { ethertype: 0x0806 }],
  ["other family", { ethertype: -1 }],
  ["udp length", { udpLengthChange: 8 }],
  ["udp length", { udpLengthChange: -9 }],
  ["udp checksum", { udpChecksum: "wrong" }],
  ["no udp checksum", { udpChecksum: "none" }],
  ["port", { port: PORT + 1 }],
];

const IPIP_CHANGES: readonly Change[] = [["other protocol", { protocol: -1 }]];

const CHANGES: readonly Change[] = [
  ["stranger", { fromStranger: true }],
  ["header checksum", { headerChecksum: "wrong" }],
  ["fragments", { pieces: 2 }],
  ["fragments", { pieces: 2 }],
];

const NOPS = new Uint8Array(8).fill(1);

/** For the pods of the node that is looked at. */
export function outerPacket(tunnel: Tunnel): fc.Arbitrary<OuterPacket> {
  const { encap, underlay, inners, mtu } = tunnel;
  const special = encap === "vxlan" ? VXLAN_CHANGES : IPIP_CHANGES;
  const inner = fc.oneof(...inners.map((family) => innerPacket(family, 2, 1, mtu - 40)));
  return fc
    .record({
      inner,
      trafficClass: byte,
      ttl: fc.constantFrom(1, 2, 64, 255),
      options:
        underlay === 4
          ? fc.constantFrom(NOPS, ...Array(5).fill(NOPS.subarray(0, 0)))
          : fc.constant(NOPS.subarray(0, 0)),
      sourcePort: fc.integer({ min: 32768, max: 60999 }),
      change: fc.oneof(
        { weight: 2, arbitrary: fc.constant<Change>(["", {}]) },
        fc.constantFrom(...special, ...CHANGES),
      ),
    })
    .map(({ inner, change: [oddity, change], ...outer }) => {
      const fields: Fields = { ...rightFields(tunnel, inner.family), ...change };
      return {
        inner,
        oddity,
        around: (bytes) => build(tunnel, inner.family, fields, outer, bytes),
      };
    });
}

/** One that nothing is wrong with. */
export function plainOuterPacket(tunnel: Tunnel, family: 4 | 6, inner: Uint8Array): Uint8Array {
  const outer = { trafficClass: 0, ttl: 64, options: new Uint8Array(), sourcePort: 40_000 };
  const [packet] = build(tunnel, family, rightFields(tunnel, family), outer, inner);
  return packet as Uint8Array;
}

function rightFields({ encap }: Tunnel, inner: 4 | 6): Fields {
  return {
    flags: 8,
    vni: VNI,
    lastReserved: 0,
    sourceMac: REMOTE_MAC,
    destinationMac: LOCAL_MAC,
    ethertype: inner === 4 ? 0x0800 : 0x86dd,
    udpLengthChange: 0,
    udpChecksum: "right",
    port: PORT,
    fromStranger: false,
    headerChecksum: "right",
    pieces: 1,
    protocol: encap === "vxlan" ? 17 : inner === 4 ? 4 : 41,
  };
}

interface OuterFields {
  readonly trafficClass: number;
  readonly ttl: number;
  readonly options: Uint8Array;
  readonly sourcePort: number;
}

let identification = 0;

function build(
  { encap, underlay }: Tunnel,
  family: 4 | 6,
  fields: Fields,
  outer: OuterFields,
  inner: Uint8Array,
): Uint8Array[] {
  const [local, remote, stranger] = nodesOf(underlay);
  identification = (identification + 1) & 0xffff;
  const isVxlan = encap === "vxlan";
  const protocol = fields.protocol < 0 ? (family === 4 ? 41 : 4) : fields.protocol;
  const packet = Buffer.from(
    packetOf({
      family: underlay,
      trafficClass: outer.trafficClass,
      ttl: outer.ttl,
      identification,
      dontFragment: false,
      source: addressBytes(fields.fromStranger ? stranger : remote),
      destination: addressBytes(local),
      options: outer.options,
      flowLabel: 0,
      protocol,
      upper: isVxlan ? udpOf(family, fields, outer.sourcePort, inner) : inner,
    }),
  );
  if (isVxlan) {
    const checksumAt = (underlay === 4 ? 20 + outer.options.length : 40) + 6;
    const checksum = packet.readUInt16BE(checksumAt);
    if (fields.udpChecksum === "none") packet.writeUInt16BE(0, checksumAt);
    else if (fields.udpChecksum === "wrong") packet.writeUInt16BE(checksum ^ 0x0100, checksumAt);
  }
  if (fields.headerChecksum === "wrong" && underlay === 4) packet[10] = (packet[10] ?? 0) ^ 1;
  return fields.pieces === 1 ? [packet] : halves(packet, underlay);
}

function udpOf(family: 4 | 6, fields: Fields, sourcePort: number, inner: Uint8Array): Buffer {
  const head = Buffer.alloc(8 + 8 + 14);
  head.writeUInt16BE(sourcePort, 0);
  head.writeUInt16BE(fields.port, 2);
  head.writeUInt16BE(head.length + inner.length + fields.udpLengthChange, 4);
  head[8] = fields.flags;
  head.writeUIntBE(fields.vni, 12, 3);
  head[15] = fields.lastReserved;
  head.set(macBytes(fields.destinationMac), 16);
  head.set(macBytes(fields.sourceMac), 22);
  const other = family === 4 ? 0x86dd : 0x0800;
  head.writeUInt16BE(fields.ethertype < 0 ? other : fields.ethertype, 28);
  return Buffer.concat([head, inner]);
}

/** The packet as two fragments; too short a one stays whole. */
function halves(packet: Buffer, family: 4 | 6): Uint8Array[] {
  const headerLength = family === 4 ? ((packet[0] ?? 0) & 15) * 4 : 40;
  const payload = packet.subarray(headerLength);
  const cut = (payload.length >> 4) << 3;
  if (cut === 0 || cut === payload.length) return [packet];
  return [0, cut].map((offset) => {
    const more = offset === 0;
    const piece = payload.subarray(offset, more ? cut : undefined);
    const header = Buffer.from(packet.subarray(0, headerLength));
    if (family === 4) {
      header.writeUInt16BE(headerLength + piece.length, 2);
      header.writeUInt16BE((offset >> 3) | (more ? 0x2000 : 0), 6);
      mendChecksum(header);
      return Buffer.concat([header, piece]);
    }
    const fragment = Buffer.alloc(8);
    fragment[0] = header[6] ?? 0;
    fragment.writeUInt16BE(offset | (more ? 1 : 0), 2);
    fragment.writeUInt32BE(identification, 4);
    header[6] = 44;
    header.writeUInt16BE(8 + piece.length, 4);
    return Buffer.concat([header, fragment, piece]);
  });
}

function addressBytes(address: Parameters<typeof writeIp>[0]): Uint8Array {
  const bytes = new Uint8Array(address.family === 4 ? 4 : 16);
  writeIp(address, new DataView(bytes.buffer), 0);
  return bytes;
}

function macBytes(mac: string): number[] {
  return mac.split(":").map((part) => parseInt(part, 16));
}
