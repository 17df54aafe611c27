/** Datagrams as Node's sockets hand them over, laid out as an engine reads them. */
import { parseIp, writeIp } from "../../../encap/address/ip-address.ts";
import type { Arena } from "../../native/arena.ts";
import type { ReceiveBatchLayout } from "../../native/receive-batch.ts";
import type { DatagramReceiver } from "../worker/packet-io.ts";

const SLOT = 0x10000;
const ADDRESS = 16;
/** Datagrams that wait for the end of a turn of the event loop. */
const WAITING_MAX = 16;

export class PlainReceiver implements DatagramReceiver {
  at = 0;
  length = 0;
  sourceAt = 0;
  /** Node's sockets do not tell. */
  trafficClass = 0;
  segmentSize = 0;
  isTruncated = false;
  readonly capacity: number = WAITING_MAX;
  readonly #bytes: Uint8Array;
  readonly #slots: number;
  readonly #stride: number;
  readonly #headroom: number;
  readonly #names: number;
  readonly #lengths = new Int32Array(WAITING_MAX);
  /** Addresses as they are in a packet, by their text. */
  readonly #sources = new Map<string, Uint8Array>();
  #fd = -1;
  #waiting = 0;
  #first = 0;
  /** Where the last `receive` began. */
  #taken = 0;

  constructor(arena: Arena, { headroom }: ReceiveBatchLayout) {
    this.#bytes = new Uint8Array(arena.view.buffer);
    this.#headroom = headroom;
    this.#stride = SLOT + headroom;
    this.#names = arena.reserve(WAITING_MAX * ADDRESS);
    this.#slots = arena.reserve(WAITING_MAX * this.#stride);
  }

  /** Whose datagrams wait. */
  get fd(): number {
    return this.#fd;
  }

  get waiting(): number {
    return this.#waiting - this.#first;
  }

  /** Forgets those that wait. */
  clear(): void {
    this.#first = this.#waiting;
  }

  /** Takes a datagram; there is room for it if those that wait are `fd`'s and fewer than `capacity`. */
  accept(fd: number, datagram: Uint8Array, source: string): void {
    if (this.waiting === 0) {
      this.#first = 0;
      this.#waiting = 0;
    }
    this.#fd = fd;
    const index = this.#waiting++;
    this.#lengths[index] = datagram.length;
    this.#bytes.set(datagram, this.#slots + index * this.#stride + this.#headroom);
    this.#bytes.set(this.#addressOf(source), this.#names + index * ADDRESS);
  }

  receive(fd: number, limit: number): number {
    if (fd !== this.#fd) return 0;
    const taken = Math.min(this.waiting, limit);
    this.#taken = this.#first;
    this.#first += taken;
    return taken;
  }

  read(index: number): void {
    const slot = this.#taken + index;
    this.at = this.#slots + slot * this.#stride + this.#headroom;
    this.length = this.#lengths[slot] as number;
    this.sourceAt = this.#names + slot * ADDRESS;
  }

  #addressOf(source: string): Uint8Array {
    let address = this.#sources.get(source);
    if (address === undefined) {
      address = new Uint8Array(ADDRESS);
      writeIp(parseIp(source), new DataView(address.buffer), 0);
      if (this.#sources.size >= 10_000) this.#sources.clear();
      this.#sources.set(source, address);
    }
    return address;
  }
}
