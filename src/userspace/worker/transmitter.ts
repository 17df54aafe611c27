/**
 * From the TUN device to the sockets: reads what is there, up to a limit, finds the remote of each
 * packet, has it encapsulated by the sender of its endpoint, and sends everything.
 */
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import { fragmentIpv4 } from "../../../encap/fragment.ts";
import type { SumBytes } from "../../../encap/header/checksum.ts";
import { IcmpError } from "../../../encap/icmp-error.ts";
import { IpPacket, readIpPacket } from "../../../encap/ip-packet.ts";
import { chooseOuter, OuterChoice } from "../../../encap/outer-policy.ts";
import { Fit, fitInner } from "../../../encap/path-mtu.ts";
import { NO_REMOTE } from "../../../encap/prefix-columns.ts";
import { type HeaderSpace, Segments, segment } from "../../../encap/segment.ts";
import {
  completeChecksum,
  readVirtioNetHeader,
  VIRTIO_NET_HDR_GSO_NONE,
  VIRTIO_NET_HDR_GSO_UDP_L4,
  VirtioNetHeader,
} from "../../../encap/virtio-net-header.ts";
import type { Arena } from "../../native/arena.ts";
import type { InnerAnswers } from "./inner-answers.ts";
import type { LivePlan } from "./live-plan.ts";
import type { PathMtus } from "./path-mtus.ts";
import type { Sender } from "./sender.ts";
import type { TunDevice } from "./tun-device.ts";

/** Packets of one step: after that it is the other direction's turn. */
const READS = 64;
/** Room before each packet, for the longest outer headers. */
const HEADROOM = 64;
const PACKET_MAX = 65_535;
/** Packets lie end to end at multiples of this. */
const STEP = 64;
/** Memory for the packets of one step: sixteen of full length. */
const PACKETS: number = 16 * (HEADROOM + PACKET_MAX + STEP);

/** Header blocks of segments: room for outer headers, then IP and TCP with options. */
export const BLOCK = 192;
export const BLOCK_ROOM = 64;
/** A super-packet cut at the least MSS that Linux accepts (48) has fewer segments. */
export const BLOCKS = 1536;
/** Fragments of a packet that fits any IPv6 link, on any IPv4 link, are fewer. */
const FRAGMENTS = 32;

export class Transmitter {
  readonly #view: DataView;
  readonly #sumBytes: SumBytes;
  readonly #tun: TunDevice;
  readonly #counters: Float64Array;
  readonly #pathMtus: PathMtus;
  readonly #answers: InnerAnswers;
  readonly #start: number;
  readonly #blocks: HeaderSpace;
  readonly #firstBlock: number;
  readonly #packet = new IpPacket();
  readonly #virtio = new VirtioNetHeader();
  readonly #choice = new OuterChoice();
  readonly #segments = new Segments();
  #plan!: LivePlan;
  /** By index of the endpoint. */
  #senders: readonly Sender[] = [];

  constructor(
    arena: Arena,
    tun: TunDevice,
    counters: Float64Array,
    pathMtus: PathMtus,
    answers: InnerAnswers,
  ) {
    this.#view = arena.view;
    this.#sumBytes = arena.sumBytes;
    this.#tun = tun;
    this.#counters = counters;
    this.#pathMtus = pathMtus;
    this.#answers = answers;
    this.#start = arena.reserve(PACKETS);
    this.#firstBlock = arena.reserve(BLOCKS * BLOCK);
    this.#blocks = { at: this.#firstBlock, stride: BLOCK, room: BLOCK_ROOM, capacity: BLOCKS };
  }

  adopt(plan: LivePlan, senders: readonly Sender[]): void {
    this.#plan = plan;
    this.#senders = senders;
  }

