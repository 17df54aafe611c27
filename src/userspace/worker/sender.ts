/** What is the same for every encapsulation on the way out. */
import type { DropReason } from "../../../encap/drop-reason.ts";
import type { IpPacket } from "../../../encap/ip-packet.ts";
import type { OuterChoice, OuterPolicy } from "../../../encap/outer-policy.ts";
import type { HeaderSpace, Segments } from "../../../encap/segment.ts";

/** Encapsulates packets for the remotes of one endpoint and sends them, many at a time. */
export interface Sender {
  readonly policy: OuterPolicy;
  /** Largest inner packet. */
  readonly mtu: number;

  /** Takes a packet that lies in one piece with headroom; it stays there until `flush`. */
  add(packet: IpPacket, remote: number, choice: OuterChoice): void;

  /** Takes the segments that `packet` was cut into, their header blocks `stride` bytes apart. */
  addSegments(
    packet: IpPacket,
    segments: Segments,
    stride: number,
    remote: number,
    choice: OuterChoice,
  ): void;

  /**
   * Takes a packet that only fits the path in fragments of its outer packet, because its family
   * knows no shorter ones: `mtu` is what the path carries. Header blocks of the fragments go to
   * `space`; `fragments` says how many.
   */
  addFragmented(
    packet: IpPacket,
    remote: number,
    choice: OuterChoice,
    mtu: number,
    space: HeaderSpace,
    fragments: Segments,
  ): DropReason;

  flush(): void;
}
