// Sends numbered packets through both nodes and gathers what becomes of each.

import { IpPacket, readIpPacket } from "../../../encap/ip-packet.ts";
import { packetOf } from "../packet-bytes.ts";
import type { InnerPacket } from "./inner-packets.ts";
import { numberOf, withNumber } from "./inner-packets.ts";
import {
  type DifferentialLab,
  NODE_LINK_MAC,
  POD_LINK_MAC,
  PODS,
  SIDES,
  type Side,
  WIRE_MAC,
} from "./lab.ts";
import { type OuterPacket, plainOuterPacket } from "./outer-packets.ts";
import { framed, TapSet } from "./tap.ts";
import { LOCAL_MAC, REMOTE_MAC } from "./tunnels.ts";

/** Packets at once: fewer than a TUN device's queue holds. */
export const BATCH = 200;
/** Numbers of packets that are sent last, one for each inner family. */
const LAST = { 4: 0xfffe, 6: 0xffff } as const;
const PATIENCE_MS = 10_000;

/** What one node made of a packet on its way out: outer packets. */
export type Sent = readonly Uint8Array[];

/** What one node made of a packet on its way in. */
export interface Arrived {
  /** Inner packets that came out of the tunnel device. */
  readonly device: Uint8Array[];
  readonly pods: { readonly pod: string; readonly bytes: Uint8Array }[];
}

const TYPES = { 4: 0x0800, 6: 0x86dd } as const;
const ethertypeOf = (family: 4 | 6): number => TYPES[family];

/** Packets that nothing is wrong with, from node `from` to node `to`. */
function lastPacket(family: 4 | 6, from: number, to: number): Uint8Array {
  const address = (node: number): Uint8Array =>
    family === 4
      ? Uint8Array.of(10, 244, node, 1)
      : Uint8Array.of(0xfd, 1, 0, node, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1);
  return packetOf({
    family,
    trafficClass: 0,
    ttl: 64,
    identification: LAST[family],
    flowLabel: LAST[family],
    dontFragment: false,
    source: address(from),
    destination: address(to),
    options: new Uint8Array(),
    protocol: 200,
    upper: new Uint8Array(8),
  });
}

/**
 * Has both nodes encapsulate packets that were put on the tunnel device, or came from a pod and have yet to be routed
 * there; the answer is by index. `quiet` is how long nothing more may come.
 */
export function encapsulate(
  lab: DifferentialLab,
  packets: readonly InnerPacket[],
  source: "device" | "pod",
  quiet: number,
): Record<Side, Sent[]> {
  const { tunnel, nodes } = lab;
  const empty = (): Uint8Array[][] => packets.map(() => []);
  const found: Record<Side, Uint8Array[][]> = { kernel: empty(), ours: empty() };
  const all = [
    ...packets.map(({ family, bytes }, index) => ({
      family,
      bytes: withNumber(family, bytes, index),
    })),
    ...tunnel.inners.map((family) => ({ family, bytes: lastPacket(family, 1, 2) })),
  ];
  for (const side of SIDES) for (const _ of nodes[side].link.take());
  for (const { family, bytes } of all) {
    const ethertype = ethertypeOf(family);
    if (source === "pod") {
      const frame = framed(bytes, POD_LINK_MAC, WIRE_MAC, ethertype);
      for (const side of SIDES) nodes[side].outOfPod.put(frame);
      continue;
    }
    const isFramed = tunnel.encap === "vxlan";
    nodes.kernel.intoTunnel.put(isFramed ? framed(bytes, REMOTE_MAC, LOCAL_MAC, ethertype) : bytes);
    nodes.ours.intoTunnel.put(bytes);
  }
  const taps = SIDES.map((side) => nodes[side].link);
  gather(new TapSet(taps), quiet, SIDES.length * tunnel.inners.length, () => {
    let last = 0;
    for (const side of SIDES) {
      for (const { isOutgoing, bytes } of nodes[side].link.take()) {
        const inner = isOutgoing ? undefined : innerOf(lab, bytes);
        if (inner === undefined) continue;
        const number = numberOf(inner.family, inner.bytes);
        if (number >= LAST[4]) last++;
        else found[side][number]?.push(bytes);
      }
    }
    return last;
  });
  return found;
}

