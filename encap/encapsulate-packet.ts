/**
 * One inner packet to what goes over the underlay, outer IP header included: for files and tests,
 * where there is no socket that writes a part of it. The decisions and the headers are those of the
 * packet path; only the memory is taken for each packet.
 */
import type { IpAddress } from "./address/ip-address.ts";
import type { MacAddress } from "./address/mac-address.ts";
import { DropReason } from "./drop-reason.ts";
import { encapOverhead, type UnderlayMtu, type Vni } from "./encap-mode.ts";
import { flowEntropy, hashFlow } from "./flow-entropy.ts";
import { fragmentIpv4, fragmentIpv6 } from "./fragment.ts";
import { macWords } from "./header/ethernet.ts";
import { Ipv4Header } from "./header/ipv4.ts";
import { Ipv6Header } from "./header/ipv6.ts";
import { UdpHeader } from "./header/udp.ts";
import { IpPacket, readIpPacket } from "./ip-packet.ts";
import { encapsulateIpipInIpv4, encapsulateIpipInIpv6 } from "./ipip.ts";
import { chooseOuter, OuterChoice, type OuterPolicy } from "./outer-policy.ts";
import { Fit, fitInner } from "./path-mtu.ts";
import { type HeaderSpace, Segments } from "./segment.ts";
import { encapsulateVxlanInIpv4, encapsulateVxlanInIpv6, writeVxlanHeaders } from "./vxlan.ts";

/** One way to one remote. */
export interface TunnelPath {
  /** Of the outer packets; both are of one family. */
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly policy: OuterPolicy;
  /** Of the path between them. */
  readonly mtu: UnderlayMtu;
  /** Undefined for IP-in-IP. */
  readonly vxlan: VxlanPath | undefined;
}

export interface VxlanPath {
  readonly vni: Vni;
  /** UDP destination port. */
  readonly port: number;
  readonly localMac: MacAddress;
  readonly remoteMac: MacAddress;
}

/** Room before a packet, for the longest outer headers. */
const HEADROOM = 128;
/** For the headers of one fragment, options included. */
const BLOCK = 64;

export class PacketEncapsulator {
  /** Largest inner packet that goes as it is. */
  readonly innerMtu: number;
  readonly #path: TunnelPath;
  readonly #overhead: number;
  readonly #inner = new IpPacket();
  readonly #choice = new OuterChoice();
  readonly #ipv4 = new Ipv4Header();
  readonly #ipv6 = new Ipv6Header();
  readonly #udp = new UdpHeader();
  #identification = 0;

