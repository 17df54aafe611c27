// What goes over a device: seen, and put on it.

import { Arena } from "../../../src/native/arena.ts";
import { deviceIndex } from "../../../src/native/device-request.ts";
import { SystemCallError } from "../../../src/native/errno.ts";
import { bindSocket, closeDescriptor, openSocket, send } from "../../../src/native/linux.ts";
import { inNetworkNamespace } from "../../../src/native/network-namespace.ts";
import { PacketSocket } from "../../../src/native/packet-socket.ts";
import { POLLIN, PollSet } from "../../../src/native/poll-set.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETHERNET = 14;

/** One packet that went over a device. */
export interface Seen {
  readonly isOutgoing: boolean;
  readonly ethertype: number;
  /** From the IP header on. */
  readonly bytes: Uint8Array;
}

/** Sees all packets of one device. */
export class Tap {
  readonly socket: PacketSocket;

  constructor(netns: string, device: string) {
    this.socket = inNetworkNamespace(netns, () => new PacketSocket(device));
  }

  /** What has come since the last time. */
  *take(): Generator<Seen> {
    while (this.socket.receive()) {
      const { isOutgoing, ethertype, bytes, hasEthernet } = this.socket;
      yield { isOutgoing, ethertype, bytes: bytes.slice(hasEthernet ? ETHERNET : 0) };
    }
  }

  close(): void {
    this.socket.close();
  }
}

/** Waits for any of some taps. */
export class TapSet {
  readonly #poll: PollSet;

  constructor(taps: readonly Tap[]) {
    this.#poll = new PollSet(new Arena(4096), taps.length);
    for (const { socket } of taps) this.#poll.add(socket.fd, POLLIN);
  }

  /** False if nothing came in so many milliseconds. Blocks the thread. */
  wait(milliseconds: number): boolean {
    return this.#poll.wait(milliseconds) > 0;
  }
}

/** Puts packets on a device, as if the kernel had routed them there. */
export class Injector {
  readonly #fd: number;

  constructor(netns: string, device: string) {
    this.#fd = inNetworkNamespace(netns, () => {
      // Without a protocol it receives nothing.
      const fd = openSocket(AF_PACKET, SOCK_RAW, 0);
      const address = new Uint8Array(20);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      view.setInt32(4, deviceIndex(fd, device), true);
      bindSocket(fd, address);
      return fd;
    });
  }

  put(frame: Uint8Array): void {
    const sent = send(this.#fd, frame, 0);
    if (sent < 0) throw new SystemCallError(`sending ${frame.length} bytes`, -sent);
  }

  close(): void {
    closeDescriptor(this.#fd);
  }
}

/** `packet` behind an Ethernet header. */
export function framed(
  packet: Uint8Array,
  to: string,
  from: string,
  ethertype: number,
): Uint8Array {
  const head = Buffer.from((to + from).replaceAll(":", ""), "hex");
  return Buffer.concat([head, Buffer.of(ethertype >> 8, ethertype & 255), packet]);
}
