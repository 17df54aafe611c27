/**
 * The socket that hears of changes, on the main thread. It is read in turns, so that a flood of
 * events delays other work by a fraction of a millisecond.
 */
import { addressOf, setSocketOption, type Watcher, watchReadable } from "../native/linux.ts";
import { inNetworkNamespace } from "../native/network-namespace.ts";
import { HOST_ORDER } from "./byte-order.ts";
import { type Message, messagesIn } from "./message.ts";
import { MSG_DONTWAIT, NetlinkSocket } from "./netlink-socket.ts";

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const ENOBUFS = 105;

/** RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV6_IFADDR. */
const GROUPS = [1, 3, 5, 9];
/** RTNLGRP_IPV4_ROUTE, IPV6_ROUTE. */
const ROUTE_GROUPS = [7, 11];
/** Unknown to kernels without nexthop objects. */
const RTNLGRP_NEXTHOP = 32;

/** Datagrams read in one turn of the event loop; each is one event. */
const TURN = 500;
/** A link with many virtual functions is the longest event there is. */
const DATAGRAM = 64 * 1024;

export interface EventSink {
  event(message: Message): void;
  /** Events were lost; comes after those that were not. */
  overrun(): void;
  /** The queue is empty. */
  drained(): void;
}

export class EventSocket {
  readonly #socket: NetlinkSocket;
  readonly #watcher: Watcher;
  readonly #sink: EventSink;
  readonly #bytes = new Uint8Array(new ArrayBuffer(DATAGRAM));
  readonly #view = new DataView(this.#bytes.buffer);
  #isDraining = false;
  #isClosed = false;
  #wasOverrun = false;
  #watcherStopped = false;

  /**
   * Opens the socket in the network namespace `netns` (undefined: the process's own) and subscribes.
   * What the socket with port id `ownPortId` causes is not delivered.
   */
  constructor(netns: string | undefined, ownPortId: number, sink: EventSink) {
    this.#sink = sink;
    this.#socket = inNetworkNamespace(netns, () => new NetlinkSocket());
    this.#dropEventsOf(ownPortId);
    for (const group of GROUPS) this.#socket.join(group);
    this.resumeRoutes();
    try {
      this.#socket.join(RTNLGRP_NEXTHOP);
    } catch {
      // Then there are no nexthop objects to hear of.
    }
    this.#watcher = watchReadable(this.#socket.fd, (status) => this.#onReadable(status));
  }

  /** Reads what is queued, in this turn as far as it goes. */
  poll(): void {
    if (!this.#isDraining && !this.#isClosed) this.#drain();
  }

  /** An event that the filter drops still costs the kernel some 200 ns, a tenth of a route's write. */
  pauseRoutes(): void {
    for (const group of ROUTE_GROUPS) if (!this.#isClosed) this.#socket.leave(group);
  }

  resumeRoutes(): void {
    for (const group of ROUTE_GROUPS) if (!this.#isClosed) this.#socket.join(group);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watcher.close();
    this.#socket.close();
  }

  #onReadable(status: number): void {
    // A pending ENOBUFS arrives as an error of the descriptor, and libuv stops watching it.
    if (status < 0) this.#watcherStopped = true;
    this.poll();
  }

  #drain(): void {
    if (this.#isClosed) return;
    this.#isDraining = true;
    for (let count = 0; count < TURN; count++) {
      const length = this.#socket.receive(this.#bytes, MSG_DONTWAIT);
      if (length === -ENOBUFS || length > this.#bytes.length) this.#wasOverrun = true;
      else if (length < 0) {
        this.#finish();
        return;
      } else {
        for (const message of messagesIn(this.#view, length)) this.#sink.event(message);
      }
      if (this.#isClosed) return;
    }
    setImmediate(() => this.#drain());
  }

  #finish(): void {
    this.#isDraining = false;
    if (this.#watcherStopped) {
      this.#watcherStopped = false;
      this.#watcher.start();
    }
    if (this.#wasOverrun) {
      this.#wasOverrun = false;
      this.#sink.overrun();
    }
    this.#sink.drained();
  }

  /** A classic BPF program on nlmsg_pid, which spares the wake-ups; the sink checks again. */
  #dropEventsOf(portId: number): void {
    const swapped = new DataView(new ArrayBuffer(4));
    swapped.setUint32(0, portId, HOST_ORDER);
    const program = new Uint8Array(new ArrayBuffer(4 * 8));
    const view = new DataView(program.buffer);
    const instructions: readonly (readonly [number, number, number, number])[] = [
      [0x20, 0, 0, 12], // A = nlmsg_pid, as if in network order
      [0x15, 0, 1, swapped.getUint32(0)], // if A is ours
      [0x06, 0, 0, 0], // then drop
      [0x06, 0, 0, 0xffffffff], // else keep all of it
    ];
    for (const [index, [code, jumpTrue, jumpFalse, operand]] of instructions.entries()) {
      view.setUint16(index * 8, code, HOST_ORDER);
      view.setUint8(index * 8 + 2, jumpTrue);
      view.setUint8(index * 8 + 3, jumpFalse);
      view.setUint32(index * 8 + 4, operand, HOST_ORDER);
    }
    // struct sock_fprog: a count, and a pointer at the next multiple of its size.
    const fprog = new DataView(new ArrayBuffer(16));
    fprog.setUint16(0, instructions.length, HOST_ORDER);
    fprog.setBigUint64(8, addressOf(program), HOST_ORDER);
    setSocketOption(this.#socket.fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(fprog.buffer));
  }
}
