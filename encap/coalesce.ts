/**
 * Coalescing: consecutive packets of one flow become one super-packet, which a TUN device with
 * offloads takes in one write. The payload is not moved: the super-packet is a list of slices, the
 * first with all headers and the virtio header before them, the others payload alone.
 *
 *   received   ..outer| IP | TCP | payload 0 |   ..outer| IP | TCP | payload 1 |
 *                     '                      '                     '           '
 *   written    |virtio| IP | TCP | payload 0                       | payload 1 |
 *
 * The virtio header lies over outer header bytes that are no longer needed.
 *
 * TCP segments are merged if their headers are the same but for sequence number, which must go on
 * without a gap, length, checksums, PSH, and the IPv4 identification, which must count up unless DF
 * makes it meaningless (RFC 6864). All are as long as the first but the last, which may be shorter;
 * PSH ends a run, so that no receiver waits. UDP datagrams are merged if ports and sizes agree.
 * Cut up again by `segment`, a super-packet gives the packets that it was made from.
 *
 * Inner checksums. A merged packet has a new one, so what is merged must be known to be whole: the
 * caller has the word of an outer UDP checksum, or the inner one is verified here. A packet with a
 * wrong one stays alone, for the stack behind to refuse. Some arrive unfinished, holding only the
 * sum of their pseudo-header: merged by the kernel's own GRO before a raw socket, up to 64 KB long,
 * or sent from this very machine without ever meeting a wire. They pass as they are, marked
 * NEEDS_CSUM.
 */
import {
  continuesIdentification,
  continuesTcp,
  isSameFlow,
  mergeablePayloadAt,
  repeatsTcp,
} from "./coalesce-match.ts";
import { type SumBytes, sumBytes } from "./header/checksum.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./header/ip-protocol.ts";
import { IPV4_LENGTH_MAX, setIpv4TotalLength } from "./header/ipv4.ts";
import { IPV6_HEADER, IPV6_PAYLOAD_LENGTH, IPV6_PAYLOAD_MAX } from "./header/ipv6.ts";
import { TCP_CHECKSUM, TCP_CWR, TCP_FLAGS, TCP_PSH, tcpHeaderLength } from "./header/tcp.ts";
import { UDP_CHECKSUM, UDP_LENGTH } from "./header/udp.ts";
import { isUpperChecksumRight, isUpperChecksumUnfinished } from "./inner-checksum.ts";
import { copyIpPacket, IpPacket, sumPseudoHeader } from "./ip-packet.ts";
import {
  clearVirtioNetHeader,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_ECN,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_UDP_L4,
  VIRTIO_NET_HEADER,
  VirtioNetHeader,
  writeVirtioNetHeader,
} from "./virtio-net-header.ts";

/** What the receiving side is able to do. */
export interface CoalesceLimits {
  /** Slices of a super-packet: at most 64 where UDP is merged, and 1024 (IOV_MAX) for writev(). */
  readonly slices: number;
  /** Largest packet of the tunnel device: what is longer was merged before it came here. */
  readonly mtu: number;
  /** Whether the TUN device takes UDP super-packets (Linux 6.2). */
  readonly mergeUdp: boolean;
  /** Adds up what lies in the view that packets are in; left out for `sumBytes`. */
  readonly sumBytes?: SumBytes;
}

/**
 * One run of packets being merged. `add` until it refuses, then `finish`, write the slices,
 * `clear`, and `add` the refused one again; `finish` too when nothing more is at hand, so that no
 * packet waits.
 */
export class Coalescer {
  /** Offset and length of each slice; valid up to `count` after `finish`. */
  readonly sliceAt: Uint32Array;
  readonly sliceLength: Uint32Array;
  /** Packets in the run, and so slices. */
  count = 0;