  /** @throws RangeError if `local` and `remote` are of two families. */
  constructor(path: TunnelPath) {
    const { local, remote, vxlan, mtu } = path;
    if (local.family !== remote.family) {
      throw new RangeError(`${local} and ${remote} are not of one address family`);
    }
    this.#path = path;
    this.#overhead = encapOverhead(vxlan === undefined ? "ipip" : "vxlan", local.family);
    this.innerMtu = mtu - this.#overhead;
    this.#ipv4.source = local.w0;
    this.#ipv4.destination = remote.w0;
    const { w0: source0, w1: source1, w2: source2, w3: source3 } = local;
    Object.assign(this.#ipv6, { source0, source1, source2, source3 });
    const { w0: destination0, w1: destination1, w2: destination2, w3: destination3 } = remote;
    Object.assign(this.#ipv6, { destination0, destination1, destination2, destination3 });
    this.#udp.destinationPort = vxlan?.port ?? 0;
  }

  /** The outer packets for the inner one in `bytes`, several if it is fragmented, or why there are none. */
  encapsulate(bytes: Uint8Array): Uint8Array[] | DropReason {
    const inner = this.#inner;
    const whole = new Uint8Array(HEADROOM + bytes.length);
    whole.set(bytes, HEADROOM);
    const view = new DataView(whole.buffer);
    const reason = readIpPacket(view, HEADROOM, bytes.length, inner);
    if (reason !== DropReason.None) return reason;
    chooseOuter(this.#path.policy, inner, this.#choice);
    // All pieces of a packet go one way.
    this.#udp.sourcePort = flowEntropy(view, inner);
    this.#ipv6.flowLabel = this.#path.vxlan === undefined ? hashFlow(view, inner) >>> 12 : 0;
    const length = inner.end - inner.at;
    switch (fitInner(inner, length, this.innerMtu)) {
      case Fit.Whole:
        return this.#encapsulateAt(view, inner.at, length);
      case Fit.FragmentInner:
        return this.#fragmentInner(view);
      case Fit.FragmentOuter:
        return this.#fragmentOuter(view);
      default:
        return DropReason.TooBig;
    }
  }

  #fragmentInner(view: DataView): Uint8Array[] | DropReason {
    const pieces = cut(view, (whole, space, fragments) =>
      fragmentIpv4(whole, this.#inner, this.innerMtu, space, fragments),
    );
    if (!Array.isArray(pieces)) return pieces;
    const packets: Uint8Array[] = [];
    for (const piece of pieces) {
      const room = new Uint8Array(HEADROOM + piece.length);
      room.set(piece, HEADROOM);
      const made = this.#encapsulateAt(new DataView(room.buffer), HEADROOM, piece.length);
      if (!Array.isArray(made)) return made;
      packets.push(...made);
    }
    return packets;
  }

  #fragmentOuter(view: DataView): Uint8Array[] | DropReason {
    this.#choice.dontFragment = false;
    const { at, end } = this.#inner;
    const made = this.#encapsulateAt(view, at, end - at);
    if (!Array.isArray(made)) return made;
    const outer = new IpPacket();
    const outerAt = at - this.#overhead;
    const { mtu, local } = this.#path;
    readIpPacket(view, outerAt, end - outerAt, outer);
    return cut(view, (whole, space, fragments) =>
      local.family === 4
        ? fragmentIpv4(whole, outer, mtu, space, fragments)
        : fragmentIpv6(whole, outer, mtu, this.#identification, space, fragments),
    );
  }

  #encapsulateAt(view: DataView, at: number, length: number): Uint8Array[] | DropReason {
    this.#identification = (this.#identification % 0xffff) + 1;
    const reason = this.#writeHeaders(view, at, length);
    if (reason !== DropReason.None) return reason;
    const outerAt = at - this.#overhead;
    return [new Uint8Array(view.buffer.slice(outerAt, at + length))];
  }

  #writeHeaders(view: DataView, at: number, length: number): DropReason {
    const { vxlan, local } = this.#path;
    const [choice, ipv4, ipv6, udp] = [this.#choice, this.#ipv4, this.#ipv6, this.#udp];
    const { family } = this.#inner;
    ipv4.identification = this.#identification;
    if (vxlan === undefined) {
      if (local.family === 4) return encapsulateIpipInIpv4(view, at, length, family, choice, ipv4);
      return encapsulateIpipInIpv6(view, at, length, family, choice, ipv6);
    }
    const network = { vni: vxlan.vni, localMac: macWords(vxlan.localMac) };
    writeVxlanHeaders(view, at, family, network, macWords(vxlan.remoteMac));
    return local.family === 4
      ? encapsulateVxlanInIpv4(view, at, length, choice, udp, true, ipv4)
      : encapsulateVxlanInIpv6(view, at, length, choice, udp, true, ipv6);
  }
}

/** Has `fragment` cut what is in `view`, and puts headers and payload of each fragment together. */
function cut(
  view: DataView,
  fragment: (whole: DataView, space: HeaderSpace, fragments: Segments) => DropReason,
): Uint8Array[] | DropReason {
  const { byteLength } = view;
  const capacity = Math.ceil(byteLength / 8);
  const bytes = new Uint8Array(byteLength + capacity * BLOCK);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, byteLength));
  const fragments = new Segments();
  const space = { at: byteLength, stride: BLOCK, room: 0, capacity };
  const reason = fragment(new DataView(bytes.buffer), space, fragments);
  if (reason !== DropReason.None) return reason;
  const { count, headersAt, headerLength, payloadAt, payloadSize, lastPayloadSize } = fragments;
  return Array.from({ length: count }, (_, index) => {
    const length = index === count - 1 ? lastPayloadSize : payloadSize;
    const piece = new Uint8Array(headerLength + length);
    const blockAt = headersAt + index * BLOCK;
    piece.set(bytes.subarray(blockAt, blockAt + headerLength));
    const from = payloadAt + index * payloadSize;
    piece.set(bytes.subarray(from, from + length), headerLength);
    return piece;
  });
}
