/**
 * IP-in-IP on the way out. The kernel has no segmentation for raw sockets (a virtio header cannot
 * name it), so each segment is a message.
 */
import type { Family } from "../../../encap/address/ip-address.ts";
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import { hashFlow } from "../../../encap/flow-entropy.ts";
import { fragmentIpv4, fragmentIpv6 } from "../../../encap/fragment.ts";
import { IPV4_HEADER, Ipv4Header } from "../../../encap/header/ipv4.ts";
import { IPV6_HEADER, Ipv6Header } from "../../../encap/header/ipv6.ts";
import { IpPacket, readIpPacket } from "../../../encap/ip-packet.ts";
import { encapsulateIpipInIpv4, encapsulateIpipInIpv6 } from "../../../encap/ipip.ts";
import type { OuterChoice, OuterPolicy } from "../../../encap/outer-policy.ts";
import type { HeaderSpace, Segments } from "../../../encap/segment.ts";
import type { LivePlan } from "./live-plan.ts";
import type { PacketIo } from "./packet-io.ts";
import { type LaneOwner, SendLane } from "./send-lane.ts";
import type { Sender } from "./sender.ts";
import { REMOTE_ADDRESS, REMOTE_WORDS, type SharedEndpoint } from "./shared-plan.ts";

export class IpipSender implements Sender {
  policy!: OuterPolicy;
  mtu = 0;
  readonly #view: DataView;
  readonly #family: Family;
  readonly #counters: Float64Array;
  readonly #lane: SendLane;
  readonly #ipv4 = new Ipv4Header();
  readonly #ipv6 = new Ipv6Header();
  readonly #outerLength: number;
  readonly #outer = new IpPacket();
  #fragmentId = 0;
  #plan!: LivePlan;

  constructor(io: PacketIo, family: Family, counters: Float64Array, owner: LaneOwner) {
    this.#view = io.arena.view;
    this.#family = family;
    this.#counters = counters;
    this.#outerLength = family === 4 ? IPV4_HEADER : IPV6_HEADER;
    this.#lane = new SendLane(io, family, counters, owner);
  }

  /** Everything from now on goes by `plan`, in which `endpoint` has the number `index`. */
  adopt(plan: LivePlan, endpoint: SharedEndpoint, index: number): void {
    const { local, policy, mtu, sockets } = endpoint;
    this.#plan = plan;
    this.policy = policy;
    this.mtu = mtu;
    this.#ipv4.source = local[0];
    [this.#ipv6.source0, this.#ipv6.source1, this.#ipv6.source2, this.#ipv6.source3] = local;
    this.#lane.use(sockets.send[0] as number, 0, index);
  }

  add(packet: IpPacket, remote: number, choice: OuterChoice): void {
    this.#addressTo(packet, remote);
    this.#addMessage(packet, remote, choice, packet.at, packet.end - packet.at, 0, 0);
  }

  addSegments(
    packet: IpPacket,
    segments: Segments,
    stride: number,
    remote: number,
    choice: OuterChoice,
  ): void {
    this.#addressTo(packet, remote);
    const { headerLength, payloadSize } = segments;
    let headersAt = segments.headersAt;
    let payloadAt = segments.payloadAt;
    for (let left = segments.count; left > 0; left--) {
      const length = left === 1 ? segments.lastPayloadSize : payloadSize;
      this.#addMessage(packet, remote, choice, headersAt, headerLength, payloadAt, length);
      headersAt += stride;
      payloadAt += payloadSize;
    }
  }

  /** The kernel does not fragment what we write the header of, if its own link is the narrow one. */
  addFragmented(
    packet: IpPacket,
    remote: number,
    choice: OuterChoice,
    mtu: number,
    space: HeaderSpace,
    fragments: Segments,
  ): DropReason {
    const view = this.#view;
    const outerAt = packet.at - this.#outerLength;
    const length = packet.end - packet.at;
    choice.dontFragment = false;
    this.#addressTo(packet, remote);
    const refused = this.#writeHeader(packet.at, length, packet.family, choice);
    if (refused !== DropReason.None) return refused;
    const outer = this.#outer;
    readIpPacket(view, outerAt, length + this.#outerLength, outer);
    const outerMtu = mtu + this.#outerLength;
    this.#fragmentId = (this.#fragmentId + 1) | 0;
    const reason =
      this.#family === 4
        ? fragmentIpv4(view, outer, outerMtu, space, fragments)
        : fragmentIpv6(view, outer, outerMtu, this.#fragmentId, space, fragments);
    if (reason === DropReason.None) this.#addFragments(remote, fragments, space.stride, length);
    return reason;
  }

  #addFragments(remote: number, fragments: Segments, stride: number, innerLength: number): void {
    const { batch } = this.#lane;
    const { count, headersAt, headerLength, payloadAt, payloadSize, lastPayloadSize } = fragments;
    for (let index = 0; index < count; index++) {
      if (!batch.hasRoom(1, 2)) this.#lane.flush();
      const message = this.#lane.begin(this.#plan, remote);
      const isLast = index === count - 1;
      batch.addPiece(headersAt + index * stride, headerLength);
      batch.addPiece(payloadAt + index * payloadSize, isLast ? lastPayloadSize : payloadSize);
      if (isLast) this.#lane.account(message, 1, innerLength);
    }
  }

  flush(): void {
    if (this.#lane.batch.count > 0) this.#lane.flush();
  }

  #addressTo(packet: IpPacket, remote: number): void {
    const { remotes } = this.#plan;
    const at = remote * REMOTE_WORDS + REMOTE_ADDRESS;
    if (this.#family === 4) {
      this.#ipv4.destination = remotes[at] as number;
      return;
    }
    this.#ipv6.destination0 = remotes[at] as number;
    this.#ipv6.destination1 = remotes[at + 1] as number;
    this.#ipv6.destination2 = remotes[at + 2] as number;
    this.#ipv6.destination3 = remotes[at + 3] as number;
    this.#ipv6.flowLabel = hashFlow(this.#view, packet) >>> 12;
  }

  #addMessage(
    packet: IpPacket,
    remote: number,
    choice: OuterChoice,
    at: number,
    length: number,
    restAt: number,
    restLength: number,
  ): void {
    const { batch } = this.#lane;
    const innerLength = length + restLength;
    const reason = this.#writeHeader(at, innerLength, packet.family, choice);
    if (reason !== DropReason.None) {
      countDrop(this.#counters, reason);
      return;
    }
    if (!batch.hasRoom(1, 2)) this.#lane.flush();
    const message = this.#lane.begin(this.#plan, remote);
    batch.addPiece(at - this.#outerLength, length + this.#outerLength);
    if (restLength > 0) batch.addPiece(restAt, restLength);
    this.#lane.account(message, 1, innerLength);
  }

  #writeHeader(at: number, innerLength: number, inner: Family, choice: OuterChoice): DropReason {
    const view = this.#view;
    if (this.#family === 6) {
      return encapsulateIpipInIpv6(view, at, innerLength, inner, choice, this.#ipv6);
    }
    // Never zero, for which the kernel would look for a number of its own.
    this.#ipv4.identification = (this.#ipv4.identification % 0xffff) + 1;
    return encapsulateIpipInIpv4(view, at, innerLength, inner, choice, this.#ipv4);
  }
}
