/**
 * One NETLINK_ROUTE socket, bound to a port id that the kernel chose. It belongs to the network
 * namespace in which it was opened, wherever its thread goes later.
 */
import { SystemCallError } from "../native/errno.ts";
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  receive,
  send,
  setSocketOption,
  socketName,
} from "../native/linux.ts";
import { HOST_ORDER } from "./byte-order.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_DROP_MEMBERSHIP = 2;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;

/** Room for about 20,000 route events or 10,000 errors (the kernel doubles it). */
const RECEIVE_BUFFER = 8 * 1024 * 1024;

export class NetlinkSocket {
  readonly fd: number;
  /** `nlmsg_pid` of what the kernel sends to this socket, and of echoes of what it caused. */
  readonly portId: number;
  #isOpen = true;

  /** Opens a socket in the network namespace of the calling thread. @throws SystemCallError */
  constructor() {
    this.fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    try {
      const address = new Uint8Array(12);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_NETLINK, HOST_ORDER);
      bindSocket(this.fd, address);
      socketName(this.fd, address);
      this.portId = view.getUint32(4, HOST_ORDER);
      this.#setReceiveBuffer();
      // Extended acks came with 4.12, strict checking with 4.20; without them texts are missing
      // and dumps are filtered by us alone.
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
        this.#tryOption(SOL_NETLINK, option, 1);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Subscribes to a multicast group. */
  join(group: number): void {
    setSocketOption(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int32(group));
  }

  leave(group: number): void {
    setSocketOption(this.fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, int32(group));
  }

  /** From now on `receive` without MSG_DONTWAIT gives -EAGAIN after so many milliseconds. */
  setDeadline(milliseconds: number): void {
    const timeval = new BigInt64Array([
      BigInt(Math.floor(milliseconds / 1000)),
      BigInt((milliseconds % 1000) * 1000),
    ]);
    setSocketOption(this.fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer));
  }

  /** Hands messages to the kernel, which has carried them out on return. 0 or a negative errno. */
  send(messages: Uint8Array): number {
    return Math.min(send(this.fd, messages, 0), 0);
  }

  /**
   * Length of the next datagram, or a negative errno. It is cut to fit `into`, but the length tells
   * its whole size.
   */
  receive(into: Uint8Array, flags: number): number {
    return receive(this.fd, into, flags | MSG_TRUNC);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeDescriptor(this.fd);
  }

  #setReceiveBuffer(): void {
    // The first goes over net.core.rmem_max and needs CAP_NET_ADMIN.
    if (this.#tryOption(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)) return;
    setSocketOption(this.fd, SOL_SOCKET, SO_RCVBUF, int32(RECEIVE_BUFFER));
  }

  #tryOption(level: number, name: number, value: number): boolean {
    try {
      setSocketOption(this.fd, level, name, int32(value));
      return true;
    } catch (error) {
      if (error instanceof SystemCallError) return false;
      throw error;
    }
  }
}

function int32(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}
