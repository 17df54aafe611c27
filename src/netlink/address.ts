/**
 * Addresses of devices: `struct ifaddrmsg` {family, prefixlen, flags, scope : u8; ifindex u32} and
 * IFA attributes (include/uapi/linux/if_addr.h).
 */
import type { Address } from "../../tunnels/kernel/kernel-state.ts";
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
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "./message.ts";
import type { MessageWriter } from "./message-writer.ts";

const IFADDRMSG_LENGTH = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** Usable at once: nobody else on the tunnel can have it, so duplicate detection only delays. */
const IFA_F_NODAD = 0x2;

const SCOPES = { global: 0, site: 200, link: 253, host: 254 } as const;

export function writeAddressDump(writer: MessageWriter, sequence: number): void {
  writer.begin(RTM_GETADDR, NLM_F_DUMP, sequence);
  writer.bytes4(AF_UNSPEC, 0, 0, 0);
  writer.word(0);
  writer.end();
}

/** `ip address add IP/LENGTH dev DEVICE scope … nodad`. */
export function writeAddressAdd(
  writer: MessageWriter,
  sequence: number,
  address: Address,
  ifindex: number,
): void {
  writer.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sequence);
  writeAddress(writer, address, ifindex, address.ip.family === 6 ? IFA_F_NODAD : 0);
}

/** `ip address del IP/LENGTH dev DEVICE`. */
export function writeAddressDelete(
  writer: MessageWriter,
  sequence: number,
  address: Address,
  ifindex: number,
): void {
  writer.begin(RTM_DELADDR, 0, sequence);
  writeAddress(writer, address, ifindex, 0);
}

/** A RTM_NEWADDR or RTM_DELADDR message; undefined for families other than IPv4 and IPv6. */
export function readAddress(message: Message, devices: DeviceTable): Address | undefined {
  const { view, body, end } = message;
  if (body + IFADDRMSG_LENGTH > end) throw malformed("an address message without ifaddrmsg");
  const family = view.getUint8(body);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = new Attributes(view, body + IFADDRMSG_LENGTH, end);
  const kind = family === AF_INET ? 4 : 6;
  // With a peer, IFA_ADDRESS is the peer's; without, IPv6 leaves IFA_LOCAL out.
  const ip = attributes.ip(IFA_LOCAL, kind) ?? attributes.ip(IFA_ADDRESS, kind);
  if (ip === undefined) return undefined;
  return {
    device: devices.nameOf(view.getUint32(body + 4, HOST_ORDER)),
    ip,
    prefixLength: view.getUint8(body + 1),
    scope: scopeName(view.getUint8(body + 3)),
  };
}

function writeAddress(
  writer: MessageWriter,
  address: Address,
  ifindex: number,
  flags: number,
): void {
  const family = address.ip.family === 4 ? AF_INET : AF_INET6;
  writer.bytes4(family, address.prefixLength, flags, SCOPES[address.scope]);
  writer.word(ifindex);
  writer.ip(IFA_LOCAL, address.ip);
  writer.ip(IFA_ADDRESS, address.ip);
  writer.end();
}

function scopeName(scope: number): Address["scope"] {
  if (scope >= SCOPES.host) return "host";
  if (scope === SCOPES.link) return "link";
  return scope === SCOPES.site ? "site" : "global";
}
