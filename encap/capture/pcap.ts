/**
 * The classic capture file, pcap (draft-ietf-opsawg-pcap). Numbers are in the byte order of whoever
 * wrote it, which the magic number shows, as it shows the unit of the fractions of a second.
 *
 *   file header                                     packet record
 *   +-------------------------------+               +-------------------------------+
 *   | magic: a1b2c3d4 us,           |               | seconds since the epoch       |
 *   |        a1b23c4d ns            |               +-------------------------------+
 *   +---------------+---------------+               | microseconds or nanoseconds   |
 *   | version: 2    | 4             |               +-------------------------------+
 *   +---------------+---------------+               | bytes captured                |
 *   | reserved, 8 bytes             |               +-------------------------------+
 *   +-------------------------------+               | bytes on the wire             |
 *   | snapshot length               |               +-------------------------------+
 *   +-------+-----------------------+               | the bytes captured ...        |
 *   | FCS   | LINKTYPE_ number      |
 *   +-------+-----------------------+
 */
import {
  CAPTURED_MAX,
  type CaptureDecoder,
  type CapturedPacket,
  type CaptureStep,
} from "./captured-packet.ts";

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
export const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const SNAPSHOT_LENGTH = 262_144;
const SECOND = 1_000_000_000n;

/** True if a file that begins with the four bytes at `at` is a pcap. */
export function isPcap(view: DataView, at: number): boolean {
  return [true, false].some((little) => {
    const magic = view.getUint32(at, little);
    return magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS;
  });
}

export class PcapDecoder implements CaptureDecoder {
  #isLittleEndian = true;
  /** Nanoseconds in the unit of the fractions. */
  #unit = 1n;
  /** Undefined until the file header has been read. */
  #linkType: number | undefined;

  step(view: DataView, at: number): CaptureStep {
    const there = view.byteLength - at;
    if (this.#linkType === undefined) {
      return there < PCAP_HEADER ? { needed: PCAP_HEADER } : this.#readHeader(view, at);
    }
    if (there < RECORD_HEADER) return { needed: RECORD_HEADER };
    const little = this.#isLittleEndian;
    const captured = view.getUint32(at + 8, little);
    if (captured > CAPTURED_MAX) {
      return { fault: `packet record of ${captured} bytes, but ${CAPTURED_MAX} are the most` };
    }
    const next = at + RECORD_HEADER + captured;
    if (next > view.byteLength) return { needed: RECORD_HEADER + captured };
    const seconds = BigInt(view.getUint32(at, little));
    const fraction = BigInt(view.getUint32(at + 4, little));
    const packet: CapturedPacket = {
      time: seconds * SECOND + fraction * this.#unit,
      linkType: this.#linkType,
      bytes: bytesOf(view, at + RECORD_HEADER, captured),
      length: view.getUint32(at + 12, little),
    };
    return { next, packet };
  }

  #readHeader(view: DataView, at: number): CaptureStep {
    const magic = view.getUint32(at);
    this.#isLittleEndian = magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS;
    const little = this.#isLittleEndian;
    this.#unit = view.getUint32(at, little) === MAGIC_NANOSECONDS ? 1n : 1_000n;
    const major = view.getUint16(at + 4, little);
    if (major !== VERSION_MAJOR) return { fault: `pcap version ${major}, only 2 is known` };
    this.#linkType = view.getUint32(at + 20, little) & 0xffff;
    return { next: at + PCAP_HEADER };
  }
}

/** The header of a file with nanoseconds, in the byte order of the network. */
export function encodePcapHeader(linkType: number): Uint8Array {
  const bytes = new Uint8Array(PCAP_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_NANOSECONDS);
  view.setUint16(4, VERSION_MAJOR);
  view.setUint16(6, VERSION_MINOR);
  view.setUint32(16, SNAPSHOT_LENGTH);
  view.setUint32(20, linkType);
  return bytes;
}

/**
 * The record of a packet behind such a header. A time that is not known becomes 0, one from 2106 on
 * loses its highest bits.
 */
export function encodePcapRecord({ time = 0n, bytes, length }: CapturedPacket): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER + bytes.length);
  const view = new DataView(record.buffer);
  view.setUint32(0, Number(BigInt.asUintN(32, time / SECOND)));
  view.setUint32(4, Number(time % SECOND));
  view.setUint32(8, bytes.length);
  view.setUint32(12, length);
  record.set(bytes, RECORD_HEADER);
  return record;
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
