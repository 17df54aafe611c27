/** Received packets on their way into the TUN device. */
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import type { IpPacket } from "../../../encap/ip-packet.ts";
import { countReceived } from "./packet-counters.ts";
import { type TunDevice, WriteResult } from "./tun-device.ts";

export interface TunWriter {
  /** A packet that is longer was merged before it came here; how long its parts were is lost. */
  setMtu(mtu: number): void;

  /**
   * Takes a packet, which stays where it is until `flush`. `isTrusted` says that a checksum which
   * covered it was right.
   */
  add(packet: IpPacket, isTrusted: boolean): void;

  /**
   * Takes a packet as `add` does, trusted, if it repeats the headers of others that it will be written
   * with, and the `before` bytes before them; see `Coalescer.addRepeated`. False if it has to be read.
   */
  addRepeated(at: number, length: number, before: number): boolean;

  /** Writes what `add` may have kept back. */
  flush(): void;

  /** Writes an answer of ours of `length` bytes at `at`, with headroom before it. */
  answer(at: number, length: number): void;
}

/** Writes what was added to `tun` and counts it. */
export function writeCounted(
  tun: TunDevice,
  counters: Float64Array,
  packets: number,
  bytes: number,
): void {
  const result = tun.write();
  if (result === WriteResult.Written) countReceived(counters, packets, bytes);
  else if (result === WriteResult.Full) countDrop(counters, DropReason.TunBufferFull, packets);
  else countDrop(counters, DropReason.TunWriteFailed, packets);
}
