/**
 * Many datagrams in one recvmmsg(2), each into a slot of 64 KiB of an arena with room before it, with
 * the address that it came from and the control messages that go with it.
 */
import type { Arena } from "./arena.ts";
import { type Libc, native } from "./libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const EINTR = 4;

// Words of struct mmsghdr: struct msghdr and the number of bytes that arrived.
const MMSGHDR = 16;
const NAME = 0;
const NAME_LENGTH = 2;
const VECTOR = 4;
const VECTOR_LENGTH = 6;
const CONTROL = 8;
const CONTROL_LENGTH = 10;
const FLAGS = 12;
const LENGTH = 14;

// Words of struct iovec.
const IOVEC = 4;
const IOVEC_LENGTH = 2;

/** Bytes of a name: struct sockaddr_in6, rounded up. */
const SOCKADDR = 32;
const SOCKADDR_IN_ADDRESS = 4;
const SOCKADDR_IN6_ADDRESS = 8;

/** Bytes for control messages: a traffic class and a segment size take 24 each. */
const CONTROL_BYTES = 64;
const CMSG_HEADER = 16;
const CMSG_LEVEL = 8;
const CMSG_TYPE = 12;

const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPPROTO_IPV6 = 41;
const IPV6_TCLASS = 67;
const SOL_UDP = 17;
const UDP_GRO = 104;

/** The largest datagram, and more. */
const SLOT = 0x10000;

export interface ReceiveBatchLayout {
  readonly messages: number;
  /** Bytes before each datagram that nothing is received into. */
  readonly headroom: number;
}

export class ReceiveBatch {
  /** Of the message that `read` was called for. */
  at = 0;
  length = 0;
  /** Where the IP address of the sender is, in network byte order. */
  sourceAt = 0;
  /** Of the outer header, if the socket reports it; else 0. */
  trafficClass = 0;
  /** The kernel merged datagrams of so many bytes, the last may be shorter (UDP_GRO); 0 if not. */
  segmentSize = 0;
  /** There was more than fits a slot. */
  isTruncated = false;

  readonly capacity: number;
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #address: number;
  /** Index of a word. */
  readonly #messages: number;
  readonly #names: number;
  readonly #controls: number;
  readonly #slots: number;
  readonly #stride: number;
  readonly #headroom: number;
  readonly #libc: Libc;

  constructor(arena: Arena, { messages, headroom }: ReceiveBatchLayout) {
    this.#libc = native().libc;
    this.#view = arena.view;
    this.#words = arena.words;
    this.capacity = messages;
    this.#headroom = headroom;
    this.#stride = SLOT + headroom;
    this.#messages = arena.reserve(messages * MMSGHDR * 4) / 4;
    this.#names = arena.reserve(messages * SOCKADDR);
    this.#controls = arena.reserve(messages * CONTROL_BYTES);
    this.#slots = arena.reserve(messages * this.#stride);
    const vectors = arena.reserve(messages * IOVEC * 4) / 4;
    this.#address = arena.base + this.#messages * 4;
    for (let index = 0; index < messages; index++) {
      const message = this.#messages + index * MMSGHDR;
      const vector = vectors + index * IOVEC;
      arena.setPointer((message + NAME) * 4, this.#names + index * SOCKADDR);
      arena.setPointer((message + VECTOR) * 4, vector * 4);
      this.#words[message + VECTOR_LENGTH] = 1;
      arena.setPointer((message + CONTROL) * 4, this.#controls + index * CONTROL_BYTES);
      arena.setPointer(vector * 4, this.#slots + index * this.#stride + headroom);
      this.#words[vector + IOVEC_LENGTH] = SLOT;
    }
  }

  /**
   * Takes what has arrived, at most `limit` datagrams, and does not wait for any. Returns how many,
   * or the negative errno.
   */
  receive(fd: number, limit: number): number {
    for (let index = 0; index < limit; index++) {
      const message = this.#messages + index * MMSGHDR;
      this.#words[message + NAME_LENGTH] = SOCKADDR;
      this.#words[message + CONTROL_LENGTH] = CONTROL_BYTES;
    }
    for (;;) {
      const received = this.#libc.recvmmsg(fd, this.#address, limit, MSG_DONTWAIT, 0);
      if (received >= 0) return received;
      const errno = native().koffi.errno();
      if (errno !== EINTR) return -errno;
    }
  }

  /** Sets the fields of this object to message `index` of the last `receive`. */
  read(index: number, family: 4 | 6): void {
    const words = this.#words;
    const message = this.#messages + index * MMSGHDR;
    this.at = this.#slots + index * this.#stride + this.#headroom;
    this.length = words[message + LENGTH] as number;
    this.isTruncated = ((words[message + FLAGS] as number) & MSG_TRUNC) !== 0;
    this.sourceAt =
      this.#names + index * SOCKADDR + (family === 4 ? SOCKADDR_IN_ADDRESS : SOCKADDR_IN6_ADDRESS);
    this.#readControl(
      this.#controls + index * CONTROL_BYTES,
      words[message + CONTROL_LENGTH] as number,
    );
  }

  #readControl(from: number, bytes: number): void {
    const view = this.#view;
    this.trafficClass = 0;
    this.segmentSize = 0;
    const end = from + bytes;
    for (let at = from; at + CMSG_HEADER < end; ) {
      const length = view.getInt32(at, true);
      if (length < CMSG_HEADER) return;
      const level = view.getInt32(at + CMSG_LEVEL, true);
      const type = view.getInt32(at + CMSG_TYPE, true);
      const data = at + CMSG_HEADER;
      if (level === SOL_UDP && type === UDP_GRO) this.segmentSize = view.getInt32(data, true);
      // One byte for IPv4, an int for IPv6.
      else if (level === IPPROTO_IP && type === IP_TOS) this.trafficClass = view.getUint8(data);
      else if (level === IPPROTO_IPV6 && type === IPV6_TCLASS) {
        this.trafficClass = view.getInt32(data, true);
      }
      at += (length + 7) & ~7;
    }
  }
}
