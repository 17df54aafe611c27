/** VXLAN on the way in: one UDP payload is one packet, or many that the kernel merged (UDP_GRO). */
import { DropReason } from "../../../encap/drop-reason.ts";
import { decapsulateVxlan, VXLAN_HEADERS, type VxlanNetwork } from "../../../encap/vxlan.ts";
import { type ReceiveContext, Receiver } from "./receiver.ts";
import type { SharedEndpoint } from "./shared-plan.ts";

/** Merged datagrams are up to 64 KB each: as much as a step of the other direction. */
const DATAGRAMS = 16;

export class VxlanReceiver extends Receiver {
  readonly #network: VxlanNetwork;

  constructor(context: ReceiveContext, endpoint: SharedEndpoint, fd: number) {
    super(context, endpoint, fd, DATAGRAMS);
    const { vni, macHigh: high, macLow: low } = endpoint;
    this.#network = { vni, localMac: { high, low } };
  }

  protected receiveMessage(): void {
    const { at, length, segmentSize, trafficClass } = this.batch;
    // The kernel merges only what has a checksum, and the right one.
    const isMerged = segmentSize > 0 && segmentSize < length;
    const size = isMerged ? segmentSize : length;
    const end = at + length;
    let next = at;
    let mayRepeat = false;
    do {
      const length = Math.min(size, end - next);
      if (!(mayRepeat && this.#receiveRepeated(next, length))) {
        mayRepeat = this.#receiveOne(next, length, trafficClass, isMerged) && isMerged;
      }
      next += size;
    } while (next < end);
  }

  /** True if the packet went on as it came. */
  #receiveOne(at: number, length: number, trafficClass: number, isTrusted: boolean): boolean {
    const reason = decapsulateVxlan(this.view, at, length, this.#network, this.inner);
    if (reason === DropReason.None) return this.deliver(trafficClass, isTrusted);
    this.drop(reason);
    return false;
  }

  #receiveRepeated(at: number, length: number): boolean {
    return this.deliverRepeated(at + VXLAN_HEADERS, length - VXLAN_HEADERS, VXLAN_HEADERS);
  }
}
