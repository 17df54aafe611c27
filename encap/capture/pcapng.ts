/**
 * The newer capture file, pcapng (draft-ietf-opsawg-pcapng): blocks that each say what they are and
 * how long, both before and behind their body.
 *
 *   +---------------+---------------+----------------------- - -+---------------+
 *   | type          | total length  | body, padded to 4 bytes   | total length  |
 *   +---------------+---------------+----------------------- - -+---------------+
 *
 * A section header block sets the byte order; it is followed by the descriptions of the interfaces
 * of its section, which packets name by number. Files may be several sections, one after the other.
 */
import { CAPTURED_MAX, type CaptureDecoder, type CaptureStep } from "./captured-packet.ts";

/** The same in both byte orders. */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
/** Obsolete, and still met. */
const PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const VERSION_MAJOR = 1;

/** Type and length before the body. */
const BLOCK_HEADER = 8;
const BLOCK_MIN: number = BLOCK_HEADER + 4;
/** Longer ones are damaged: a packet with options is the longest that is known. */
const BLOCK_MAX = 16 * 1024 * 1024;
/** From the start of a block to the packet in it. */
const ENHANCED_HEADER: number = BLOCK_HEADER + 20;
const SIMPLE_HEADER: number = BLOCK_HEADER + 4;

const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;
const SECOND = 1_000_000_000n;

interface Interface {
  readonly linkType: number;
  readonly snapshotLength: number;
  /** Units of its times in a second. */
  readonly unitsPerSecond: bigint;
  /** Seconds to add to its times. */
  readonly offset: bigint;
}

/** True if a file that begins with the four bytes at `at` is a pcapng. */
export function isPcapng(view: DataView, at: number): boolean {
  return view.getUint32(at) === SECTION_HEADER;
}

export class PcapngDecoder implements CaptureDecoder {
  #isLittleEndian = true;
  #interfaces: Interface[] = [];

  step(view: DataView, at: number): CaptureStep {
    const there = view.byteLength - at;
    if (there < BLOCK_MIN) return { needed: BLOCK_MIN };
    if (isPcapng(view, at) && !this.#readByteOrder(view, at + BLOCK_HEADER)) {
      return { fault: "section header block without a byte-order magic" };
    }
    const little = this.#isLittleEndian;
    const length = view.getUint32(at + 4, little);
    const type = view.getUint32(at, little);
    if (length < BLOCK_MIN || length > BLOCK_MAX || (length & 3) !== 0) {
      return { fault: `block of type ${type} with the impossible length ${length}` };
    }
    if (length > there) return { needed: length };
    const end = at + length - 4;
    const again = view.getUint32(end, little);
    if (again !== length) {
      return { fault: `block of ${length} bytes that ends with the length ${again}` };
    }
    return this.#readBlock(view, type, at, end);
  }