  readonly #limits: CoalesceLimits;
  readonly #sumBytes: SumBytes;
  readonly #first = new IpPacket();
  readonly #virtio = new VirtioNetHeader();
  /** More may follow. */
  #isOpen = false;
  #isUnfinished = false;
  /** Whether the first packet is known to be whole; found out only when a second one is there. */
  #isVerified = false;
  #hasPush = false;
  #payloadAt = 0;
  /** Payload of the first packet. */
  #size = 0;
  /** Payload of all. */
  #payload = 0;

  constructor(limits: CoalesceLimits) {
    this.#limits = limits;
    this.#sumBytes = limits.sumBytes ?? sumBytes;
    this.sliceAt = new Uint32Array(limits.slices);
    this.sliceLength = new Uint32Array(limits.slices);
  }

  /**
   * Takes `packet` into the run; false if it has to wait for the next one. There are 10 bytes of
   * headroom before it. `isTrusted` says that an outer checksum covered it and was right.
   */
  add(view: DataView, packet: IpPacket, isTrusted: boolean): boolean {
    if (this.count > 0) return this.#isOpen && this.#extend(view, packet, isTrusted);
    const payloadAt = mergeablePayloadAt(view, packet, this.#limits.mergeUdp);
    copyIpPacket(packet, this.#first);
    this.count = 1;
    this.#isUnfinished = isUpperChecksumUnfinished(view, packet);
    this.#isVerified = isTrusted;
    this.#payloadAt = payloadAt;
    this.#size = packet.end - payloadAt;
    this.#payload = this.#size;
    this.#hasPush = hasPush(view, packet);
    this.#isOpen = payloadAt > 0 && !this.#isUnfinished && !this.#hasPush;
    return true;
  }

  #extend(view: DataView, packet: IpPacket, isTrusted: boolean): boolean {
    const payloadAt = mergeablePayloadAt(view, packet, this.#limits.mergeUdp);
    const size = packet.end - payloadAt;
    if (payloadAt === 0 || size > this.#size || !this.#hasRoom(size)) return false;
    const first = this.#first;
    if (
      !isSameFlow(view, first, packet.at, packet.upperAt) ||
      !continuesIdentification(view, first, packet.at, this.count) ||
      !(
        first.protocol === PROTOCOL_UDP || continuesTcp(view, first, packet.upperAt, this.#payload)
      ) ||
      !this.#areWhole(view, packet, isTrusted)
    ) {
      return false;
    }
    this.#append(payloadAt, size, hasPush(view, packet));
    return true;
  }

  /**
   * Takes the packet of `length` bytes at `at` if only what changes from one segment of TCP to the
   * next tells it from the first of the run; the `before` bytes before each are compared too, so that
   * what was found there need not be looked for again. It is as trusted as that one must be. False
   * says nothing about the packet, but that it has to be read.
   */
  addRepeated(view: DataView, at: number, length: number, before: number): boolean {
    const first = this.#first;
    const headerLength = this.#payloadAt - first.at;
    const size = length - headerLength;
    if (
      this.count === 0 ||
      !(this.#isOpen && this.#isVerified && first.protocol === PROTOCOL_TCP) ||
      !(size > 0 && size <= this.#size && this.#hasRoom(size)) ||
      !repeatsTcp(view, first, this.count, this.#payload, at, length, before)
    ) {
      return false;
    }
    const flags = view.getUint8(at + first.upperAt - first.at + TCP_FLAGS);
    this.#append(at + headerLength, size, (flags & TCP_PSH) !== 0);
    return true;
  }

  #append(payloadAt: number, size: number, hasPush: boolean): void {
    this.sliceAt[this.count] = payloadAt;
    this.sliceLength[this.count] = size;
    this.count++;
    this.#payload += size;
    this.#hasPush = hasPush;
    this.#isOpen = size === this.#size && !hasPush;
  }

  #hasRoom(size: number): boolean {
    if (this.count === this.sliceAt.length) return false;
    const { at, family } = this.#first;
    const length = this.#payloadAt - at + this.#payload + size;
    return family === 4 ? length <= IPV4_LENGTH_MAX : length - IPV6_HEADER <= IPV6_PAYLOAD_MAX;
  }

  /** Finds out whether the first and the next packet may be merged without hiding damage. */
  #areWhole(view: DataView, packet: IpPacket, isTrusted: boolean): boolean {
    if (!this.#isVerified) {
      this.#isVerified = isUpperChecksumRight(view, this.#first, this.#sumBytes);
      this.#isOpen = this.#isVerified;
      if (!this.#isVerified) return false;
    }
    return isTrusted || isUpperChecksumRight(view, packet, this.#sumBytes);
  }

  /** Writes the headers of the super-packet in place, and the virtio header before them. */
  finish(view: DataView): void {
    const { at, end, upperAt, protocol } = this.#first;
    const virtio = this.#virtio;
    const isMerged = this.count > 1;
    clearVirtioNetHeader(virtio);
    if (isMerged || this.#isUnfinished) {
      virtio.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
      virtio.csumStart = upperAt - at;
      virtio.csumOffset = protocol === PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
    }
    if (isMerged) {
      this.#writeMergedHeaders(view);
      this.#setGso(this.#payloadAt - at, this.#size);
    } else if (this.#isUnfinished && end - at > this.#limits.mtu) {
      this.#setLongGso(view);
    }
    writeVirtioNetHeader(view, at - VIRTIO_NET_HEADER, virtio);
    this.sliceAt[0] = at - VIRTIO_NET_HEADER;
    this.sliceLength[0] = end - at + VIRTIO_NET_HEADER;
  }

  /** Begins a new run. */
  clear(): void {
    this.count = 0;
  }

  #setGso(headerLength: number, size: number): void {
    const { family, protocol } = this.#first;
    const tcp = family === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    this.#virtio.gsoType = protocol === PROTOCOL_TCP ? tcp : VIRTIO_NET_HDR_GSO_UDP_L4;
    this.#virtio.hdrLen = headerLength;
    this.#virtio.gsoSize = size;
  }

  /** Segments that were merged on their way here; how long they were is lost, so take what fits. */
  #setLongGso(view: DataView): void {
    const { at, end, upperAt, protocol } = this.#first;
    if (protocol !== PROTOCOL_TCP) return;
    const headerLength = upperAt - at + tcpHeaderLength(view, upperAt);
    const size = this.#limits.mtu - headerLength;
    if (size <= 0 || at + headerLength >= end) return;
    this.#setGso(headerLength, size);
    const isCongested = (view.getUint8(upperAt + TCP_FLAGS) & TCP_CWR) !== 0;
    if (isCongested) this.#virtio.gsoType |= VIRTIO_NET_HDR_GSO_ECN;
  }

  #writeMergedHeaders(view: DataView): void {
    const { at, family, upperAt, protocol } = this.#first;
    const end = this.#payloadAt + this.#payload;
    if (family === 4) setIpv4TotalLength(view, at, end - at);
    else view.setUint16(at + IPV6_PAYLOAD_LENGTH, end - at - IPV6_HEADER);
    const partial = sumPseudoHeader(view, this.#first, end - upperAt);
    if (protocol === PROTOCOL_TCP) {
      const flags = view.getUint8(upperAt + TCP_FLAGS);
      if (this.#hasPush) view.setUint8(upperAt + TCP_FLAGS, flags | TCP_PSH);
      view.setUint16(upperAt + TCP_CHECKSUM, partial);
    } else {
      view.setUint16(upperAt + UDP_LENGTH, end - upperAt);
      view.setUint16(upperAt + UDP_CHECKSUM, partial);
    }
  }
}

function hasPush(view: DataView, { protocol, upperAt, end }: IpPacket): boolean {
  if (protocol !== PROTOCOL_TCP || upperAt + TCP_FLAGS >= end) return false;
  return (view.getUint8(upperAt + TCP_FLAGS) & TCP_PSH) !== 0;
}
