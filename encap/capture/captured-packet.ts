/** A packet as a capture file has it. */

export interface CapturedPacket {
  /** Nanoseconds since the epoch; undefined where the file does not say (pcapng's simple blocks). */
  readonly time: bigint | undefined;
  /** LINKTYPE_ number (https://www.tcpdump.org/linktypes.html), 16 bits. */
  readonly linkType: number;
  /** What was captured; not kept by whoever made it. */
  readonly bytes: Uint8Array;
  /** Bytes on the wire; `bytes` may be fewer. */
  readonly length: number;
}

/** More than any snapshot length that libpcap or Wireshark accept: a record that says so is damaged. */
export const CAPTURED_MAX = 262_144;

/** What a decoder found at the place that it was asked about. */
export type CaptureStep =
  /** A whole record, and where the next one is; not every record is a packet. */
  | { readonly next: number; readonly packet?: CapturedPacket }
  /** Why nothing from here on can be trusted. */
  | { readonly fault: string }
  /** What there is ends within a record of `needed` bytes, as far as it tells. */
  | { readonly needed: number };

/** Reads the records of one format, one after the other. */
export interface CaptureDecoder {
  /** The record at `at`. `view` may end anywhere: more of the file comes later. */
  step(view: DataView, at: number): CaptureStep;
}
