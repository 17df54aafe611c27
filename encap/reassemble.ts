/**
 * Reassembly of IPv4 fragments (RFC 791 section 3.2) and IPv6 fragments (RFC 8200 section 4.5). All
 * memory is taken at the start: a slot for each packet that may be incomplete at once, with room
 * for the longest. What finds no slot, takes too long, or overlaps (RFC 5722: nothing honest does)
 * is dropped, for IPv4 too.
 */
import { DropReason } from "./drop-reason.ts";
import { FragmentFields, readFragmentFields } from "./fragment-fields.ts";
import { IPV6_PAYLOAD_MAX } from "./header/ipv6.ts";
import { IpPacket, readIpPacket } from "./ip-packet.ts";
import { HEADERS_MAX, ReassemblySlot, SLOT_BYTES } from "./reassembly-slot.ts";

export interface ReassemblyLimits {
  /** Incomplete packets at once; each takes 66 KB of address space. */
  readonly packets: number;
  /** Bytes of payload in all of them. */
  readonly bytes: number;
  /**
   * Milliseconds from the first fragment to the last; Linux has 30 s for IPv4 and 60 s for IPv6.
   */
  readonly lifetime: number;
}

export const DEFAULT_REASSEMBLY_LIMITS: ReassemblyLimits = {
  packets: 64,
  bytes: 4 << 20,
  lifetime: 30_000,
};

export class Reassembler {
  /** Memory that `packet` is in. */
  readonly view: DataView;
  /** The packet that the last `add` made whole; it stays in place until the next call. */
  readonly packet: IpPacket = new IpPacket();
  isComplete = false;
  /** Packets given up because fragments did not come. */
  timedOut = 0;

  readonly #limits: ReassemblyLimits;
  readonly #slots: ReassemblySlot[];
  readonly #fields = new FragmentFields();
  /** Payload in all slots. */
  #bytes = 0;

  constructor(limits: ReassemblyLimits = DEFAULT_REASSEMBLY_LIMITS) {
    this.#limits = limits;
    this.view = new DataView(new ArrayBuffer(limits.packets * SLOT_BYTES));
    this.#slots = [...Array(limits.packets).keys()].map(
      (index) => new ReassemblySlot(this.view, index * SLOT_BYTES),
    );
  }

  /**
   * Takes a fragment: `packet` of `view`, received at `now`, in milliseconds. Afterwards
   * `isComplete` says whether a packet has become whole.
   */
  add(view: DataView, packet: IpPacket, now: number): DropReason {
    this.isComplete = false;
    const fields = this.#fields;
    if (!packet.isFragment) return DropReason.FragmentMalformed;
    readFragmentFields(view, packet, fields);
    const { offset, size, isLast, headersLength } = fields;
    const isUneven = !isLast && (size & 7) !== 0;
    const isTooLong = offset + size > IPV6_PAYLOAD_MAX || headersLength > HEADERS_MAX;
    if (size === 0 || isUneven || isTooLong) return DropReason.FragmentMalformed;
    this.expire(now);
    const slot = this.#slotFor(fields, now);
    if (slot === undefined || this.#bytes + size > this.#limits.bytes) {
      return DropReason.FragmentLimit;
    }
    const before = slot.received;
    const reason = slot.put(view, fields);
    this.#bytes += slot.received - before;
    if (reason !== DropReason.None || !slot.isComplete) return reason;
    this.#release(slot);
    return this.#finish(slot);
  }

  /** Gives up what has waited too long by `now`. */
  expire(now: number): void {
    for (const slot of this.#slots) {
      if (!slot.isInUse || now < slot.deadline) continue;
      this.#release(slot);
      this.timedOut++;
    }
  }

  /** What it has received stays in memory until the slot is taken again. */
  #release(slot: ReassemblySlot): void {
    slot.isInUse = false;
    this.#bytes -= slot.received;
  }

  #finish(slot: ReassemblySlot): DropReason {
    const reason =
      slot.finish() || readIpPacket(this.view, slot.packetAt, slot.packetLength, this.packet);
    this.isComplete = reason === DropReason.None;
    return reason;
  }

  /**
   * The slot of the packet that the fragment belongs to, or a free one; undefined if there is none.
   */
  #slotFor(fields: FragmentFields, now: number): ReassemblySlot | undefined {
    // First and last in one (RFC 6946) goes by itself, whatever else has its identification.
    const isAtomic = fields.offset === 0 && fields.isLast;
    let free: ReassemblySlot | undefined;
    for (const slot of this.#slots) {
      if (!slot.isInUse) free ??= slot;
      else if (!isAtomic && slot.isFor(fields)) return slot;
    }
    free?.take(fields, now + this.#limits.lifetime);
    return free;
  }
}
