/**
 * Many datagrams in one sendmmsg(2): an array of `struct mmsghdr` whose buffers lie in an arena, and
 * the iovecs, addresses and control messages that belong to it. All of it is laid out once; a
 * message then costs a few words.
 *
 *   mmsghdr[i] --> name[i]      sockaddr_in or sockaddr_in6
 *              --> iovec[j..]   pieces of the payload, anywhere in the arena
 *              --> control[i]   TTL | traffic class | segment size: any run of the three
 */
import type { Arena } from "./arena.ts";
import { type Libc, native } from "./libc.ts";
import { POLLOUT, PollSet } from "./poll-set.ts";

const MSG_DONTWAIT = 0x40;
const EINTR = 4;

// Words of struct mmsghdr: struct msghdr and the number of bytes that were sent.
const MMSGHDR = 16;
const NAME = 0;
const NAME_LENGTH = 2;
const VECTOR = 4;
const VECTOR_LENGTH = 6;
const CONTROL = 8;
const CONTROL_LENGTH = 10;

// Words of struct iovec.
const IOVEC = 4;
const IOVEC_LENGTH = 2;

/** Words of a name: struct sockaddr_in6. */
const SOCKADDR = 7;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN_LENGTH = 16;
const SOCKADDR_IN6_LENGTH = 28;

// Words of a struct cmsghdr with up to 8 bytes of data.
const CMSG = 6;
const CMSG_LEVEL = 2;
const CMSG_TYPE = 3;
const CMSG_DATA = 4;
const CMSG_INT_LENGTH = 20;
const CMSG_SHORT_LENGTH = 18;

const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IPPROTO_IPV6 = 41;
const IPV6_HOPLIMIT = 52;
const IPV6_TCLASS = 67;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

// Words of the control messages of one message, and where each begins.
const CONTROLS: number = 3 * CMSG;
const TTL = 0;
const TRAFFIC_CLASS: number = CMSG;
const SEGMENT_SIZE: number = 2 * CMSG;

export interface SendBatchLayout {
  readonly family: 4 | 6;
  readonly messages: number;
  readonly iovecs: number;
}

export class SendBatch {
  /** Messages so far. */
  count = 0;
  /** Iovecs so far. */
  iovecs = 0;
  readonly messageCapacity: number;
  readonly iovecCapacity: number;
  readonly #words: Int32Array;
  readonly #lowBase: number;
  readonly #family: 4 | 6;
  readonly #address: number;
  // Indexes of words.
  readonly #messages: number;
  readonly #names: number;
  readonly #vectors: number;
  readonly #controls: number;
  readonly #libc: Libc;
  readonly #writable: PollSet;

  constructor(arena: Arena, { family, messages, iovecs }: SendBatchLayout) {
    this.#libc = native().libc;
    this.#writable = new PollSet(arena, 1);
    this.#words = arena.words;
    this.#lowBase = arena.lowBase;
    this.#family = family;
    this.messageCapacity = messages;
    this.iovecCapacity = iovecs;
    this.#messages = arena.reserve(messages * MMSGHDR * 4) / 4;
    this.#names = arena.reserve(messages * SOCKADDR * 4) / 4;
    this.#vectors = arena.reserve(iovecs * IOVEC * 4) / 4;
    this.#controls = arena.reserve(messages * CONTROLS * 4) / 4;
    this.#address = arena.base + this.#messages * 4;
    for (let index = 0; index < messages; index++) this.#layOutMessage(arena, index);
    for (let index = 0; index < iovecs; index++) {
      arena.setPointer((this.#vectors + index * IOVEC) * 4, 0);
    }
  }

  #layOutMessage(arena: Arena, index: number): void {
    const words = this.#words;
    const message = this.#messages + index * MMSGHDR;
    const name = this.#names + index * SOCKADDR;
    arena.setPointer((message + NAME) * 4, name * 4);
    words[message + NAME_LENGTH] = this.#family === 4 ? SOCKADDR_IN_LENGTH : SOCKADDR_IN6_LENGTH;
    arena.setPointer((message + VECTOR) * 4, this.#vectors * 4);
    arena.setPointer((message + CONTROL) * 4, this.#controls * 4);
    const control = this.#controls + index * CONTROLS;
    const [level, trafficClass, ttl] =
      this.#family === 4
        ? [IPPROTO_IP, IP_TOS, IP_TTL]
        : [IPPROTO_IPV6, IPV6_TCLASS, IPV6_HOPLIMIT];
    this.#layOutControl(control + TRAFFIC_CLASS, CMSG_INT_LENGTH, level, trafficClass);
    this.#layOutControl(control + TTL, CMSG_INT_LENGTH, level, ttl);
    this.#layOutControl(control + SEGMENT_SIZE, CMSG_SHORT_LENGTH, SOL_UDP, UDP_SEGMENT);
  }

  #layOutControl(at: number, length: number, level: number, type: number): void {
    this.#words[at] = length;
    this.#words[at + CMSG_LEVEL] = level;
    this.#words[at + CMSG_TYPE] = type;
  }

  clear(): void {
    this.count = 0;
    this.iovecs = 0;
  }

  hasRoom(messages: number, iovecs: number): boolean {
    return (
      this.count + messages <= this.messageCapacity && this.iovecs + iovecs <= this.iovecCapacity
    );
  }

  /**
   * Begins a message to an IPv4 address (a word in host order) and port, with neither payload nor
   * control messages. Returns its index.
   */
  beginIpv4(address: number, port: number): number {
    const name = this.#names + this.count * SOCKADDR;
    this.#words[name] = AF_INET | (swap16(port) << 16);
    this.#words[name + 1] = swap32(address);
    return this.#begin();
  }

  /** The same for an IPv6 address. */
  beginIpv6(w0: number, w1: number, w2: number, w3: number, port: number): number {
    const name = this.#names + this.count * SOCKADDR;
    this.#words[name] = AF_INET6 | (swap16(port) << 16);
    this.#words[name + 2] = swap32(w0);
    this.#words[name + 3] = swap32(w1);
    this.#words[name + 4] = swap32(w2);
    this.#words[name + 5] = swap32(w3);
    return this.#begin();
  }

  #begin(): number {
    const message = this.#messages + this.count * MMSGHDR;
    this.#words[message + VECTOR] = this.#lowBase + (this.#vectors + this.iovecs * IOVEC) * 4;
    this.#words[message + VECTOR_LENGTH] = 0;
    this.#words[message + CONTROL_LENGTH] = 0;
    return this.count++;
  }

  /** Adds `length` bytes at `at` of the arena to the last message. */
  addPiece(at: number, length: number): void {
    const vector = this.#vectors + this.iovecs++ * IOVEC;
    this.#words[vector] = this.#lowBase + at;
    this.#words[vector + IOVEC_LENGTH] = length;
    const lengthAt = this.#messages + (this.count - 1) * MMSGHDR + VECTOR_LENGTH;
    this.#words[lengthAt] = (this.#words[lengthAt] as number) + 1;
  }

  /**
   * Control messages of message `index`; -1 leaves one out, and then the socket's own value counts.
   * `ttl` goes only with a traffic class. `segmentSize` has the kernel cut the payload into datagrams
   * of so many bytes (UDP_SEGMENT).
   */
  setControl(index: number, ttl: number, trafficClass: number, segmentSize: number): void {
    const words = this.#words;
    const control = this.#controls + index * CONTROLS;
    words[control + TTL + CMSG_DATA] = ttl;
    words[control + TRAFFIC_CLASS + CMSG_DATA] = trafficClass;
    words[control + SEGMENT_SIZE + CMSG_DATA] = segmentSize;
    const first = ttl >= 0 ? TTL : trafficClass >= 0 ? TRAFFIC_CLASS : SEGMENT_SIZE;
    const end = segmentSize >= 0 ? CONTROLS : trafficClass >= 0 ? SEGMENT_SIZE : first;
    this.#setControlRun(index, control + first, end - first);
  }

  #setControlRun(index: number, first: number, length: number): void {
    const message = this.#messages + index * MMSGHDR;
    this.#words[message + CONTROL] = this.#lowBase + first * 4;
    this.#words[message + CONTROL_LENGTH] = length * 4;
  }

