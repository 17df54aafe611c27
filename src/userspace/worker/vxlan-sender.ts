/** VXLAN on the way out: runs of packets to one remote become one message that the kernel cuts up. */
import type { Family } from "../../../encap/address/ip-address.ts";
import { DropReason } from "../../../encap/drop-reason.ts";
import { hashFlow } from "../../../encap/flow-entropy.ts";
import type { IpPacket } from "../../../encap/ip-packet.ts";
import type { OuterChoice, OuterPolicy } from "../../../encap/outer-policy.ts";
import type { HeaderSpace, Segments } from "../../../encap/segment.ts";
import {
  copyVxlanHeaders,
  VXLAN_HEADERS,
  type VxlanNetwork,
  writeVxlanHeaders,
} from "../../../encap/vxlan.ts";
import type { LivePlan } from "./live-plan.ts";
import type { PacketIo } from "./packet-io.ts";
import { SegmentRun } from "./segment-run.ts";
import type { LaneOwner } from "./send-lane.ts";
import type { Sender } from "./sender.ts";
import {
  REMOTE_MAC_HIGH,
  REMOTE_MAC_LOW,
  REMOTE_WORDS,
  type SharedEndpoint,
} from "./shared-plan.ts";

export class VxlanSender implements Sender {
  policy!: OuterPolicy;
  mtu = 0;
  readonly #io: PacketIo;
  readonly #view: DataView;
  readonly #family: Family;
  readonly #counters: Float64Array;
  readonly #owner: LaneOwner;
  /** One for each socket. */
  readonly #runs: SegmentRun[] = [];
  readonly #remoteMac = { high: 0, low: 0 };
  #network: VxlanNetwork = { vni: 0, localMac: { high: 0, low: 0 } };
  #plan!: LivePlan;
  /** Sockets for packets of one kind, with or without DF. */
  #spread = 1;
  #seed = 0;

  constructor(io: PacketIo, family: Family, counters: Float64Array, owner: LaneOwner) {
    this.#io = io;
    this.#view = io.arena.view;
    this.#family = family;
    this.#counters = counters;
    this.#owner = owner;
  }

  /** Everything from now on goes by `plan`, in which `endpoint` has the number `index`. */
  adopt(plan: LivePlan, endpoint: SharedEndpoint, index: number): void {
    const { policy, sockets, vni, macHigh, macLow } = endpoint;
    this.#plan = plan;
    this.policy = policy;
    this.mtu = endpoint.mtu;
    this.#network = { vni, localMac: { high: macHigh, low: macLow } };
    this.#seed = endpoint.local[0] ^ endpoint.local[3];
    this.#spread = sockets.send.length / 2;
    for (const [at, fd] of sockets.send.entries()) {
      let run = this.#runs[at];
      if (run === undefined) {
        run = new SegmentRun(this.#io, this.#family, this.#counters, this.#owner);
        this.#runs.push(run);
      }
      run.adopt(plan, fd, endpoint, index);
    }
  }

  add(packet: IpPacket, remote: number, choice: OuterChoice): void {
    const { at, end, family } = packet;
    this.#writeHeaders(at, family, remote);
    const run = this.#runFor(packet, choice);
    run.add(remote, choice, at - VXLAN_HEADERS, end - at + VXLAN_HEADERS, 0, 0);
  }

  addSegments(
    packet: IpPacket,
    segments: Segments,
    stride: number,
    remote: number,
    choice: OuterChoice,
  ): void {
    const { count, headersAt } = segments;
    this.#writeHeaders(headersAt, packet.family, remote);
    for (let index = 1; index < count; index++) {
      copyVxlanHeaders(this.#view, headersAt, headersAt + index * stride);
    }
    this.#runFor(packet, choice).addSegments(remote, choice, segments, stride);
  }

  /** Without DF a UDP socket has the kernel do it. */
  addFragmented(
    packet: IpPacket,
    remote: number,
    choice: OuterChoice,
    _mtu: number,
    _space: HeaderSpace,
    fragments: Segments,
  ): DropReason {
    choice.dontFragment = false;
    fragments.count = 0;
    this.add(packet, remote, choice);
    return DropReason.None;
  }

  flush(): void {
    for (const run of this.#runs) run.flush();
  }

  #writeHeaders(innerAt: number, family: Family, remote: number): void {
    const { remotes } = this.#plan;
    const mac = this.#remoteMac;
    mac.high = remotes[remote * REMOTE_WORDS + REMOTE_MAC_HIGH] as number;
    mac.low = remotes[remote * REMOTE_WORDS + REMOTE_MAC_LOW] as number;
    writeVxlanHeaders(this.#view, innerAt, family, this.#network, mac);
  }

  /** A flow keeps to one socket, and so to its order. */
  #runFor(packet: IpPacket, choice: OuterChoice): SegmentRun {
    const flow = (hashFlow(this.#view, packet, this.#seed) >>> 0) % this.#spread;
    return this.#runs[choice.dontFragment ? flow + this.#spread : flow] as SegmentRun;
  }
}
