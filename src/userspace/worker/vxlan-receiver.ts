/** VXLAN on the way in: one UDP payload is one packet, or many that the kernel merged (UDP_GRO). */
import { DropReason } from "../../../encap/drop-reason.ts";
import { decapsulateVxlan, type VxlanNetwork } from "../../../encap/vxlan.ts";
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
    do {
      const length = Math.min(size, end - next);
      const reason = decapsulateVxlan(this.view, next, length, this.#network, this.inner);
      if (reason === DropReason.None) this.deliver(trafficClass, isMerged);
      else this.drop(reason);
      next += size;
    } while (next < end);
  }
}