  /** False if there is no magic number at `at`. */
  #readByteOrder(view: DataView, at: number): boolean {
    this.#isLittleEndian = view.getUint32(at, true) === BYTE_ORDER_MAGIC;
    return this.#isLittleEndian || view.getUint32(at) === BYTE_ORDER_MAGIC;
  }

  /** A block of which the body ends at `end`. */
  #readBlock(view: DataView, type: number, at: number, end: number): CaptureStep {
    switch (type) {
      case SECTION_HEADER:
        return this.#readSection(view, at, end);
      case INTERFACE_DESCRIPTION:
        return this.#readInterface(view, at, end);
      case ENHANCED_PACKET:
      case PACKET:
        return this.#readPacket(view, type, at, end);
      case SIMPLE_PACKET:
        return this.#readSimplePacket(view, at, end);
      default:
        return { next: end + 4 };
    }
  }

  #readSection(view: DataView, at: number, end: number): CaptureStep {
    const little = this.#isLittleEndian;
    if (end - at < BLOCK_HEADER + 16) return { fault: "section header block that is too short" };
    const major = view.getUint16(at + BLOCK_HEADER + 4, little);
    if (major !== VERSION_MAJOR) return { fault: `pcapng version ${major}, only 1 is known` };
    this.#interfaces = [];
    return { next: end + 4 };
  }

  #readInterface(view: DataView, at: number, end: number): CaptureStep {
    const little = this.#isLittleEndian;
    const body = at + BLOCK_HEADER;
    if (end - body < 8) return { fault: "interface description block that is too short" };
    let unitsPerSecond = 1_000_000n;
    let offset = 0n;
    for (let next = body + 8; next + 4 <= end; ) {
      const code = view.getUint16(next, little);
      const length = view.getUint16(next + 2, little);
      const valueAt = next + 4;
      if (code === OPTION_END || valueAt + length > end) break;
      if (code === OPTION_TIME_RESOLUTION && length >= 1) {
        unitsPerSecond = unitsOf(view.getUint8(valueAt));
      } else if (code === OPTION_TIME_OFFSET && length >= 8) {
        offset = view.getBigInt64(valueAt, little);
      }
      next = valueAt + ((length + 3) & ~3);
    }
    const linkType = view.getUint16(body, little);
    const snapshotLength = view.getUint32(body + 4, little);
    this.#interfaces.push({ linkType, snapshotLength, unitsPerSecond, offset });
    return { next: end + 4 };
  }

  #readPacket(view: DataView, type: number, at: number, end: number): CaptureStep {
    const little = this.#isLittleEndian;
    const bytesAt = at + ENHANCED_HEADER;
    if (bytesAt > end) return { fault: "packet block that is too short" };
    const index =
      type === PACKET
        ? view.getUint16(at + BLOCK_HEADER, little)
        : view.getUint32(at + BLOCK_HEADER, little);
    const from = this.#interfaces[index];
    if (from === undefined)
      return { fault: `packet of interface ${index}, which nothing describes` };
    const captured = view.getUint32(at + BLOCK_HEADER + 12, little);
    const fault = lengthFault(captured, end - bytesAt);
    if (fault !== undefined) return { fault };
    const high = BigInt(view.getUint32(at + BLOCK_HEADER + 4, little));
    const low = BigInt(view.getUint32(at + BLOCK_HEADER + 8, little));
    const units = (high << 32n) | low;
    const packet = {
      time: (units * SECOND) / from.unitsPerSecond + from.offset * SECOND,
      linkType: from.linkType,
      bytes: bytesOf(view, bytesAt, captured),
      length: view.getUint32(at + BLOCK_HEADER + 16, little),
    };
    return { next: end + 4, packet };
  }

  /** Of the first interface, without a time; how much was captured follows from its snapshot length. */
  #readSimplePacket(view: DataView, at: number, end: number): CaptureStep {
    const bytesAt = at + SIMPLE_HEADER;
    if (bytesAt > end) return { fault: "packet block that is too short" };
    const [from] = this.#interfaces;
    if (from === undefined) return { fault: "packet of interface 0, which nothing describes" };
    const length = view.getUint32(at + BLOCK_HEADER, this.#isLittleEndian);
    const limit = from.snapshotLength === 0 ? length : from.snapshotLength;
    const captured = Math.min(length, limit, end - bytesAt);
    const fault = lengthFault(captured, end - bytesAt);
    if (fault !== undefined) return { fault };
    const bytes = bytesOf(view, bytesAt, captured);
    return { next: end + 4, packet: { time: undefined, linkType: from.linkType, bytes, length } };
  }
}

function lengthFault(captured: number, room: number): string | undefined {
  if (captured > CAPTURED_MAX) {
    return `packet of ${captured} bytes, but ${CAPTURED_MAX} are the most`;
  }
  return captured > room ? `packet of ${captured} bytes in a block for ${room}` : undefined;
}

/** Of `if_tsresol`: a power of 10, or of 2 if the highest bit is set. */
function unitsOf(resolution: number): bigint {
  return (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
