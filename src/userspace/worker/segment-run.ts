/**
 * Packets to one remote of one size become one message, which the kernel cuts into datagrams again
 * (UDP_SEGMENT): one way through its stack instead of one for each.
 *
 * A run ends with another remote, another outer header, a longer packet, or a shorter one, which may
 * still be its last.
 */

import type { OuterChoice } from "../../../encap/outer-policy.ts";
import type { Segments } from "../../../encap/segment.ts";
import { VXLAN_HEADERS, vxlanTtl } from "../../../encap/vxlan.ts";
import type { LivePlan } from "./live-plan.ts";
import type { PacketIo } from "./packet-io.ts";
import { type LaneOwner, SendLane } from "./send-lane.ts";
import type { SharedEndpoint } from "./shared-plan.ts";

/** UDP_MAX_SEGMENTS of kernels before 6.9; later ones take 128. */
const SEGMENTS_MAX = 64;
/** A message with its headers is an IP packet to the kernel, of at most 65535 bytes. */
const BYTES_MAX = 65_400;
/** Leaves out a control message. */
const DEFAULT = -1;

export class SegmentRun {
  readonly #lane: SendLane;
  #plan!: LivePlan;
  #isAble = false;
  #inheritsTtl = false;
  #defaultTrafficClass = 0;
  // The message that may get longer.
  #message = -1;
  #remote = -1;
  #trafficClass = 0;
  #ttl = 0;
  #size = 0;
  #segments = 0;
  #bytes = 0;

  constructor(io: PacketIo, family: 4 | 6, counters: Float64Array, owner: LaneOwner) {
    this.#lane = new SendLane(io, family, counters, {
      tooLong: (remote, at, length) => owner.tooLong(remote, at, length),
      cannotSegment: (endpoint) => {
        this.#isAble = false;
        owner.cannotSegment(endpoint);
      },
    });
  }

  /** Sends on `fd` from now on, for `endpoint` of the plan, whose number is `index`. */
  adopt(plan: LivePlan, fd: number, endpoint: SharedEndpoint, index: number): void {
    const { policy, port, sockets } = endpoint;
    this.#plan = plan;
    this.#isAble = sockets.canSegment;
    this.#inheritsTtl = policy.ttl === "inherit";
    this.#defaultTrafficClass = policy.dscp === "inherit" ? 0 : policy.dscp << 2;
    this.#lane.use(fd, port, index);
  }

  /** Adds a datagram of one piece, or of two if `restLength` is not 0. */
  add(
    remote: number,
    choice: OuterChoice,
    at: number,
    length: number,
    restAt: number,
    restLength: number,
  ): void {
    const { batch } = this.#lane;
    const size = length + restLength;
    this.#makeRoom(remote, choice, size);
    batch.addPiece(at, length);
    if (restLength > 0) batch.addPiece(restAt, restLength);
    this.#account(1, size);
  }

  /** Adds the datagrams that a packet was cut into, their headers `stride` bytes apart. */
  addSegments(remote: number, choice: OuterChoice, segments: Segments, stride: number): void {
    const { batch } = this.#lane;
    const { payloadSize } = segments;
    const length = segments.headerLength + VXLAN_HEADERS;
    const size = length + payloadSize;
    let at = segments.headersAt - VXLAN_HEADERS;
    let payloadAt = segments.payloadAt;
    for (let left = segments.count - 1; left > 0; ) {
      const fitting = Math.min(left, this.#makeRoom(remote, choice, size));
      for (const end = at + fitting * stride; at < end; at += stride) {
        batch.addPiece(at, length);
        batch.addPiece(payloadAt, payloadSize);
        payloadAt += payloadSize;
      }
      this.#account(fitting, size);
      left -= fitting;
    }
    this.add(remote, choice, at, length, payloadAt, segments.lastPayloadSize);
  }

  flush(): void {
    if (this.#lane.batch.count === 0) return;
    this.#finish();
    this.#lane.flush();
  }

  #continues(remote: number, choice: OuterChoice, size: number): boolean {
    return (
      this.#message >= 0 &&
      remote === this.#remote &&
      size <= this.#size &&
      this.#segments < SEGMENTS_MAX &&
      this.#bytes + size <= BYTES_MAX &&
      choice.trafficClass === this.#trafficClass &&
      (!this.#inheritsTtl || vxlanTtl(choice) === this.#ttl)
    );
  }

  /**
   * Sees to a message that a datagram of `size` bytes in two pieces goes to. Returns how many of them
   * it takes, at least one.
   */
  #makeRoom(remote: number, choice: OuterChoice, size: number): number {
    const { batch } = this.#lane;
    if (!this.#continues(remote, choice, size) || !batch.hasRoom(0, 2)) {
      this.#finish();
      if (!batch.hasRoom(1, 2)) this.flush();
      this.#begin(remote, choice, size);
    }
    if (size < this.#size || !this.#isAble) return 1;
    const pieces = batch.iovecCapacity - batch.iovecs;
    const bytes = BYTES_MAX - this.#bytes;
    const room = Math.min(SEGMENTS_MAX - this.#segments, Math.floor(bytes / size), pieces >> 1);
    return Math.max(1, room);
  }

  /** Counts datagrams of `size` bytes that were added. */
  #account(datagrams: number, size: number): void {
    this.#lane.account(this.#message, datagrams, datagrams * (size - VXLAN_HEADERS));
    this.#segments += datagrams;
    this.#bytes += datagrams * size;
    if (size < this.#size || !this.#isAble) this.#finish();
  }

  #begin(remote: number, choice: OuterChoice, size: number): void {
    this.#message = this.#lane.begin(this.#plan, remote);
    this.#remote = remote;
    this.#trafficClass = choice.trafficClass;
    this.#ttl = vxlanTtl(choice);
    this.#size = size;
    this.#segments = 0;
    this.#bytes = 0;
  }

  /** Nothing is added to the open message any more. */
  #finish(): void {
    const message = this.#message;
    if (message < 0) return;
    this.#message = -1;
    const isDefault = this.#trafficClass === this.#defaultTrafficClass && !this.#inheritsTtl;
    const ttl = this.#inheritsTtl ? this.#ttl : DEFAULT;
    const segmentSize = this.#segments > 1 ? this.#size : DEFAULT;
    const trafficClass = isDefault ? DEFAULT : this.#trafficClass;
    this.#lane.batch.setControl(message, ttl, trafficClass, segmentSize);
    if (this.#segments > 1) this.#lane.setSegmentSize(message, this.#size);
  }
}