  /** Sends what the device has, up to a limit. */
  step(): void {
    const end = this.#start + PACKETS - PACKET_MAX;
    let at = this.#start + HEADROOM;
    for (let reads = 0; reads < READS && at <= end; reads++) {
      const length = this.#tun.read(at, PACKET_MAX);
      if (length < 0) break;
      const reason = this.#transmit(at, length);
      if (reason !== DropReason.None) countDrop(this.#counters, reason);
      at = ((at + length + STEP - 1) & -STEP) + HEADROOM;
    }
    this.#flush();
  }

  #transmit(at: number, length: number): DropReason {
    const view = this.#view;
    const packet = this.#packet;
    if (this.#tun.abilities.offloads) {
      readVirtioNetHeader(view, at - this.#tun.headerLength, this.#virtio);
    }
    const refused = readIpPacket(view, at, length, packet);
    if (refused !== DropReason.None) return refused;
    const remote = this.#plan.table.lookup(view, packet);
    if (remote === NO_REMOTE) return DropReason.NoRemote;
    const sender = this.#senders[this.#plan.endpointOf(remote)];
    if (sender === undefined) return DropReason.SendFailed;
    chooseOuter(sender.policy, packet, this.#choice);
    const mtu = this.#pathMtus.mtuOf(remote, sender.mtu);
    if (this.#virtio.gsoType !== VIRTIO_NET_HDR_GSO_NONE) {
      return this.#transmitSegments(packet, remote, sender, mtu);
    }
    const reason = completeChecksum(view, at, length, this.#virtio, this.#sumBytes);
    if (reason !== DropReason.None) return reason;
    if (packet.end - at > mtu) return this.#transmitLong(packet, remote, sender, mtu);
    sender.add(packet, remote, this.#choice);
    return DropReason.None;
  }

  /** A super-packet of TCP is cut to what the path carries, whatever size its sender had in mind. */
  #transmitSegments(packet: IpPacket, remote: number, sender: Sender, mtu: number): DropReason {
    const reason = this.#segment(packet);
    if (reason !== DropReason.None) return reason;
    const { headerLength, payloadSize } = this.#segments;
    if (headerLength + payloadSize <= mtu) return this.#addSegments(packet, remote, sender);
    if (this.#virtio.gsoType !== VIRTIO_NET_HDR_GSO_UDP_L4 && headerLength < mtu) {
      this.#virtio.gsoSize = mtu - headerLength;
      return this.#transmitSegments(packet, remote, sender, mtu);
    }
    this.#answers.tell(packet, IcmpError.TooBig, mtu);
    return DropReason.TooBig;
  }

  #segment(packet: IpPacket): DropReason {
    const reason = this.#cut(packet);
    if (reason !== DropReason.TooManySegments || this.#blocks.at === this.#firstBlock) {
      return reason;
    }
    this.#flush();
    return this.#cut(packet);
  }

  #cut(packet: IpPacket): DropReason {
    const segments = this.#segments;
    return segment(this.#view, packet, this.#virtio, this.#blocks, true, segments, this.#sumBytes);
  }

  #transmitLong(packet: IpPacket, remote: number, sender: Sender, mtu: number): DropReason {
    switch (fitInner(packet, packet.end - packet.at, mtu)) {
      case Fit.FragmentInner: {
        const reason = this.#fragment(packet, mtu);
        return reason === DropReason.None ? this.#addSegments(packet, remote, sender) : reason;
      }
      case Fit.FragmentOuter: {
        const segments = this.#segments;
        if (this.#blocks.capacity < FRAGMENTS) this.#flush();
        const choice = this.#choice;
        const reason = sender.addFragmented(packet, remote, choice, mtu, this.#blocks, segments);
        if (reason === DropReason.None) this.#useBlocks(segments.count);
        return reason;
      }
      default:
        this.#answers.tell(packet, IcmpError.TooBig, mtu);
        return DropReason.TooBig;
    }
  }

  #fragment(packet: IpPacket, mtu: number): DropReason {
    const reason = fragmentIpv4(this.#view, packet, mtu, this.#blocks, this.#segments);
    if (reason !== DropReason.TooManySegments || this.#blocks.at === this.#firstBlock) {
      return reason;
    }
    this.#flush();
    return fragmentIpv4(this.#view, packet, mtu, this.#blocks, this.#segments);
  }

  #addSegments(packet: IpPacket, remote: number, sender: Sender): DropReason {
    sender.addSegments(packet, this.#segments, BLOCK, remote, this.#choice);
    this.#useBlocks(this.#segments.count);
    return DropReason.None;
  }

  #useBlocks(count: number): void {
    this.#blocks.at += count * BLOCK;
    this.#blocks.capacity -= count;
  }

  #flush(): void {
    for (const sender of this.#senders) sender.flush();
    this.#blocks.at = this.#firstBlock;
    this.#blocks.capacity = BLOCKS;
  }
}
