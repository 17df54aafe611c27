/**
 * From a socket to the TUN device: takes what has arrived, up to a limit, checks each packet and where
 * it came from, and writes what is inside.
 */
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import { decapsulateTrafficClass } from "../../../encap/ecn.ts";
import { IpPacket } from "../../../encap/ip-packet.ts";
import { NO_REMOTE } from "../../../encap/prefix-columns.ts";
import { RemoteTable } from "../../../encap/remote-table.ts";
import { SystemCallError } from "../../native/errno.ts";
import type { DatagramReceiver } from "./packet-io.ts";
import type { SharedEndpoint } from "./shared-plan.ts";
import type { TunWriter } from "./tun-writer.ts";

const EBADF = 9;

/** What a worker receives with, for all its sockets. */
export interface ReceiveContext {
  readonly view: DataView;
  readonly batch: DatagramReceiver;
  readonly writer: TunWriter;
  readonly counters: Float64Array;
}

/** Receives for one socket of an endpoint; what is in a datagram is the encapsulation's to say. */
export abstract class Receiver {
  readonly fd: number;
  protected readonly view: DataView;
  protected readonly batch: DatagramReceiver;
  protected readonly inner: IpPacket = new IpPacket();
  readonly #endpoint: SharedEndpoint;
  readonly #peers: RemoteTable;
  readonly #writer: TunWriter;
  readonly #counters: Float64Array;
  readonly #limit: number;

  constructor(context: ReceiveContext, endpoint: SharedEndpoint, fd: number, limit: number) {
    this.fd = fd;
    this.view = context.view;
    this.batch = context.batch;
    this.#endpoint = endpoint;
    this.#peers = new RemoteTable(endpoint.peers);
    this.#writer = context.writer;
    this.#counters = context.counters;
    this.#limit = limit;
  }

  /** Takes what has arrived, up to a limit. */
  step(): void {
    const received = this.batch.receive(this.fd, this.#limit);
    // What else fails is an error that was pending on the socket, about some packet that we sent.
    if (received === -EBADF) throw new SystemCallError("recvmmsg", EBADF);
    for (let index = 0; index < received; index++) {
      this.batch.read(index, this.#endpoint.family);
      if (this.#isPeer()) this.receiveMessage();
      else this.drop(DropReason.UnknownPeer);
    }
    this.#writer.flush();
  }

  /** Decapsulates what `batch` describes. */
  protected abstract receiveMessage(): void;

  /**
   * Passes `inner` on, with what its outer header had to say. True if that was nothing: the packet goes
   * on as it came.
   */
  protected deliver(outerTrafficClass: number, isTrusted: boolean): boolean {
    const { trafficClass } = this.inner;
    const reason = decapsulateTrafficClass(this.view, this.inner, outerTrafficClass);
    if (reason !== DropReason.None) {
      this.drop(reason);
      return false;
    }
    this.#writer.add(this.inner, isTrusted);
    return this.inner.trafficClass === trafficClass;
  }

  /**
   * Passes on a trusted packet that repeats the headers of the one before it, which had the same outer
   * header and went on as it came. False if it has to be read.
   */
  protected deliverRepeated(at: number, length: number, before: number): boolean {
    return this.#writer.addRepeated(at, length, before);
  }

  protected drop(reason: DropReason): void {
    countDrop(this.#counters, reason);
  }

  #isPeer(): boolean {
    const { sourceAt } = this.batch;
    const view = this.view;
    const peer =
      this.#endpoint.family === 4
        ? this.#peers.lookupIpv4(view.getInt32(sourceAt))
        : this.#peers.lookupIpv6(
            view.getInt32(sourceAt),
            view.getInt32(sourceAt + 4),
            view.getInt32(sourceAt + 8),
            view.getInt32(sourceAt + 12),
          );
    return peer !== NO_REMOTE;
  }
}
