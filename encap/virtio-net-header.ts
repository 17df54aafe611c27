/**
 * The header that a TUN device with IFF_VNET_HDR puts before each packet, in both directions
 * (struct virtio_net_hdr of include/uapi/linux/virtio_net.h, virtio 1.2 section 5.1.6).
 *
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |     flags     |   gso_type    |            hdr_len            |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |           gso_size            |           csum_start          |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |          csum_offset          |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The numbers are in the host's byte order. With NEEDS_CSUM the checksum at csum_start +
 * csum_offset is unfinished: the field holds the sum of the pseudo-header, and everything from
 * csum_start on is still to be added.
 */
import { DropReason } from "./drop-reason.ts";
import { finishChecksum, finishUdpChecksum, type SumBytes, sumBytes } from "./header/checksum.ts";
import { UDP_CHECKSUM } from "./header/udp.ts";

/** The `littleEndian` argument of DataView methods that means: as the kernel has it. */
const HOST_ORDER = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const FLAGS = 0;
const GSO_TYPE = 1;
const HDR_LEN = 2;
const GSO_SIZE = 4;
const CSUM_START = 6;
const CSUM_OFFSET = 8;
export const VIRTIO_NET_HEADER: number = CSUM_OFFSET + 2;

export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;

export const VIRTIO_NET_HDR_GSO_NONE = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4;
export const VIRTIO_NET_HDR_GSO_UDP_L4 = 5;
/** Added to a TCP type: the first segment carries CWR. */
export const VIRTIO_NET_HDR_GSO_ECN = 0x80;

/** The fields of one header. One object is used for many packets. */
export class VirtioNetHeader {
  flags = 0;
  gsoType = 0;
  /** Length of all headers of the packet; a hint that nothing here relies on. */
  hdrLen = 0;
  /** Payload of each segment but the last, in bytes. */
  gsoSize = 0;
  /** From the start of the packet. */
  csumStart = 0;
  csumOffset = 0;
}

export function readVirtioNetHeader(view: DataView, at: number, header: VirtioNetHeader): void {
  header.flags = view.getUint8(at + FLAGS);
  header.gsoType = view.getUint8(at + GSO_TYPE);
  header.hdrLen = view.getUint16(at + HDR_LEN, HOST_ORDER);
  header.gsoSize = view.getUint16(at + GSO_SIZE, HOST_ORDER);
  header.csumStart = view.getUint16(at + CSUM_START, HOST_ORDER);
  header.csumOffset = view.getUint16(at + CSUM_OFFSET, HOST_ORDER);
}

/** Writes all 10 bytes. */
export function writeVirtioNetHeader(view: DataView, at: number, header: VirtioNetHeader): void {
  view.setUint8(at + FLAGS, header.flags);
  view.setUint8(at + GSO_TYPE, header.gsoType);
  view.setUint16(at + HDR_LEN, header.hdrLen, HOST_ORDER);
  view.setUint16(at + GSO_SIZE, header.gsoSize, HOST_ORDER);
  view.setUint16(at + CSUM_START, header.csumStart, HOST_ORDER);
  view.setUint16(at + CSUM_OFFSET, header.csumOffset, HOST_ORDER);
}

/** Makes `header` the one of a packet with nothing left to do. */
export function clearVirtioNetHeader(header: VirtioNetHeader): void {
  header.flags = 0;
  header.gsoType = VIRTIO_NET_HDR_GSO_NONE;
  header.hdrLen = 0;
  header.gsoSize = 0;
  header.csumStart = 0;
  header.csumOffset = 0;
}

/**
 * Finishes the checksum of a packet of `length` bytes at `at` that is not to be segmented, as far
 * as its header says that it needs that.
 */
export function completeChecksum(
  view: DataView,
  at: number,
  length: number,
  header: VirtioNetHeader,
  sumOf: SumBytes = sumBytes,
): DropReason {
  if ((header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) === 0) return DropReason.None;
  const { csumStart, csumOffset } = header;
  const field = at + csumStart + csumOffset;
  if (csumStart + csumOffset + 2 > length) return DropReason.BadOffload;
  const sum = sumOf(view, at + csumStart, length - csumStart);
  // UDP is told by the place of its checksum: no other protocol has it there.
  const isUdp = csumOffset === UDP_CHECKSUM;
  view.setUint16(field, isUdp ? finishUdpChecksum(sum) : finishChecksum(sum));
  return DropReason.None;
}
