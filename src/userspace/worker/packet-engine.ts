/**
 * All that moves packets in one worker, around one arena: made once, and set to each new plan.
 *
 *   TUN device --> Transmitter --> VxlanSender, IpipSender ----> sockets
 *       ^  ^                            | too long
 *       |  '------ InnerAnswers <-------'<------- ErrorReceiver <---- ICMP
 *       '--------- TunWriter <-- VxlanReceiver, IpipReceiver <------- sockets
 */
import { IpAddress } from "../../../encap/address/ip-address.ts";
import { encapOverhead } from "../../../encap/encap-mode.ts";
import { IcmpError } from "../../../encap/icmp-error.ts";
import { IpPacket, readQuotedPacket } from "../../../encap/ip-packet.ts";
import { VXLAN_HEADERS } from "../../../encap/vxlan.ts";
import { SystemCallError } from "../../native/errno.ts";
import { ErrorReceiver } from "./error-receiver.ts";
import { InnerAnswers } from "./inner-answers.ts";
import { IPIP_DATAGRAMS, Ipip6Receiver, IpipReceiver } from "./ipip-receiver.ts";
import { IpipSender } from "./ipip-sender.ts";
import { LivePlan } from "./live-plan.ts";
import { MergingTunWriter } from "./merging-tun-writer.ts";
import type { DatagramReceiver, PacketIo } from "./packet-io.ts";
import { PathMtus } from "./path-mtus.ts";
import type { ReceiveContext } from "./receiver.ts";
import type { LaneOwner } from "./send-lane.ts";
import {
  REMOTE_ADDRESS,
  REMOTE_WORDS,
  type SharedEndpoint,
  type SharedPlan,
} from "./shared-plan.ts";
import { SingleTunWriter } from "./single-tun-writer.ts";
import { BLOCK, BLOCK_ROOM, BLOCKS, Transmitter } from "./transmitter.ts";
import { TunDevice } from "./tun-device.ts";
import type { TunWriter } from "./tun-writer.ts";
import { VxlanReceiver } from "./vxlan-receiver.ts";
import { VxlanSender } from "./vxlan-sender.ts";
import type { TunAbilities } from "./worker-protocol.ts";

/** What an engine takes of an arena, and more. The system gives memory only as far as it is used. */
export const ENGINE_ARENA: number = 10 * 1024 * 1024;
/** Before each received packet: an outer header that a socket has taken away, a virtio header. */
const RECEIVE_HEADROOM = 64;

const PACKET_MAX = 65_535;

/** Something that one descriptor is read for. */
export interface Source {
  readonly fd: number;
  /** Takes what is there, up to a limit. */
  step(): void;
}

export interface EngineStart {
  readonly tunFd: number;
  readonly abilities: TunAbilities;
  readonly counters: Float64Array;
  /** UDP_SEGMENT does not work on the way from this endpoint of the plan. */
  readonly onCannotSegment: (endpoint: number) => void;
}

export class PacketEngine {
  readonly #io: PacketIo;
  readonly #counters: Float64Array;
  readonly #onCannotSegment: (endpoint: number) => void;
  readonly #writer: TunWriter;
  readonly #pathMtus = new PathMtus();
  readonly #answers: InnerAnswers;
  readonly #transmitter: Transmitter;
  readonly #batch: DatagramReceiver;
  readonly #packet = new IpPacket();
  /** By role: they hold memory of the arena, and so are used for one endpoint after the other. */
  readonly #senders = new Map<string, VxlanSender | IpipSender>();
  #plan!: LivePlan;
  #endpoints: readonly SharedEndpoint[] = [];

  /** @throws CausewayError if koffi cannot be loaded. */
  constructor(io: PacketIo, { tunFd, abilities, counters, onCannotSegment }: EngineStart) {
    const { arena } = io;
    this.#io = io;
    this.#counters = counters;
    this.#onCannotSegment = onCannotSegment;
    const tun = new TunDevice(io, tunFd, abilities);
    this.#writer = abilities.offloads
      ? new MergingTunWriter(arena, tun, counters)
      : new SingleTunWriter(arena, tun, counters, {
          at: arena.reserve(BLOCKS * BLOCK),
          stride: BLOCK,
          room: BLOCK_ROOM,
          capacity: BLOCKS,
        });
    this.#answers = new InnerAnswers(arena, this.#writer);
    this.#transmitter = new Transmitter(arena, tun, counters, this.#pathMtus, this.#answers);
    const layout = { messages: IPIP_DATAGRAMS, headroom: RECEIVE_HEADROOM };
    this.#batch = io.newReceiver(layout);
  }

