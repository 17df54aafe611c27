/** LINKTYPE_ numbers of capture files (https://www.tcpdump.org/linktypes.html) that can be read. */
import type { LinkType } from "../link-header.ts";

export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;

const LINK_TYPES: Readonly<Record<number, LinkType>> = {
  // NULL and LOOP.
  0: "loopback",
  108: "loopback",
  [LINKTYPE_ETHERNET]: "ethernet",
  // RAW; the second and third are DLT_RAW of BSD and OpenBSD, which some programs wrote.
  [LINKTYPE_RAW]: "ip",
  12: "ip",
  14: "ip",
  // IPV4 and IPV6.
  228: "ip",
  229: "ip",
  // LINUX_SLL and LINUX_SLL2.
  113: "cooked",
  276: "cooked2",
};

/** Undefined if packets of this number cannot be taken apart. */
export function linkTypeOf(number: number): LinkType | undefined {
  return LINK_TYPES[number];
}
