/**
 * What may stand before the first IP header of a captured packet: an Ethernet header, or what a
 * capture has where the device has none of its own.
 *
 *   cooked      Linux cooked capture v1, 16 bytes: packet type, ARPHRD type, address length,
 *               address (8), protocol
 *   cooked2     v2, 20 bytes: protocol, reserved, device index (4), ARPHRD type, packet type (1),
 *               address length (1), address (8)
 *   loopback    BSD loopback, 4 bytes: an address family, in the byte order of who captured
 *   ip          nothing
 *
 * (https://www.tcpdump.org/linktypes.html: EN10MB, LINUX_SLL, LINUX_SLL2, NULL and LOOP, RAW.)
 */
import type { Family } from "./address/ip-address.ts";
import { type MacAddress, readMac } from "./address/mac-address.ts";
import * as ethernet from "./header/ethernet.ts";
import type { CookedLayer, EthernetLayer } from "./packet-layer.ts";

export type LinkType = "ethernet" | "ip" | "cooked" | "cooked2" | "loopback";

export interface LinkHeader {
  /** Undefined where there is nothing to tell. */
  readonly layer: EthernetLayer | CookedLayer | undefined;
  /** What it says is inside: an IP version, or "any" of them; undefined if it is something else. */
  readonly inside: Family | "any" | undefined;
  /** Offset behind it. */
  readonly end: number;
}

const COOKED_ADDRESS_LENGTH = 4;
const COOKED_ADDRESS = 6;
const COOKED_PROTOCOL = 14;
const COOKED2_ADDRESS_LENGTH = 11;
const COOKED2_ADDRESS = 12;

const LENGTHS: Readonly<Record<LinkType, number>> = {
  ethernet: ethernet.ETHERNET_HEADER,
  ip: 0,
  cooked: COOKED_PROTOCOL + 2,
  cooked2: COOKED2_ADDRESS + 8,
  loopback: 4,
};

const AF_INET = 2;
/** Of Linux, NetBSD and OpenBSD, FreeBSD, macOS, Windows. */
const AF_INET6: readonly number[] = [10, 24, 28, 30, 23];

const VLAN_TAG = 4;

/** Bytes of a header without VLAN tags. */
export function linkHeaderLength(link: LinkType): number {
  return LENGTHS[link];
}

/** Reads the header at `at`; undefined if the packet, whose last byte is before `end`, ends in it. */
export function readLinkHeader(
  link: LinkType,
  view: DataView,
  at: number,
  end: number,
): LinkHeader | undefined {
  if (end - at < LENGTHS[link]) return undefined;
  switch (link) {
    case "ip":
      return { layer: undefined, inside: "any", end: at };
    case "loopback":
      return { layer: undefined, inside: familyOf(view, at), end: at + 4 };
    case "ethernet":
      return readEthernet(view, at, end);
    case "cooked": {
      const length = view.getUint16(at + COOKED_ADDRESS_LENGTH);
      const source = length === 6 ? macAt(view, at + COOKED_ADDRESS) : undefined;
      return readCooked(view, source, at + COOKED_PROTOCOL, at + COOKED_PROTOCOL + 2, end);
    }
    case "cooked2": {
      const length = view.getUint8(at + COOKED2_ADDRESS_LENGTH);
      const source = length === 6 ? macAt(view, at + COOKED2_ADDRESS) : undefined;
      return readCooked(view, source, at, at + LENGTHS.cooked2, end);
    }
  }
}

function readEthernet(view: DataView, at: number, end: number): LinkHeader {
  const typeAt = at + ethernet.ETHERNET_TYPE;
  const tags = readTags(view, view.getUint16(typeAt), typeAt + 2, end);
  const layer: EthernetLayer = {
    kind: "ethernet",
    source: macAt(view, at + ethernet.ETHERNET_SOURCE),
    destination: macAt(view, at + ethernet.ETHERNET_DESTINATION),
    ethertype: tags.ethertype,
    vlans: tags.vlans,
  };
  return { layer, inside: insideOf(tags.ethertype), end: tags.end };
}

function readCooked(
  view: DataView,
  source: MacAddress | undefined,
  protocolAt: number,
  headerEnd: number,
  end: number,
): LinkHeader {
  const {
    ethertype,
    vlans,
    end: tagsEnd,
  } = readTags(view, view.getUint16(protocolAt), headerEnd, end);
  const layer: CookedLayer = { kind: "cooked", source, ethertype, vlans };
  return { layer, inside: insideOf(ethertype), end: tagsEnd };
}

interface Tags {
  /** Of what is inside of all of them. */
  readonly ethertype: number;
  readonly vlans: readonly number[];
  readonly end: number;
}

/** Follows VLAN tags (IEEE 802.1Q) from the ethertype on that announces the first, at `at`. */
function readTags(view: DataView, first: number, at: number, end: number): Tags {
  const vlans: number[] = [];
  let ethertype = first;
  let next = at;
  while (isVlanTag(ethertype) && next + VLAN_TAG <= end) {
    vlans.push(view.getUint16(next) & 0xfff);
    ethertype = view.getUint16(next + 2);
    next += VLAN_TAG;
  }
  return { ethertype, vlans, end: next };
}

function isVlanTag(ethertype: number): boolean {
  return ethertype === ethernet.ETHERTYPE_VLAN || ethertype === ethernet.ETHERTYPE_QINQ;
}

function insideOf(ethertype: number): Family | undefined {
  if (ethertype === ethernet.ETHERTYPE_IPV4) return 4;
  return ethertype === ethernet.ETHERTYPE_IPV6 ? 6 : undefined;
}

/** Numbers of address families are under 256, so the byte order shows. */
function familyOf(view: DataView, at: number): Family | undefined {
  const big = view.getUint32(at);
  const family = big < 0x10000 ? big : view.getUint32(at, true);
  if (family === AF_INET) return 4;
  return AF_INET6.includes(family) ? 6 : undefined;
}

function macAt(view: DataView, at: number): MacAddress {
  return readMac(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), at);
}