  /**
   * Sends messages from index `from` on. Returns how many the kernel took, at least one, or the
   * negative errno of the first of them.
   */
  send(fd: number, from: number): number {
    return this.#send(fd, from, this.count - from);
  }

  #send(fd: number, from: number, count: number): number {
    for (;;) {
      const address = this.#address + from * MMSGHDR * 4;
      const sent = this.#libc.sendmmsg(fd, address, count, MSG_DONTWAIT);
      if (sent >= 0) return sent;
      const errno = native().koffi.errno();
      if (errno !== EINTR) return -errno;
    }
  }

  /** Waits until a socket that was full takes more, at most so many milliseconds. True if it does. */
  waitWritable(fd: number, milliseconds: number): boolean {
    this.#writable.clear();
    this.#writable.add(fd, POLLOUT);
    return this.#writable.wait(milliseconds) > 0;
  }

  /**
   * Sends message `index` as the datagrams that its segment size would have had the kernel cut it
   * into, one by one, where the kernel cannot. Returns how many were sent, or the negative errno
   * with which the first that failed did.
   */
  sendUnrolled(fd: number, index: number, segmentSize: number): number {
    const words = this.#words;
    const message = this.#messages + index * MMSGHDR;
    const control = words[message + CONTROL_LENGTH] as number;
    words[message + CONTROL_LENGTH] = Math.max(0, control - CMSG * 4);
    const end = words[message + VECTOR_LENGTH] as number;
    let sent = 0;
    for (let piece = 0; piece < end; sent++) {
      const first = piece;
      for (let bytes = 0; bytes < segmentSize && piece < end; piece++) {
        bytes += this.#pieceLength(message, piece - first);
      }
      words[message + VECTOR_LENGTH] = piece - first;
      const result = this.#send(fd, index, 1);
      if (result < 0) return result;
      words[message + VECTOR] = (words[message + VECTOR] as number) + (piece - first) * IOVEC * 4;
    }
    return sent;
  }

  #pieceLength(message: number, piece: number): number {
    const vector = this.#vectorOf(message) + piece * IOVEC;
    return this.#words[vector + IOVEC_LENGTH] as number;
  }

  /** Offset in the arena of the first piece of message `index`. */
  firstPieceAt(index: number): number {
    const message = this.#messages + index * MMSGHDR;
    return ((this.#words[this.#vectorOf(message)] as number) - this.#lowBase) >>> 0;
  }

  /** Its length in bytes. */
  firstPieceLength(index: number): number {
    return this.#pieceLength(this.#messages + index * MMSGHDR, 0);
  }

  /** Index of the word where the iovecs of a message begin. */
  #vectorOf(message: number): number {
    return ((this.#words[message + VECTOR] as number) - this.#lowBase) >>> 2;
  }
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function swap32(value: number): number {
  return (
    (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)
  );
}
