/** ICMP errors to the senders of inner packets that could not be carried, not too many of them. */
import { readIp } from "../../../encap/address/ip-address.ts";
import { IPV4_DESTINATION } from "../../../encap/header/ipv4.ts";
import { IPV6_DESTINATION } from "../../../encap/header/ipv6.ts";
import { ICMP_ANSWER_MAX, type IcmpError, writeIcmpError } from "../../../encap/icmp-error.ts";
import type { IpPacket } from "../../../encap/ip-packet.ts";
import { answerMtu } from "../../../encap/path-mtu.ts";
import type { Arena } from "../../native/arena.ts";
import type { TunWriter } from "./tun-writer.ts";

/** As Linux has it for all destinations together (`icmp_msgs_per_sec`, `icmp_msgs_burst`). */
const ANSWERS_PER_SECOND = 1000;
const ANSWERS_AT_ONCE = 50;

/** Before an answer: the virtio header. */
const HEADROOM = 64;

export class InnerAnswers {
  readonly #view: DataView;
  readonly #writer: TunWriter;
  readonly #at: number;
  #left = ANSWERS_AT_ONCE;
  #lastAt = 0;

  constructor(arena: Arena, writer: TunWriter) {
    this.#view = arena.view;
    this.#writer = writer;
    this.#at = arena.reserve(HEADROOM + ICMP_ANSWER_MAX) + HEADROOM;
  }

  /**
   * Tells the sender of `packet`, of which the headers are there. `mtu` is what the path carries, for
   * `TooBig` only.
   *
   * The answer comes from the address that the packet was for, as from the kernel's own tunnels:
   * where answers from there are routed back, filters for spoofed sources let it pass.
   */
  tell(packet: IpPacket, error: IcmpError, mtu: number): void {
    if (!this.#isAllowed()) return;
    const { family, at } = packet;
    const destination = at + (family === 4 ? IPV4_DESTINATION : IPV6_DESTINATION);
    const source = readIp(family, this.#view, destination);
    const told = answerMtu(packet, mtu);
    const length = writeIcmpError(this.#view, packet, error, told, source, this.#at);
    if (length > 0) this.#writer.answer(this.#at, length);
  }

  #isAllowed(): boolean {
    const now = performance.now();
    const earned = ((now - this.#lastAt) / 1000) * ANSWERS_PER_SECOND;
    this.#left = Math.min(ANSWERS_AT_ONCE, this.#left + earned);
    this.#lastAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
