// What our data path has to say about a packet: the codec's own functions, in the order in which the engine calls them.
// Whether the engine did the same is seen in its counters.

import { DropReason } from "../../../encap/drop-reason.ts";
import { decapsulateTrafficClass } from "../../../encap/ecn.ts";
import { macWords } from "../../../encap/header/ethernet.ts";
import { UdpHeader } from "../../../encap/header/udp.ts";
import { IpPacket, readIpPacket } from "../../../encap/ip-packet.ts";
import { decapsulateIpip } from "../../../encap/ipip.ts";
import { Reassembler } from "../../../encap/reassemble.ts";
import { readUdpDatagram } from "../../../encap/udp-datagram.ts";
import { decapsulateVxlan } from "../../../encap/vxlan.ts";
import { LOCAL_MAC, PORT, type Tunnel, VNI } from "./tunnels.ts";

/** Why an inner packet is not sent. */
export function sendVerdict(bytes: Uint8Array): DropReason {
  return readIpPacket(viewOf(bytes), 0, bytes.length, new IpPacket());
}

/** `NOT_OURS`: the kernel's own stack drops it, or gives it to nobody, before our socket sees it. */
export const NOT_OURS = -1;
export type Verdict = DropReason | typeof NOT_OURS;

/** Why what is in `outers`, fragments of one packet or one packet, does not go on. */
export function receiveVerdict(
  tunnel: Tunnel,
  outers: readonly Uint8Array[],
  isStranger: boolean,
): Verdict {
  const whole = wholeOf(outers);
  if (whole === undefined) return NOT_OURS;
  const [view, outer] = whole;
  const inner = new IpPacket();
  if (tunnel.encap === "vxlan") {
    const udp = new UdpHeader();
    // The sockets of both drop UDP over IPv6 without a checksum.
    if (readUdpDatagram(view, outer, udp, false) !== DropReason.None) return NOT_OURS;
    if (udp.destinationPort !== PORT) return NOT_OURS;
    if (isStranger) return DropReason.UnknownPeer;
    const network = { vni: VNI, localMac: macWords(LOCAL_MAC) };
    const length = udp.length - 8;
    const reason = decapsulateVxlan(view, outer.upperAt + 8, length, network, inner);
    if (reason !== DropReason.None) return reason;
  } else {
    if (isStranger) return DropReason.UnknownPeer;
    const reason = decapsulateIpip(view, outer, inner);
    if (reason !== DropReason.None) return reason;
  }
  return decapsulateTrafficClass(view, inner, outer.trafficClass);
}

function wholeOf(outers: readonly Uint8Array[]): [DataView, IpPacket] | undefined {
  const reassembler = new Reassembler({ packets: 1, bytes: 1 << 20, lifetime: 1000 });
  for (const bytes of outers) {
    const view = viewOf(Uint8Array.from(bytes));
    const outer = new IpPacket();
    if (readIpPacket(view, 0, bytes.length, outer) !== DropReason.None) return undefined;
    if (!outer.isFragment) return [view, outer];
    reassembler.add(view, outer, 0);
  }
  return reassembler.isComplete ? [reassembler.view, reassembler.packet] : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
