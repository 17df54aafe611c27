/**
 * Takes a capture file apart as its bytes come, so that a pipe can be followed. What is damaged ends
 * it: all packets before are whole.
 */
import type { CaptureDecoder, CapturedPacket } from "./captured-packet.ts";
import { isPcap, PcapDecoder } from "./pcap.ts";
import { isPcapng, PcapngDecoder } from "./pcapng.ts";

/** Why a capture cannot be read on. */
export interface CaptureFault {
  /** Bytes from the start of the file to the record at fault. */
  readonly offset: number;
  /** What is wrong there; begins in lower case, no full stop. */
  readonly text: string;
}

const MAGIC = 4;

export class CaptureReader {
  /** Once it is set, what comes is ignored. */
  fault: CaptureFault | undefined;
  #decoder: CaptureDecoder | undefined;
  /** What has come of a record that is not whole yet. */
  #rest: Uint8Array = new Uint8Array();
  /** Of `#rest` in the file. */
  #offset = 0;
  /** Bytes of the record that `#rest` begins with, as far as known. */
  #needed = MAGIC;

  /** The packets that `chunk`, the next bytes of the file, makes whole. */
  *read(chunk: Uint8Array): Generator<CapturedPacket, void> {
    if (this.fault !== undefined) return;
    const bytes = joined(this.#rest, chunk);
    this.#rest = bytes;
    if (bytes.length < this.#needed) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const decoder = this.#decoderFor(view);
    if (decoder === undefined) return;
    let at = 0;
    while (at < bytes.length) {
      const step = decoder.step(view, at);
      if ("fault" in step) {
        this.fault = { offset: this.#offset + at, text: step.fault };
        return;
      }
      if ("needed" in step) {
        this.#needed = step.needed;
        break;
      }
      at = step.next;
      this.#needed = 1;
      if (step.packet !== undefined) yield step.packet;
    }
    this.#rest = bytes.subarray(at);
    this.#offset += at;
  }

  /** The file is over; sets `fault` if it should not be. */
  end(): void {
    if (this.fault !== undefined) return;
    const { length } = this.#rest;
    if (this.#decoder === undefined) {
      const text = length === 0 ? "the file is empty" : "neither a pcap nor a pcapng file";
      this.fault = { offset: 0, text };
    } else if (length > 0) {
      const text = `the file ends in a record: ${length} bytes of at least ${this.#needed}`;
      this.fault = { offset: this.#offset, text };
    }
  }

  #decoderFor(view: DataView): CaptureDecoder | undefined {
    if (this.#decoder !== undefined) return this.#decoder;
    if (isPcap(view, 0)) this.#decoder = new PcapDecoder();
    else if (isPcapng(view, 0)) this.#decoder = new PcapngDecoder();
    else {
      const magic = view.getUint32(0).toString(16).padStart(8, "0");
      this.fault = {
        offset: 0,
        text: `neither a pcap nor a pcapng file: it begins with 0x${magic}`,
      };
    }
    return this.#decoder;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
