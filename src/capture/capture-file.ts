/** A pcap file that packets are written to, whole records at a time. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { CapturedPacket } from "../../encap/capture/captured-packet.ts";
import { encodePcapHeader, encodePcapRecord } from "../../encap/capture/pcap.ts";
import { CausewayError, errnoOf } from "../errors.ts";
import { captureName } from "./read-capture.ts";

const STDOUT = 1;
/** Bytes that are gathered before they are written. */
const GATHERED = 65_536;
/** Milliseconds that a full pipe is left to its reader. */
const PAUSE = 5;
const NEVER = new Int32Array(new SharedArrayBuffer(4));

export class CaptureFile {
  readonly #path: string;
  readonly #fd: number;
  #records: Uint8Array[] = [];
  #bytes = 0;

  /** Makes the file, or empties it; "-" is stdout. @throws CausewayError if it cannot be written. */
  constructor(path: string, linkType: number) {
    this.#path = path;
    this.#fd = this.#try(() => (path === "-" ? STDOUT : openSync(path, "w")));
    this.#add(encodePcapHeader(linkType));
    this.flush();
  }

  /** `packet` is of the link type of the file. @throws CausewayError */
  write(packet: CapturedPacket): void {
    this.#add(encodePcapRecord(packet));
    if (this.#bytes >= GATHERED) this.flush();
  }

  /** @throws CausewayError */
  flush(): void {
    const all = Buffer.concat(this.#records);
    this.#records = [];
    this.#bytes = 0;
    for (let at = 0; at < all.length; ) {
      at += this.#try(() => writeSome(this.#fd, all, at));
    }
  }

  close(): void {
    this.flush();
    if (this.#fd !== STDOUT) closeSync(this.#fd);
  }

  #add(record: Uint8Array): void {
    this.#records.push(record);
    this.#bytes += record.length;
  }

  #try<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      const name = this.#path === "-" ? "stdout" : captureName(this.#path);
      throw CausewayError.from(error, "bad-resource", `cannot write ${name}`);
    }
  }
}

/** Node's stdout does not block where it is a pipe; whoever reads it sets the pace all the same. */
function writeSome(fd: number, bytes: Uint8Array, at: number): number {
  for (;;) {
    try {
      return writeSync(fd, bytes, at);
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      Atomics.wait(NEVER, 0, 0, PAUSE);
    }
  }
}
