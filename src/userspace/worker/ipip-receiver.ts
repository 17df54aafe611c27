/**
 * IP-in-IP on the way in. The kernel may have merged many packets into one of up to 64 KB, with an
 * unfinished inner checksum and without a word about it; whoever writes it to the TUN device sees that.
 */
import { DropReason } from "../../../encap/drop-reason.ts";
import { IpPacket, readIpPacket } from "../../../encap/ip-packet.ts";
import { decapsulateIpip, ipipProtocol } from "../../../encap/ipip.ts";
import { type ReceiveContext, Receiver } from "./receiver.ts";
import type { SharedEndpoint } from "./shared-plan.ts";

/** Mostly single packets. */
export const IPIP_DATAGRAMS = 48;

/** Over IPv4: a raw socket hands over the outer header. */
export class IpipReceiver extends Receiver {
  readonly #outer = new IpPacket();

  constructor(context: ReceiveContext, endpoint: SharedEndpoint, fd: number) {
    super(context, endpoint, fd, IPIP_DATAGRAMS);
  }

  protected receiveMessage(): void {
    const { at, length } = this.batch;
    const outer = this.#outer;
    let reason = readIpPacket(this.view, at, length, outer);
    if (reason === DropReason.None) reason = decapsulateIpip(this.view, outer, this.inner);
    if (reason === DropReason.None) this.deliver(outer.trafficClass, false);
    else this.drop(reason);
  }
}

/** Over IPv6: a raw socket has taken the outer header away. */
export class Ipip6Receiver extends Receiver {
  readonly #protocol: number;

  constructor(context: ReceiveContext, endpoint: SharedEndpoint, fd: number, protocol: number) {
    super(context, endpoint, fd, IPIP_DATAGRAMS);
    this.#protocol = protocol;
  }

  protected receiveMessage(): void {
    const { at, length, trafficClass } = this.batch;
    const reason = readIpPacket(this.view, at, length, this.inner);
    if (reason !== DropReason.None) this.drop(reason);
    else if (ipipProtocol(this.inner.family) !== this.#protocol) this.drop(DropReason.InnerNotIp);
    else this.deliver(trafficClass, false);
  }
}
