/**
 * One packet whose fragments are being collected, in memory of its own:
 *
 *   | room | headers | payload, each fragment at its offset |
 *    \____ 256 ____/  \_____________ 65,536 _______________/
 */
import { DropReason } from "./drop-reason.ts";
import { ECN_CE, ECN_NOT_ECT } from "./ecn.ts";
import { FRAGMENT_KEY_WORDS, type FragmentFields } from "./fragment-fields.ts";
import { finishChecksum, sumHeader } from "./header/checksum.ts";
import {
  IPV4_CHECKSUM,
  IPV4_DONT_FRAGMENT,
  IPV4_FRAGMENT,
  IPV4_LENGTH_MAX,
  IPV4_TOTAL_LENGTH,
  IPV4_TRAFFIC_CLASS,
} from "./header/ipv4.ts";
import {
  IPV6_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_PAYLOAD_MAX,
  ipv6TrafficClass,
  setIpv6TrafficClass,
} from "./header/ipv6.ts";

/**
 * An IPv4 header with options, or an IPv6 header with what may stand before the fragment header.
 */
export const HEADERS_MAX = 256;
const PAYLOAD_MAX = 0x10000;
export const SLOT_BYTES: number = HEADERS_MAX + PAYLOAD_MAX;

export class ReassemblySlot {
  readonly #view: DataView;
  readonly #payloadAt: number;
  readonly #key = new Uint32Array(FRAGMENT_KEY_WORDS);
  /** One bit for each 8 bytes of payload that have come, and for each at which a fragment began. */
  readonly #blocks = new Uint32Array(PAYLOAD_MAX / 8 / 32);
  readonly #starts = new Uint32Array(PAYLOAD_MAX / 8 / 32);
  #headersLength = 0;
  /** Length of the payload; -1 until the last fragment has come. */
  #length = -1;
  /** Where the payload that has come ends. */
  #reach = 0;
  /** One bit for each ECN value among the fragments. */
  #ecnSeen = 0;
  #firstEcn = 0;
  isInUse = false;
  /** A fragment overlapped: whatever else comes of this packet is refused. */
  isSpoilt = false;
  /** Bytes of payload that have come. */
  received = 0;
  /** When what has come is given up, in milliseconds. */
  deadline = 0;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#payloadAt = at + HEADERS_MAX;
  }

  /** Where the packet begins, once it is complete. */
  get packetAt(): number {
    return this.#payloadAt - this.#headersLength;
  }

  get packetLength(): number {
    return this.#headersLength + this.#length;
  }

  get isComplete(): boolean {
    return this.#headersLength > 0 && this.received === this.#length;
  }

  take({ key }: FragmentFields, deadline: number): void {
    this.#key.set(key);
    this.#blocks.fill(0);
    this.#starts.fill(0);
    this.#headersLength = 0;
    this.#length = -1;
    this.#reach = 0;
    this.#ecnSeen = 0;
    this.isInUse = true;
    this.isSpoilt = false;
    this.received = 0;
    this.deadline = deadline;
  }

  isFor({ key }: FragmentFields): boolean {
    for (let at = 0; at < FRAGMENT_KEY_WORDS; at++) if (this.#key[at] !== key[at]) return false;
    return true;
  }

  /** Puts one fragment in its place. One that has come before, byte for byte, changes nothing. */
  put(view: DataView, fragment: FragmentFields): DropReason {
    const { offset, size, isLast } = fragment;
    if (this.isSpoilt) return DropReason.FragmentOverlap;
    if (this.#isRepeated(view, fragment)) return DropReason.None;
    const end = offset + size;
    const isBeyondEnd = this.#length >= 0 && (isLast || end > this.#length);
    if (isBeyondEnd || (isLast && this.#reach > end) || this.#hasAnyOf(offset, end)) {
      this.isSpoilt = true;
      return DropReason.FragmentOverlap;
    }
    if (isLast) this.#length = end;
    this.#reach = Math.max(this.#reach, end);
    this.received += size;
    this.#ecnSeen |= 1 << fragment.ecn;
    this.#mark(offset, end);
    copyBytes(view, fragment.payloadAt, this.#view, this.#payloadAt + offset, size);
    if (offset === 0) this.#putHeaders(view, fragment);
    return DropReason.None;
  }

  /** Mends the headers of a complete packet for what it is now. */
  finish(): DropReason {
    const ecn = this.#mergedEcn();
    if (ecn < 0) return DropReason.FragmentMalformed;
    const at = this.packetAt;
    const isIpv4 = this.#view.getUint8(at) >>> 4 === 4;
    const length = isIpv4 ? this.packetLength : this.packetLength - IPV6_HEADER;
    if (length > (isIpv4 ? IPV4_LENGTH_MAX : IPV6_PAYLOAD_MAX)) return DropReason.FragmentMalformed;
    if (isIpv4) this.#finishIpv4(at, length, ecn);
    else this.#finishIpv6(at, length, ecn);
    return DropReason.None;
  }

  #finishIpv4(at: number, totalLength: number, ecn: number): void {
    const view = this.#view;
    const trafficClass = view.getUint8(at + IPV4_TRAFFIC_CLASS);
    view.setUint8(at + IPV4_TRAFFIC_CLASS, (trafficClass & 0xfc) | ecn);
    view.setUint16(at + IPV4_TOTAL_LENGTH, totalLength);
    view.setUint16(at + IPV4_FRAGMENT, view.getUint16(at + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT);
    view.setUint16(at + IPV4_CHECKSUM, 0);
    const sum = sumHeader(view, at, this.#headersLength);
    view.setUint16(at + IPV4_CHECKSUM, finishChecksum(sum));
  }

  #finishIpv6(at: number, payloadLength: number, ecn: number): void {
    this.#view.setUint16(at + IPV6_PAYLOAD_LENGTH, payloadLength);
    setIpv6TrafficClass(this.#view, at, (ipv6TrafficClass(this.#view, at) & 0xfc) | ecn);
  }

  /**
   * A mark on one fragment is a mark on the whole (RFC 3168 section 5.3); -1 if they contradict.
   */
  #mergedEcn(): number {
    const seen = this.#ecnSeen;
    if (seen === 1 << ECN_NOT_ECT) return ECN_NOT_ECT;
    if ((seen & (1 << ECN_NOT_ECT)) !== 0) return -1;
    return (seen & (1 << ECN_CE)) !== 0 ? ECN_CE : this.#firstEcn;
  }

  #putHeaders(view: DataView, fragment: FragmentFields): void {
    const { family, headersAt, headersLength } = fragment;
    this.#headersLength = headersLength;
    this.#firstEcn = fragment.ecn;
    copyBytes(view, headersAt, this.#view, this.packetAt, headersLength);
    if (family === 6)
      this.#view.setUint8(this.packetAt + fragment.nextHeaderAt, fragment.nextHeader);
  }

  /** True for a fragment with the same bounds and bytes as one before. */
  #isRepeated(view: DataView, { offset, size, isLast, payloadAt }: FragmentFields): boolean {
    const end = offset + size;
    const from = offset >> 3;
    const to = (end + 7) >> 3;
    const endsSomewhere = end === this.#length || !hasBit(this.#blocks, to);
    if (isLast !== (end === this.#length) || !hasBit(this.#starts, from)) return false;
    if (!endsSomewhere && !hasBit(this.#starts, to)) return false;
    for (let block = from; block < to; block++) {
      if (!hasBit(this.#blocks, block) || (block > from && hasBit(this.#starts, block)))
        return false;
    }
    for (let byte = 0; byte < size; byte++) {
      const mine = this.#view.getUint8(this.#payloadAt + offset + byte);
      if (mine !== view.getUint8(payloadAt + byte)) return false;
    }
    return true;
  }

  #hasAnyOf(offset: number, end: number): boolean {
    for (let block = offset >> 3; block < (end + 7) >> 3; block++) {
      if (hasBit(this.#blocks, block)) return true;
    }
    return false;
  }

  #mark(offset: number, end: number): void {
    setBit(this.#starts, offset >> 3);
    for (let block = offset >> 3; block < (end + 7) >> 3; block++) setBit(this.#blocks, block);
  }
}

function hasBit(bits: Uint32Array, at: number): boolean {
  return ((bits[at >> 5] as number) & (1 << (at & 31))) !== 0;
}

function setBit(bits: Uint32Array, at: number): void {
  bits[at >> 5] = (bits[at >> 5] as number) | (1 << (at & 31));
}

function copyBytes(from: DataView, at: number, to: DataView, toAt: number, length: number): void {
  for (let byte = 0; byte < length; byte++) to.setUint8(toAt + byte, from.getUint8(at + byte));
}
