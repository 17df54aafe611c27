/**
 * Raw sockets of an IP-in-IP endpoint: one for each inner family, the first also sends. Bound, because
 * a raw socket that is not gets a copy of every IP-in-IP packet of the node.
 */

import type { IpipEndpoint } from "../../../encap/forwarding-plan.ts";
import { PROTOCOL_IPIP, PROTOCOL_IPV6 } from "../../../encap/header/ip-protocol.ts";
import { closeDescriptor } from "../../native/linux.ts";
import type { EndpointSockets } from "./endpoint-sockets.ts";
import { openErrorSocket } from "./icmp-socket.ts";
import {
  IP_HDRINCL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HDRINCL,
  openUnderlaySocket,
  receiveTrafficClass,
  SOCK_RAW,
  setBuffers,
  setOption,
} from "./underlay-socket.ts";

/** What of the endpoint is in the sockets: with the same text they can be kept. */
export function ipipSocketKey({ localAddress }: IpipEndpoint): string {
  return `ipip ${localAddress}`;
}

/** @throws SystemCallError */
export function openIpipSockets({ localAddress }: IpipEndpoint): EndpointSockets {
  const { family } = localAddress;
  const opened: number[] = [];
  const open = (protocol: number): number => {
    const fd = openUnderlaySocket(SOCK_RAW, protocol, localAddress, 0, (fd) => {
      setBuffers(fd);
      // The outer header is ours, whatever inner protocol it names.
      if (family === 4) setOption(fd, IPPROTO_IP, IP_HDRINCL, 1);
      else setOption(fd, IPPROTO_IPV6, IPV6_HDRINCL, 1);
      // Over IPv6 a raw socket receives no outer header.
      if (family === 6) receiveTrafficClass(fd, family);
    });
    opened.push(fd);
    return fd;
  };
  try {
    const sender = open(PROTOCOL_IPIP);
    const receive = [
      { fd: sender, protocol: PROTOCOL_IPIP },
      { fd: open(PROTOCOL_IPV6), protocol: PROTOCOL_IPV6 },
    ];
    return { receive, errors: openErrorSocket(localAddress), send: [sender], canSegment: false };
  } catch (error) {
    for (const fd of opened) closeDescriptor(fd);
    throw error;
  }
}
