/** ICMP errors from the underlay about what an endpoint sent: what they say of paths is kept, and told. */
import { PROTOCOL_ICMPV6, PROTOCOL_UDP } from "../../../encap/header/ip-protocol.ts";
import { IPV4_DESTINATION, IPV4_SOURCE } from "../../../encap/header/ipv4.ts";
import {
  IPV6_DESTINATION,
  IPV6_HEADER,
  IPV6_SOURCE,
  Ipv6Header,
  writeIpv6Header,
} from "../../../encap/header/ipv6.ts";
import { IcmpError } from "../../../encap/icmp-error.ts";
import { IpPacket, readIpPacket } from "../../../encap/ip-packet.ts";
import { NOT_RELAYED, readUnderlayError, UnderlayError } from "../../../encap/underlay-error.ts";
import type { InnerAnswers } from "./inner-answers.ts";
import type { LivePlan } from "./live-plan.ts";
import type { DatagramReceiver } from "./packet-io.ts";
import type { PathMtus } from "./path-mtus.ts";
import { REMOTE_ADDRESS, REMOTE_WORDS, type SharedEndpoint } from "./shared-plan.ts";

/** Errors of one step; a flood of them must not keep packets waiting. */
const ERRORS = 8;

export interface ErrorContext {
  readonly view: DataView;
  readonly batch: DatagramReceiver;
  readonly pathMtus: PathMtus;
  readonly answers: InnerAnswers;
}

export class ErrorReceiver {
  readonly fd: number;
  readonly #context: ErrorContext;
  readonly #plan: LivePlan;
  readonly #endpoint: SharedEndpoint;
  readonly #index: number;
  readonly #packet = new IpPacket();
  readonly #error = new UnderlayError();
  readonly #header = new Ipv6Header();

  /** `index` is that of the endpoint in the plan. */
  constructor(context: ErrorContext, plan: LivePlan, endpoint: SharedEndpoint, index: number) {
    this.fd = endpoint.sockets.errors;
    this.#context = context;
    this.#plan = plan;
    this.#endpoint = endpoint;
    this.#index = index;
  }

  step(): void {
    const { batch } = this.#context;
    const received = batch.receive(this.fd, ERRORS);
    for (let index = 0; index < received; index++) {
      batch.read(index, this.#endpoint.family);
      if (this.#readError()) this.#pass();
    }
  }

  #readError(): boolean {
    const { view, batch } = this.#context;
    const { family, port, encap } = this.#endpoint;
    const { at, length } = batch;
    const from = family === 4 ? at : this.#writeMissingHeader(at, length);
    if (readIpPacket(view, from, at + length - from, this.#packet) !== 0) return false;
    if (!readUnderlayError(view, this.#packet, port, this.#error)) return false;
    const { outer } = this.#error;
    return (outer.protocol === PROTOCOL_UDP) === (encap === "vxlan") && this.#isOurs(outer);
  }

  /** A raw ICMPv6 socket takes the IPv6 header away, which belongs to the checksum. */
  #writeMissingHeader(at: number, length: number): number {
    const { view, batch } = this.#context;
    const { sourceAt } = batch;
    const header = this.#header;
    header.payloadLength = length;
    header.nextHeader = PROTOCOL_ICMPV6;
    header.source0 = view.getUint32(sourceAt);
    header.source1 = view.getUint32(sourceAt + 4);
    header.source2 = view.getUint32(sourceAt + 8);
    header.source3 = view.getUint32(sourceAt + 12);
    [header.destination0, header.destination1, header.destination2, header.destination3] =
      this.#endpoint.local;
    writeIpv6Header(view, at - IPV6_HEADER, header);
    return at - IPV6_HEADER;
  }

  #isOurs({ at, family }: IpPacket): boolean {
    const { view } = this.#context;
    const source = at + (family === 4 ? IPV4_SOURCE : IPV6_SOURCE);
    const words = family === 4 ? 1 : 4;
    for (let word = 0; word < words; word++) {
      if (view.getUint32(source + word * 4) !== this.#endpoint.local[word]) return false;
    }
    return true;
  }

  #pass(): void {
    const { tell, innerMtu, outer, inner, hasInner } = this.#error;
    if (tell === NOT_RELAYED) return;
    const remote = this.#remoteOf(outer);
    if (remote < 0) return;
    if (tell === IcmpError.TooBig) this.#context.pathMtus.learn(remote, innerMtu);
    if (hasInner) this.#context.answers.tell(inner, tell, innerMtu);
  }

  /** The remote that the quoted packet was for; -1 if there is none any more. */
  #remoteOf({ at, family }: IpPacket): number {
    const { view } = this.#context;
    const { remotes } = this.#plan;
    const destination = at + (family === 4 ? IPV4_DESTINATION : IPV6_DESTINATION);
    const words = family === 4 ? 1 : 4;
    for (let remote = 0; remote * REMOTE_WORDS < remotes.length; remote++) {
      if (this.#plan.endpointOf(remote) !== this.#index) continue;
      const address = remote * REMOTE_WORDS + REMOTE_ADDRESS;
      let word = 0;
      while (word < words && remotes[address + word] === view.getInt32(destination + word * 4)) {
        word++;
      }
      if (word === words) return remote;
    }
    return -1;
  }
}
