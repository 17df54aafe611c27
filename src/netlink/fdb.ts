/**
 * FDB entries of vxlan devices: `struct ndmsg` of family AF_BRIDGE with NTF_SELF (the device's own
 * table, not a bridge's), the MAC in NDA_LLADDR, the node address in NDA_DST.
 */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { FdbEntry } from "../../tunnels/kernel/kernel-state.ts";
import type { DeviceTable } from "./device-table.ts";
import {
  AF_BRIDGE,
  type Message,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "./message.ts";
import type { MessageWriter } from "./message-writer.ts";
import {
  NDA_DST,
  NDA_IFINDEX,
  NDA_LLADDR,
  NUD_PERMANENT,
  neighbourAttributes,
  readNdmsg,
  writeNdmsg,
} from "./neighbour.ts";

const NDA_PORT = 6;
const NDA_VNI = 7;
const NUD_NOARP = 0x40;
const NTF_SELF = 0x02;

/** Asks for the FDB of one device; the kernel filters. */
export function writeFdbDump(writer: MessageWriter, sequence: number, ifindex: number): void {
  writer.begin(RTM_GETNEIGH, NLM_F_DUMP, sequence);
  writeNdmsg(writer, AF_BRIDGE, ifindex, 0, 0);
  writer.end();
}

/** `bridge fdb replace MAC dev DEVICE dst IP self permanent`. */
export function writeFdbReplace(
  writer: MessageWriter,
  sequence: number,
  entry: FdbEntry,
  ifindex: number,
): void {
  writer.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sequence);
  writeNdmsg(writer, AF_BRIDGE, ifindex, NUD_PERMANENT | NUD_NOARP, NTF_SELF);
  writer.mac(NDA_LLADDR, entry.mac);
  writer.ip(NDA_DST, entry.destination);
  writer.end();
}

/** `bridge fdb del MAC dev DEVICE self`: whatever its destination is by now. */
export function writeFdbDelete(
  writer: MessageWriter,
  sequence: number,
  entry: FdbEntry,
  ifindex: number,
): void {
  writer.begin(RTM_DELNEIGH, 0, sequence);
  writeNdmsg(writer, AF_BRIDGE, ifindex, 0, NTF_SELF);
  writer.mac(NDA_LLADDR, entry.mac);
  writer.end();
}

/** True if the message is about a device's own FDB. */
export function isFdbMessage(message: Message): boolean {
  const { family, flags } = readNdmsg(message);
  return family === AF_BRIDGE && (flags & NTF_SELF) !== 0;
}

/** What an event says, whatever kind of entry it is about. */
export function readFdbRow(message: Message): {
  readonly ifindex: number;
  readonly mac: MacAddress | undefined;
  readonly destination: IpAddress | undefined;
} {
  const attributes = neighbourAttributes(message);
  return {
    ifindex: readNdmsg(message).ifindex,
    mac: attributes.mac(NDA_LLADDR),
    destination: attributes.ipOfEitherFamily(NDA_DST),
  };
}

/**
 * A permanent entry as we write them; undefined for learned ones, and for those with a port, VNI or
 * device of their own, which send packets elsewhere than their destination says.
 */
export function readFdbEntry(message: Message, devices: DeviceTable): FdbEntry | undefined {
  const { family, ifindex, state, flags } = readNdmsg(message);
  if (family !== AF_BRIDGE || (flags & NTF_SELF) === 0) return undefined;
  if ((state & (NUD_PERMANENT | NUD_NOARP)) === 0) return undefined;
  const attributes = neighbourAttributes(message);
  if (attributes.has(NDA_PORT) || attributes.has(NDA_VNI) || attributes.has(NDA_IFINDEX)) {
    return undefined;
  }
  const mac = attributes.mac(NDA_LLADDR);
  const destination = attributes.ipOfEitherFamily(NDA_DST);
  if (mac === undefined || destination === undefined) return undefined;
  return { device: devices.nameOf(ifindex), mac, destination };
}
