/** To a TUN device with offloads: consecutive packets of a flow go in as one super-packet. */
import { Coalescer } from "../../../encap/coalesce.ts";
import type { SumBytes } from "../../../encap/header/checksum.ts";
import type { IpPacket } from "../../../encap/ip-packet.ts";
import {
  clearVirtioNetHeader,
  VirtioNetHeader,
  writeVirtioNetHeader,
} from "../../../encap/virtio-net-header.ts";
import type { Arena } from "../../native/arena.ts";
import { PIECES_MAX, type TunDevice } from "./tun-device.ts";
import { type TunWriter, writeCounted } from "./tun-writer.ts";

export class MergingTunWriter implements TunWriter {
  readonly #view: DataView;
  readonly #sumBytes: SumBytes;
  readonly #tun: TunDevice;
  readonly #counters: Float64Array;
  #coalescer: Coalescer;
  #mtu = 0;
  readonly #virtio = new VirtioNetHeader();
  #bytes = 0;

  constructor({ view, sumBytes }: Arena, tun: TunDevice, counters: Float64Array) {
    this.#view = view;
    this.#sumBytes = sumBytes;
    this.#tun = tun;
    this.#counters = counters;
    this.#coalescer = this.#makeCoalescer();
    clearVirtioNetHeader(this.#virtio);
  }

  setMtu(mtu: number): void {
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    this.#coalescer = this.#makeCoalescer();
  }

  #makeCoalescer(): Coalescer {
    const mergeUdp = this.#tun.abilities.udpOffloads;
    const sumBytes = this.#sumBytes;
    return new Coalescer({ slices: PIECES_MAX, mtu: this.#mtu, mergeUdp, sumBytes });
  }

  add(packet: IpPacket, isTrusted: boolean): void {
    if (!this.#coalescer.add(this.#view, packet, isTrusted)) {
      this.flush();
      this.#coalescer.add(this.#view, packet, isTrusted);
    }
    this.#bytes += packet.end - packet.at;
  }

  addRepeated(at: number, length: number, before: number): boolean {
    if (!this.#coalescer.addRepeated(this.#view, at, length, before)) return false;
    this.#bytes += length;
    return true;
  }

  flush(): void {
    const coalescer = this.#coalescer;
    const { count } = coalescer;
    if (count === 0) return;
    coalescer.finish(this.#view);
    for (let slice = 0; slice < count; slice++) {
      this.#tun.addPiece(
        coalescer.sliceAt[slice] as number,
        coalescer.sliceLength[slice] as number,
      );
    }
    coalescer.clear();
    writeCounted(this.#tun, this.#counters, count, this.#bytes);
    this.#bytes = 0;
  }

  answer(at: number, length: number): void {
    const { headerLength } = this.#tun;
    writeVirtioNetHeader(this.#view, at - headerLength, this.#virtio);
    this.#tun.addPiece(at - headerLength, length + headerLength);
    this.#tun.write();
  }
}
