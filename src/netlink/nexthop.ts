/**
 * Nexthop objects: `struct nhmsg` {family, scope, protocol, reserved : u8; flags u32} and NHA
 * attributes (include/uapi/linux/nexthop.h, net/ipv4/nexthop.c; Linux 5.3).
 */
import { type Nexthop, ROUTE_PROTOCOL } from "../../tunnels/kernel/kernel-state.ts";
import { Attributes } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import type { DeviceTable } from "./device-table.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  type Message,
  malformed,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELNEXTHOP,
  RTM_GETNEXTHOP,
  RTM_NEWNEXTHOP,
} from "./message.ts";
import type { MessageWriter } from "./message-writer.ts";

const NHMSG_LENGTH = 8;
const NHA_ID = 1;
const NHA_OIF = 5;
const NHA_GATEWAY = 6;
export const RTNH_F_ONLINK = 4;

export function writeNexthopDump(writer: MessageWriter, sequence: number): void {
  writer.begin(RTM_GETNEXTHOP, NLM_F_DUMP, sequence);
  writer.word(0);
  writer.word(0);
  writer.end();
}

/** `ip nexthop add|replace id ID [via GATEWAY] dev DEVICE [onlink] protocol 202`. */
export function writeNexthopSet(
  writer: MessageWriter,
  sequence: number,
  nexthop: Nexthop,
  ifindex: number,
  verb: "add" | "replace",
): void {
  const flags = NLM_F_CREATE | (verb === "add" ? NLM_F_EXCL : NLM_F_REPLACE);
  writer.begin(RTM_NEWNEXTHOP, flags, sequence);
  writer.bytes4(nexthop.family === 4 ? AF_INET : AF_INET6, 0, ROUTE_PROTOCOL, 0);
  writer.word(nexthop.onlink ? RTNH_F_ONLINK : 0);
  writer.u32(NHA_ID, nexthop.id);
  if (nexthop.gateway !== undefined) writer.ip(NHA_GATEWAY, nexthop.gateway);
  writer.u32(NHA_OIF, ifindex);
  writer.end();
}

/** `ip nexthop del id ID`; takes the routes over it along. */
export function writeNexthopDelete(writer: MessageWriter, sequence: number, id: number): void {
  writer.begin(RTM_DELNEXTHOP, 0, sequence);
  writer.bytes4(AF_UNSPEC, 0, 0, 0);
  writer.word(0);
  writer.u32(NHA_ID, id);
  writer.end();
}

/** A RTM_NEWNEXTHOP or RTM_DELNEXTHOP message. Groups and blackholes have the device "". */
export function readNexthop(message: Message, devices: DeviceTable): Nexthop {
  const { view, body, end } = message;
  if (body + NHMSG_LENGTH > end) throw malformed("a nexthop message without nhmsg");
  const attributes = new Attributes(view, body + NHMSG_LENGTH, end);
  const id = attributes.u32(NHA_ID);
  if (id === undefined) throw malformed("a nexthop without NHA_ID");
  const family = view.getUint8(body) === AF_INET6 ? 6 : 4;
  const ifindex = attributes.u32(NHA_OIF);
  return {
    id,
    family,
    device: ifindex === undefined ? "" : devices.nameOf(ifindex),
    gateway: attributes.ip(NHA_GATEWAY, family),
    onlink: (view.getUint32(body + 4, HOST_ORDER) & RTNH_F_ONLINK) !== 0,
    protocol: view.getUint8(body + 2),
  };
}
