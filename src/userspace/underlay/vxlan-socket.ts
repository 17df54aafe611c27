/** UDP sockets of a VXLAN endpoint: one that receives, several that send. */

import type { VxlanEndpoint } from "../../../encap/forwarding-plan.ts";
import { PROTOCOL_UDP } from "../../../encap/header/ip-protocol.ts";
import { DEFAULT_TTL } from "../../../encap/ttl.ts";
import { closeDescriptor } from "../../native/linux.ts";
import type { EndpointSockets } from "./endpoint-sockets.ts";
import { openErrorSocket } from "./icmp-socket.ts";
import {
  openUnderlaySocket,
  receiveTrafficClass,
  SOCK_DGRAM,
  setBuffers,
  setDontFragment,
  setOuterDefaults,
  tryOption,
} from "./underlay-socket.ts";

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

/**
 * Source ports that flows are spread over (RFC 7348 section 5): so many paths and receive queues can
 * share the load. A kernel writes any port into each packet; a socket has one.
 */
export const FLOW_SOCKETS = 8;

/** What of the endpoint is in the sockets: with the same text they can be kept. */
export function vxlanSocketKey({ localAddress, port }: VxlanEndpoint): string {
  return `vxlan ${localAddress} ${port}`;
}

/** Brings open sockets up to what the policy of the endpoint says. @throws SystemCallError */
export function adjustVxlanSockets({ send }: EndpointSockets, endpoint: VxlanEndpoint): void {
  const { localAddress, policy } = endpoint;
  const trafficClass = policy.dscp === "inherit" ? 0 : policy.dscp << 2;
  const ttl = policy.ttl === "inherit" ? DEFAULT_TTL : policy.ttl;
  for (const fd of send) setOuterDefaults(fd, localAddress.family, trafficClass, ttl);
}

/** @throws SystemCallError: EADDRINUSE if a tunnel device of the kernel or another program has the port. */
export function openVxlanSockets(endpoint: VxlanEndpoint): EndpointSockets {
  const { localAddress, port } = endpoint;
  const { family } = localAddress;
  const opened: number[] = [];
  const open = (boundPort: number, prepare: (fd: number) => void): number => {
    const fd = openUnderlaySocket(SOCK_DGRAM, 0, localAddress, boundPort, prepare);
    opened.push(fd);
    return fd;
  };
  let canSegment = true;
  const openSender = (dontFragment: boolean): number =>
    open(0, (fd) => {
      setBuffers(fd);
      setDontFragment(fd, family, dontFragment);
      canSegment &&= tryOption(fd, SOL_UDP, UDP_SEGMENT, 0);
    });
  try {
    const receiver = open(port, (fd) => {
      setBuffers(fd);
      receiveTrafficClass(fd, family);
      tryOption(fd, SOL_UDP, UDP_GRO, 1);
    });
    const send = [false, true].flatMap((dontFragment) =>
      Array.from({ length: FLOW_SOCKETS }, () => openSender(dontFragment)),
    );
    const errors = openErrorSocket(localAddress);
    opened.push(errors);
    const receive = [{ fd: receiver, protocol: PROTOCOL_UDP }];
    adjustVxlanSockets({ receive, errors, send, canSegment }, endpoint);
    return { receive, errors, send, canSegment };
  } catch (error) {
    for (const fd of opened) closeDescriptor(fd);
    throw error;
  }
}
