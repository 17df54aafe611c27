/** Raw sockets that receive the ICMP errors sent to one address, and no other ICMP. */
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DEST_UNREACH,
  ICMPV6_PKT_TOOBIG,
  ICMPV6_TIME_EXCEED,
} from "../../../encap/header/icmp.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "../../../encap/header/ip-protocol.ts";
import { setSocketOption } from "../../native/linux.ts";
import { openUnderlaySocket, SOCK_RAW } from "./underlay-socket.ts";

const SOL_RAW = 255;
const ICMP_FILTER = 1;
const SOL_ICMPV6 = 58;
const ICMPV6_FILTER = 1;

const ICMPV4_ERRORS = [ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED];
const ICMPV6_ERRORS = [ICMPV6_DEST_UNREACH, ICMPV6_PKT_TOOBIG, ICMPV6_TIME_EXCEED];

/** @throws SystemCallError */
export function openErrorSocket(address: IpAddress): number {
  const isIpv4 = address.family === 4;
  const protocol = isIpv4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
  return openUnderlaySocket(SOCK_RAW, protocol, address, 0, (fd) => {
    // A set bit keeps that type out: 32 types of ICMP, 256 of ICMPv6.
    if (isIpv4) setSocketOption(fd, SOL_RAW, ICMP_FILTER, filter(1, ICMPV4_ERRORS));
    else setSocketOption(fd, SOL_ICMPV6, ICMPV6_FILTER, filter(8, ICMPV6_ERRORS));
  });
}

function filter(words: number, types: readonly number[]): Uint8Array {
  const mask = new Uint32Array(words).fill(0xffffffff);
  for (const type of types) mask[0] = (mask[0] ?? 0) & ~(1 << type);
  return new Uint8Array(mask.buffer);
}