  /** From now on everything goes by `plan`. Returns what is to be read besides the TUN device. */
  adopt(plan: SharedPlan): Source[] {
    const live = new LivePlan(plan);
    const { endpoints } = plan;
    this.#plan = live;
    this.#endpoints = endpoints;
    this.#pathMtus.adopt(live);
    this.#transmitter.adopt(
      live,
      endpoints.map((endpoint, index) => this.#senderOf(live, endpoint, index)),
    );
    this.#writer.setMtu(Math.min(PACKET_MAX, ...endpoints.map(({ mtu }) => mtu)));
    return endpoints.flatMap((endpoint, index) => [
      ...this.#receiversOf(endpoint),
      this.#errorReceiverOf(live, endpoint, index),
    ]);
  }

  /** Sends what the TUN device has, up to a limit. */
  transmit(): void {
    this.#transmitter.step();
  }

  #senderOf(plan: LivePlan, endpoint: SharedEndpoint, index: number): VxlanSender | IpipSender {
    const { encap, family } = endpoint;
    const role = `${encap} ${family}`;
    let sender = this.#senders.get(role);
    if (sender === undefined) {
      const Sender = encap === "vxlan" ? VxlanSender : IpipSender;
      sender = new Sender(this.#io, family, this.#counters, this.#laneOwner());
      this.#senders.set(role, sender);
    }
    sender.adopt(plan, endpoint, index);
    return sender;
  }

  #laneOwner(): LaneOwner {
    return {
      tooLong: (remote, at, length) => this.#tooLong(remote, at, length),
      cannotSegment: (endpoint) => this.#onCannotSegment(endpoint),
    };
  }

  #receiversOf(endpoint: SharedEndpoint): Source[] {
    const context: ReceiveContext = {
      view: this.#io.arena.view,
      batch: this.#batch,
      writer: this.#writer,
      counters: this.#counters,
    };
    return endpoint.sockets.receive.map(({ fd, protocol }) => {
      if (endpoint.encap === "vxlan") return new VxlanReceiver(context, endpoint, fd);
      if (endpoint.family === 4) return new IpipReceiver(context, endpoint, fd);
      return new Ipip6Receiver(context, endpoint, fd, protocol);
    });
  }

  #errorReceiverOf(plan: LivePlan, endpoint: SharedEndpoint, index: number): Source {
    const context = {
      view: this.#io.arena.view,
      batch: this.#batch,
      pathMtus: this.#pathMtus,
      answers: this.#answers,
    };
    return new ErrorReceiver(context, plan, endpoint, index);
  }

  /** The kernel found a packet too long for its path: asks how long it may be, and tells the sender. */
  #tooLong(remote: number, at: number, length: number): void {
    const endpoint = this.#endpoints[this.#plan.endpointOf(remote)];
    if (endpoint === undefined) return;
    const { encap, family, local } = endpoint;
    const words = this.#plan.remotes.subarray(remote * REMOTE_WORDS + REMOTE_ADDRESS);
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    let outerMtu: number;
    try {
      outerMtu = this.#io.pathMtu(
        new IpAddress(family, ...local),
        new IpAddress(family, w0, w1, w2, w3),
      );
    } catch (error) {
      if (error instanceof SystemCallError) return;
      throw error;
    }
    const mtu = outerMtu - encapOverhead(encap, family);
    this.#pathMtus.learn(remote, mtu);
    const inner = this.#packet;
    const headers = encap === "vxlan" ? VXLAN_HEADERS : encapOverhead(encap, family);
    if (readQuotedPacket(this.#io.arena.view, at + headers, length - headers, inner) === 0) {
      if (inner.dontFragment) this.#answers.tell(inner, IcmpError.TooBig, mtu);
    }
  }
}
