/**
 * Links: `struct ifinfomsg` {family u8, pad u8, type u16, ifindex s32, flags u32, change u32} and
 * IFLA attributes (include/uapi/linux/if_link.h, net/core/rtnetlink.c).
 */
import type { Link, TunnelParameters } from "../../tunnels/kernel/kernel-state.ts";
import { Attributes } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import type { DeviceTable } from "./device-table.ts";
import { readIpipInfo, writeIpipInfo } from "./link-info-ipip.ts";
import { readTunInfo } from "./link-info-tun.ts";
import { readVxlanInfo, writeVxlanInfo } from "./link-info-vxlan.ts";
import {
  AF_UNSPEC,
  type Message,
  malformed,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from "./message.ts";
import type { MessageWriter } from "./message-writer.ts";

const IFINFOMSG_LENGTH = 16;
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_IPTUN_PROTO = 9;
const IPPROTO_UDP = 17;
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

/** Asks for all links without their statistics. */
export function writeLinkDump(writer: MessageWriter, sequence: number): void {
  writer.begin(RTM_GETLINK, NLM_F_DUMP, sequence);
  writeHeader(writer, 0, 0);
  writer.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  writer.end();
}

/** Asks for one link; the answer is the link and an ack, or an error. */
export function writeLinkGet(writer: MessageWriter, sequence: number, name: string): void {
  writer.begin(RTM_GETLINK, NLM_F_ACK, sequence);
  writeHeader(writer, 0, 0);
  writer.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  writer.text(IFLA_IFNAME, name);
  writer.end();
}

/**
 * `ip link add NAME [index …] [mtu …] [address …] type KIND …`, and up at once if the link shall be.
 * @param index the ifindex that it asks for (EEXIST or EBUSY if it is taken); 0: the kernel chooses
 */
export function writeLinkAdd(
  writer: MessageWriter,
  sequence: number,
  link: Link,
  parentIndex: number,
  index = 0,
): void {
  writer.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sequence);
  const flags = link.up ? IFF_UP : 0;
  writeHeader(writer, flags, flags, index);
  writer.text(IFLA_IFNAME, link.name);
  writer.u32(IFLA_MTU, link.mtu);
  if (link.mac !== undefined) writer.mac(IFLA_ADDRESS, link.mac);
  if (link.kind !== undefined) writeLinkInfo(writer, link.kind, link.tunnel, parentIndex);
  writer.end();
}

/**
 * `ip link set NAME type KIND …` and `ip link set NAME mtu … address … up|down`, for the fields that
 * differ. Two messages, because vxlan refuses an MTU beside its own parameters. Returns how many.
 */
export function writeLinkChange(
  writer: MessageWriter,
  sequence: number,
  link: Link,
  differing: readonly string[],
  parentIndex: number,
): number {
  let messages = 0;
  const own = differing.filter((field) => field !== "mtu" && field !== "mac" && field !== "up");
  if (own.length > 0 && link.kind !== undefined) {
    writer.begin(RTM_NEWLINK, 0, sequence);
    writeHeader(writer, 0, 0);
    writer.text(IFLA_IFNAME, link.name);
    writeLinkInfo(writer, link.kind, link.tunnel, parentIndex, own);
    writer.end();
    messages++;
  }
  // ipip takes the MTU of a new parent along with it, so it is set again.
  const setsMtu = differing.includes("mtu") || (messages > 0 && link.kind === "ipip");
  const setsMac = differing.includes("mac") && link.mac !== undefined;
  if (setsMtu || setsMac || differing.includes("up")) {
    writer.begin(RTM_NEWLINK, 0, sequence + messages);
    // Flags without a change mask would set all of them and clear MULTICAST.
    const change = differing.includes("up") ? IFF_UP : 0;
    writeHeader(writer, link.up ? change : 0, change);
    writer.text(IFLA_IFNAME, link.name);
    if (setsMtu) writer.u32(IFLA_MTU, link.mtu);
    if (setsMac && link.mac !== undefined) writer.mac(IFLA_ADDRESS, link.mac);
    writer.end();
    messages++;
  }
  return messages;
}