/** The inner packet of an outer one, found without a look at anything that could be wrong. */
export function innerOf(
  { tunnel }: DifferentialLab,
  outer: Uint8Array,
): { readonly family: 4 | 6; readonly at: number; readonly bytes: Uint8Array } | undefined {
  const { encap, underlay } = tunnel;
  const ip = underlay === 4 ? 20 : 40;
  if ((outer[0] ?? 0) >> 4 !== underlay) return undefined;
  const protocol = outer[underlay === 4 ? 9 : 6];
  if (encap === "vxlan") {
    const at = ip + 30;
    if (protocol !== 17 || outer.length < at) return undefined;
    const ethertype = ((outer[at - 2] ?? 0) << 8) | (outer[at - 1] ?? 0);
    const family = ethertype === TYPES[4] ? 4 : ethertype === TYPES[6] ? 6 : undefined;
    return family && { family, at, bytes: outer.subarray(at) };
  }
  const family = protocol === 4 ? 4 : protocol === 41 ? 6 : undefined;
  return family && { family, at: ip, bytes: outer.subarray(ip) };
}

/** Has both nodes decapsulate packets; the answer is by index. */
export function decapsulate(
  lab: DifferentialLab,
  packets: readonly OuterPacket[],
  quiet: number,
): Record<Side, Arrived[]> {
  const { tunnel, nodes } = lab;
  const underlayType = ethertypeOf(tunnel.underlay);
  const empty = (): Arrived[] => packets.map(() => ({ device: [], pods: [] }));
  const found: Record<Side, Arrived[]> = { kernel: empty(), ours: empty() };
  const tapsOf = (side: Side) => [nodes[side].tunnel, ...nodes[side].pods];
  for (const side of SIDES) for (const tap of tapsOf(side)) for (const _ of tap.take());
  const put = (outers: readonly Uint8Array[]): void => {
    for (const outer of outers) {
      const frame = framed(outer, NODE_LINK_MAC, WIRE_MAC, underlayType);
      for (const side of SIDES) nodes[side].ontoLink.put(frame);
    }
  };
  for (const [index, { inner, around }] of packets.entries()) {
    put(around(withNumber(inner.family, inner.bytes, index)));
  }
  for (const family of tunnel.inners)
    put([plainOuterPacket(tunnel, family, lastPacket(family, 2, 1))]);
  const taps = SIDES.flatMap(tapsOf);
  // Each last packet is seen on the tunnel device and on its pod's.
  gather(new TapSet(taps), quiet, SIDES.length * tunnel.inners.length * 2, () => {
    let seen = 0;
    for (const side of SIDES) {
      for (const [at, tap] of tapsOf(side).entries()) {
        for (const { isOutgoing, ethertype, bytes } of tap.take()) {
          const isOurs = at === 0 ? !isOutgoing : isOutgoing;
          if (!isOurs || bytes.length < 8 || (at > 0 && !isOfPod(bytes))) continue;
          const number = numberOf(familyOf(bytes, ethertype), bytes);
          if (number >= LAST[4]) seen++;
          else if (at === 0) found[side][number]?.device.push(bytes);
          else found[side][number]?.pods.push({ pod: PODS[at - 1] as string, bytes });
        }
      }
    }
    return seen;
  });
  return found;
}

/** What a packet is by itself, or else by what was announced. */
function familyOf(bytes: Uint8Array, ethertype: number): 4 | 6 {
  const version = (bytes[0] ?? 0) >> 4;
  if (version === 4 || version === 6) return version;
  return ethertype === TYPES[6] ? 6 : 4;
}

/** False for what a node itself has to say on a pod's device. */
function isOfPod(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >> 4 === 4 ? bytes[12] === 10 : bytes[8] === 0xfd;
}

/** Takes what comes until all the last packets have, and then until nothing comes for a while. */
function gather(taps: TapSet, quiet: number, wanted: number, take: () => number): void {
  const deadline = performance.now() + PATIENCE_MS;
  let last = take();
  while (performance.now() < deadline) {
    const isMore = taps.wait(last < wanted ? 100 : quiet);
    last += take();
    if (!isMore && last >= wanted) return;
  }
  if (last < wanted) throw new Error(`${wanted - last} of ${wanted} last packets did not come`);
}

/** Bytes that the packet says it has, or all of them if it cannot be read. */
export function ownLength(bytes: Uint8Array): number {
  const packet = new IpPacket();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readIpPacket(view, 0, bytes.length, packet) === 0 ? packet.end : bytes.length;
}
