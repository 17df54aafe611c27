/**
 * The packets that the codec is measured with, in slots of one arena, and the table they are looked
 * up in.
 */
import { Cidr } from "../../encap/address/cidr.ts";
import { addressBits, type Family, IpAddress } from "../../encap/address/ip-address.ts";
import { parseMac } from "../../encap/address/mac-address.ts";
import { finishChecksum, type SumBytes, sumBytes } from "../../encap/header/checksum.ts";
import { macWords } from "../../encap/header/ethernet.ts";
import { PROTOCOL_TCP } from "../../encap/header/ip-protocol.ts";
import { Ipv4Header, writeIpv4Header } from "../../encap/header/ipv4.ts";
import { Ipv6Header, writeIpv6Header } from "../../encap/header/ipv6.ts";
import { newSummedMemory } from "../../encap/header/summed-memory.ts";
import { TCP_ACK, TCP_CHECKSUM } from "../../encap/header/tcp.ts";
import { IpPacket, readIpPacket, sumPseudoHeader } from "../../encap/ip-packet.ts";
import type { RemotePrefix } from "../../encap/prefix-columns.ts";
import { type VxlanNetwork, writeVxlanHeaders } from "../../encap/vxlan.ts";
import { seededRandom } from "../cluster/random.ts";

export const PREFIXES = 100_000;
const REMOTES = 5000;
export const ADDRESS_PLAN: string = `${PREFIXES / 1000}k blocks of ${REMOTES} remotes`;

/** Bytes from one packet to the next, and before the inner IP header. */
export const SLOT = 2048;
export const HEADROOM = 128;
export const SLOTS = 4096;
/** Inner packet: 1400 bytes of payload behind IP and TCP with time stamps. */
const PAYLOAD = 1400;
const TCP_LENGTH = 32;

export const NETWORK: VxlanNetwork = {
  vni: 4096,
  localMac: macWords(parseMac("66:00:00:00:00:01")),
};
export const REMOTE_MAC = macWords(parseMac("66:00:00:00:00:02"));
const REMOTE_NETWORK: VxlanNetwork = { vni: 4096, localMac: REMOTE_MAC };

/** The first address of a block: 10.0.0.0/26 and on, fd00:10:244::/122 and on. */
function blockAddress(family: Family, block: number): IpAddress {
  if (family === 4) return new IpAddress(4, 0x0a000000 + block * 64);
  return new IpAddress(6, 0xfd000010, 0x02440000, 0, block * 64);
}

export function tablePrefixes(family: Family): RemotePrefix[] {
  const length = addressBits(family) - 6;
  return [...Array(PREFIXES).keys()].map((block) => ({
    cidr: new Cidr(blockAddress(family, block), length),
    remote: block % REMOTES,
  }));
}

/** Offset of the inner IP header in a slot. */
export function innerAt(index: number): number {
  return (index % SLOTS) * SLOT + HEADROOM;
}

/** Memory as a worker has it. */
export interface CodecArena {
  readonly view: DataView;
  /** For `view` alone. */
  readonly sumBytes: SumBytes;
}

export function newEmptyArena(bytes: number): CodecArena {
  const { buffer, sumBytes } = newSummedMemory(bytes);
  return { view: new DataView(buffer), sumBytes };
}

/**
 * An arena full of TCP segments of one flow to each of many destinations, with VXLAN headers before
 * them as they arrive here.
 */
export function newArena(family: Family): CodecArena {
  const arena = newEmptyArena(SLOTS * SLOT);
  const { view } = arena;
  const random = seededRandom(1);
  for (let at = 0; at < view.byteLength; at += 4) view.setUint32(at, random() * 2 ** 32);
  for (let slot = 0; slot < SLOTS; slot++) {
    writeSegment(view, innerAt(slot), family, Math.floor(random() * PREFIXES), slot);
    writeVxlanHeaders(view, innerAt(slot), family, REMOTE_NETWORK, NETWORK.localMac);
  }
  return arena;
}

/** One flow, segment after segment: what coalesces. */
export function newStream(family: Family): CodecArena {
  const arena = newArena(family);
  for (let slot = 0; slot < SLOTS; slot++) writeSegment(arena.view, innerAt(slot), family, 7, slot);
  return arena;
}

function writeSegment(
  view: DataView,
  at: number,
  family: Family,
  block: number,
  index: number,
): void {
  writeIp(view, at, family, blockAddress(family, block), TCP_LENGTH + PAYLOAD, index);
  const upperAt = at + (family === 4 ? 20 : 40);
  view.setUint32(upperAt, (40000 << 16) | 80);
  view.setUint32(upperAt + 4, index * PAYLOAD);
  view.setUint32(upperAt + 8, 1);
  view.setUint32(upperAt + 12, ((TCP_LENGTH << 26) | (TCP_ACK << 16) | 500) >>> 0);
  view.setUint32(upperAt + 16, 0);
  view.setUint32(upperAt + 20, 0x0101080a);
  view.setUint32(upperAt + 24, 1);
  view.setUint32(upperAt + 28, 2);
  const packet = new IpPacket();
  readIpPacket(view, at, SLOT - HEADROOM, packet);
  const length = packet.end - upperAt;
  const sum = sumPseudoHeader(view, packet, length) + sumBytes(view, upperAt, length);
  view.setUint16(upperAt + TCP_CHECKSUM, finishChecksum(sum));
}

function writeIp(
  view: DataView,
  at: number,
  family: Family,
  destination: IpAddress,
  upperLength: number,
  identification: number,
): void {
  if (family === 4) {
    const fields = {
      totalLength: 20 + upperLength,
      identification,
      dontFragment: true,
      ttl: 63,
      protocol: PROTOCOL_TCP,
      source: 0x0af40001,
      destination: destination.w0 + 1,
    };
    writeIpv4Header(view, at, Object.assign(new Ipv4Header(), fields));
    return;
  }
  const fields = {
    payloadLength: upperLength,
    nextHeader: PROTOCOL_TCP,
    hopLimit: 63,
    source0: 0xfd000010,
    source3: 1,
    destination0: destination.w0,
    destination1: destination.w1,
    destination2: destination.w2,
    destination3: destination.w3 + 1,
  };
  writeIpv6Header(view, at, Object.assign(new Ipv6Header(), fields));
}

/** One super-packet of 44 segments at `at`, as a TUN device hands it over: returns the packet. */
export function writeSuperPacket(view: DataView, at: number, family: Family): IpPacket {
  const upperLength = TCP_LENGTH + 44 * PAYLOAD;
  writeSegment(view, at, family, 7, 0);
  writeIp(view, at, family, blockAddress(family, 7), upperLength, 0);
  const packet = new IpPacket();
  readIpPacket(view, at, 0x10000, packet);
  view.setUint16(packet.upperAt + TCP_CHECKSUM, sumPseudoHeader(view, packet, upperLength));
  return packet;
}