/** `ip link del NAME`. By name: a number could be another device's by now. */
export function writeLinkDelete(writer: MessageWriter, sequence: number, name: string): void {
  writer.begin(RTM_DELLINK, 0, sequence);
  writeHeader(writer, 0, 0);
  writer.text(IFLA_IFNAME, name);
  writer.end();
}

/**
 * Asks for a device of `kind` that its driver refuses to make: a vxlan without a VNI, an ipip device
 * for a protocol that it does not carry. A kernel without the driver refuses in another way.
 */
export function writeLinkProbe(
  writer: MessageWriter,
  sequence: number,
  kind: "vxlan" | "ipip",
): void {
  writer.begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
  writeHeader(writer, 0, 0);
  const info = writer.beginNested(IFLA_LINKINFO);
  writer.text(IFLA_INFO_KIND, kind);
  if (kind === "ipip") {
    const data = writer.beginNested(IFLA_INFO_DATA);
    writer.u8(IFLA_IPTUN_PROTO, IPPROTO_UDP);
    writer.endNested(data);
  }
  writer.endNested(info);
  writer.end();
}

/** What an event says of a link: who it is, and whether it is up. */
export function readLinkState(message: Message): { ifindex: number; name: string; up: boolean } {
  const { attributes, ifindex } = openLink(message);
  const flags = message.view.getUint32(message.body + 8, HOST_ORDER);
  return { ifindex, name: attributes.text(IFLA_IFNAME) ?? "", up: (flags & IFF_UP) !== 0 };
}

/** A RTM_NEWLINK or RTM_DELLINK message. `devices` names the parent device. */
export function readLink(message: Message, devices: DeviceTable): Link {
  const { attributes, ifindex } = openLink(message);
  const flags = message.view.getUint32(message.body + 8, HOST_ORDER);
  const info = attributes.nested(IFLA_LINKINFO);
  const kind = info?.text(IFLA_INFO_KIND);
  return {
    name: attributes.text(IFLA_IFNAME) ?? "",
    ifindex,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    mac: attributes.mac(IFLA_ADDRESS),
    kind,
    tunnel: readTunnel(kind, info?.nested(IFLA_INFO_DATA), devices),
  };
}

/** True for messages of bridge ports and the like, which repeat a link under another family. */
export function isForeignLinkFamily(message: Message): boolean {
  return message.body < message.end && message.view.getUint8(message.body) !== AF_UNSPEC;
}

function openLink(message: Message): { attributes: Attributes; ifindex: number } {
  const { view, body, end } = message;
  if (body + IFINFOMSG_LENGTH > end) throw malformed("a link message without ifinfomsg");
  return {
    attributes: new Attributes(view, body + IFINFOMSG_LENGTH, end),
    ifindex: view.getInt32(body + 4, HOST_ORDER),
  };
}

function readTunnel(
  kind: string | undefined,
  data: Attributes | undefined,
  devices: DeviceTable,
): TunnelParameters | undefined {
  if (data === undefined) return undefined;
  if (kind === "vxlan") return readVxlanInfo(data, devices);
  if (kind === "ipip") return readIpipInfo(data, devices);
  return kind === "tun" ? readTunInfo(data) : undefined;
}

function writeLinkInfo(
  writer: MessageWriter,
  kind: string,
  tunnel: TunnelParameters | undefined,
  parentIndex: number,
  only?: readonly string[],
): void {
  const info = writer.beginNested(IFLA_LINKINFO);
  writer.text(IFLA_INFO_KIND, kind);
  if (tunnel !== undefined && tunnel.kind !== "tun") {
    const data = writer.beginNested(IFLA_INFO_DATA);
    if (tunnel.kind === "vxlan") writeVxlanInfo(writer, tunnel, parentIndex, only);
    else writeIpipInfo(writer, tunnel, parentIndex);
    writer.endNested(data);
  }
  writer.endNested(info);
}

/** struct ifinfomsg */
function writeHeader(writer: MessageWriter, flags: number, change: number, index = 0): void {
  writer.word(0);
  writer.word(index);
  writer.word(flags);
  writer.word(change);
}
