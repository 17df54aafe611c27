/** The descriptors that serve one endpoint. They belong to the control plane; workers come and go. */
import { closeDescriptor } from "../../native/linux.ts";

export interface EndpointSockets {
  readonly receive: readonly ReceiveSocket[];
  /** ICMP errors about what we sent. */
  readonly errors: number;
  /** Of VXLAN, flows are spread over these: the first half sends without DF, the other half with. */
  readonly send: readonly number[];
  /** Whether the kernel knows UDP_SEGMENT. */
  readonly canSegment: boolean;
}

export interface ReceiveSocket {
  readonly fd: number;
  /** IP protocol number: UDP, IPv4 or IPv6. */
  readonly protocol: number;
}

export function closeEndpointSockets({ receive, errors, send }: EndpointSockets): void {
  // A raw socket both sends and receives.
  const descriptors = new Set([...receive.map(({ fd }) => fd), errors, ...send]);
  for (const fd of descriptors) closeDescriptor(fd);
}
