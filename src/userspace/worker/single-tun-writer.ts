/**
 * To a TUN device without offloads: every packet by itself, its checksums finished. What the kernel
 * merged before it reached a raw socket is cut up again.
 */
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import type { SumBytes } from "../../../encap/header/checksum.ts";
import { PROTOCOL_TCP } from "../../../encap/header/ip-protocol.ts";
import { TCP_CHECKSUM, tcpHeaderLength } from "../../../encap/header/tcp.ts";
import { UDP_CHECKSUM } from "../../../encap/header/udp.ts";
import { isUpperChecksumUnfinished } from "../../../encap/inner-checksum.ts";
import type { IpPacket } from "../../../encap/ip-packet.ts";
import { type HeaderSpace, Segments, segment } from "../../../encap/segment.ts";
import {
  completeChecksum,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_NONE,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VirtioNetHeader,
} from "../../../encap/virtio-net-header.ts";
import type { Arena } from "../../native/arena.ts";
import type { TunDevice } from "./tun-device.ts";
import { type TunWriter, writeCounted } from "./tun-writer.ts";

export class SingleTunWriter implements TunWriter {
  readonly #view: DataView;
  readonly #sumBytes: SumBytes;
  readonly #tun: TunDevice;
  readonly #counters: Float64Array;
  #mtu = 0;
  readonly #space: HeaderSpace;
  readonly #segments = new Segments();
  readonly #virtio = new VirtioNetHeader();

  /** `space` is for this writer alone. */
  constructor(
    { view, sumBytes }: Arena,
    tun: TunDevice,
    counters: Float64Array,
    space: HeaderSpace,
  ) {
    this.#view = view;
    this.#sumBytes = sumBytes;
    this.#tun = tun;
    this.#counters = counters;
    this.#space = space;
  }

  setMtu(mtu: number): void {
    this.#mtu = mtu;
  }

  add(packet: IpPacket, _isTrusted: boolean): void {
    const length = packet.end - packet.at;
    if (isUpperChecksumUnfinished(this.#view, packet)) {
      this.#describe(packet, length);
      if (this.#virtio.gsoType !== VIRTIO_NET_HDR_GSO_NONE) {
        this.#addMerged(packet);
        return;
      }
      completeChecksum(this.#view, packet.at, length, this.#virtio, this.#sumBytes);
    }
    this.#tun.addPiece(packet.at, length);
    writeCounted(this.#tun, this.#counters, 1, length);
  }

  addRepeated(): boolean {
    return false;
  }

  flush(): void {}

  answer(at: number, length: number): void {
    this.#tun.addPiece(at, length);
    this.#tun.write();
  }

  /** Sets the virtio header that the packet would have if there were one. */
  #describe({ at, upperAt, protocol, family }: IpPacket, length: number): void {
    const virtio = this.#virtio;
    const isTcp = protocol === PROTOCOL_TCP;
    virtio.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    virtio.csumStart = upperAt - at;
    virtio.csumOffset = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    virtio.gsoType = VIRTIO_NET_HDR_GSO_NONE;
    if (!isTcp || length <= this.#mtu) return;
    virtio.gsoType = family === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    virtio.gsoSize = this.#mtu - (upperAt - at) - tcpHeaderLength(this.#view, upperAt);
  }

  #addMerged(packet: IpPacket): void {
    const segments = this.#segments;
    const space = this.#space;
    const sumOf = this.#sumBytes;
    const reason = segment(this.#view, packet, this.#virtio, space, true, segments, sumOf);
    if (reason !== DropReason.None) {
      countDrop(this.#counters, reason);
      return;
    }
    const { headerLength, payloadSize } = segments;
    for (let index = 0; index < segments.count; index++) {
      const length = index === segments.count - 1 ? segments.lastPayloadSize : payloadSize;
      this.#tun.addPiece(segments.headersAt + index * space.stride, headerLength);
      this.#tun.addPiece(segments.payloadAt + index * payloadSize, length);
      writeCounted(this.#tun, this.#counters, 1, headerLength + length);
    }
  }
}
