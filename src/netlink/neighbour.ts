/**
 * Neighbours (ARP and NDP rows): `struct ndmsg` {family u8, pad 3, ifindex s32, state u16, flags u8,
 * type u8} and NDA attributes (include/uapi/linux/neighbour.h). FDB entries share it: fdb.ts.
 */
import type { Family, IpAddress } from "../../encap/address/ip-address.ts";
import { type Neighbour, ROUTE_PROTOCOL } from "../../tunnels/kernel/kernel-state.ts";
import { Attributes } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import type { DeviceTable } from "./device-table.ts";
import {
  AF_INET,
  AF_INET6,
  type Message,
  malformed,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "./message.ts";
import type { MessageWriter } from "./message-writer.ts";

export const NDMSG_LENGTH = 12;
export const NDA_DST = 1;
export const NDA_LLADDR = 2;
export const NDA_IFINDEX = 8;
const NDA_PROTOCOL = 12;
export const NUD_PERMANENT = 0x80;

/** Asks for the neighbours of one family on one device; the kernel filters (strict checking). */
export function writeNeighbourDump(
  writer: MessageWriter,
  sequence: number,
  family: Family,
  ifindex: number,
): void {
  writer.begin(RTM_GETNEIGH, NLM_F_DUMP, sequence);
  writeNdmsg(writer, family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
  writer.u32(NDA_IFINDEX, ifindex);
  writer.end();
}

/** `ip neighbour replace IP lladdr MAC dev DEVICE nud permanent protocol 202`. */
export function writeNeighbourReplace(
  writer: MessageWriter,
  sequence: number,
  neighbour: Neighbour,
  ifindex: number,
): void {
  writer.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sequence);
  const family = neighbour.ip.family === 4 ? AF_INET : AF_INET6;
  writeNdmsg(writer, family, ifindex, NUD_PERMANENT, 0);
  writer.ip(NDA_DST, neighbour.ip);
  writer.mac(NDA_LLADDR, neighbour.mac);
  writer.u8(NDA_PROTOCOL, ROUTE_PROTOCOL);
  writer.end();
}

/** `ip neighbour del IP dev DEVICE`. */
export function writeNeighbourDelete(
  writer: MessageWriter,
  sequence: number,
  neighbour: Neighbour,
  ifindex: number,
): void {
  writer.begin(RTM_DELNEIGH, 0, sequence);
  writeNdmsg(writer, neighbour.ip.family === 4 ? AF_INET : AF_INET6, ifindex, 0, 0);
  writer.ip(NDA_DST, neighbour.ip);
  writer.end();
}

/** A RTM_NEWNEIGH or RTM_DELNEIGH message; undefined for a row without a six-byte MAC. */
export function readNeighbour(message: Message, devices: DeviceTable): Neighbour | undefined {
  const { family, ifindex, state } = readNdmsg(message);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = neighbourAttributes(message);
  const ip = attributes.ip(NDA_DST, family === AF_INET ? 4 : 6);
  const mac = attributes.mac(NDA_LLADDR);
  if (ip === undefined || mac === undefined) return undefined;
  const permanent = (state & NUD_PERMANENT) !== 0;
  return { device: devices.nameOf(ifindex), ip, mac, permanent };
}

/** The row's address; undefined for families other than IPv4 and IPv6. */
export function readNeighbourIp(message: Message): IpAddress | undefined {
  const { family } = readNdmsg(message);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  return neighbourAttributes(message).ip(NDA_DST, family === AF_INET ? 4 : 6);
}

/** @throws CausewayError if the header is cut off. */
export function readNdmsg({ view, body, end }: Message): {
  readonly family: number;
  readonly ifindex: number;
  readonly state: number;
  readonly flags: number;
} {
  if (body + NDMSG_LENGTH > end) throw malformed("a neighbour message without ndmsg");
  return {
    family: view.getUint8(body),
    ifindex: view.getInt32(body + 4, HOST_ORDER),
    state: view.getUint16(body + 8, HOST_ORDER),
    flags: view.getUint8(body + 10),
  };
}

export function neighbourAttributes({ view, body, end }: Message): Attributes {
  return new Attributes(view, body + NDMSG_LENGTH, end);
}

export function writeNdmsg(
  writer: MessageWriter,
  family: number,
  ifindex: number,
  state: number,
  flags: number,
): void {
  writer.bytes4(family, 0, 0, 0);
  writer.word(ifindex);
  writer.halves(state, flags);
}
