/** The sockets of the endpoints of a plan, under numbers that stand for descriptors. */
import { IpAddress } from "../../../encap/address/ip-address.ts";
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import {
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_IPV6,
  PROTOCOL_UDP,
} from "../../../encap/header/ip-protocol.ts";
import { DEFAULT_TTL } from "../../../encap/ttl.ts";
import { reasonOf } from "../../errors.ts";
import type { EndpointSockets } from "../underlay/endpoint-sockets.ts";
import { FLOW_SOCKETS } from "../underlay/vxlan-socket.ts";
import type { SharedEndpoint } from "../worker/shared-plan.ts";
import type { PlainSocket } from "./plain-socket.ts";
import { RawPacketSocket, rawPackageObstacle } from "./raw-packet-socket.ts";
import { UdpSocket } from "./udp-socket.ts";

/** No socket has it. */
const NO_SOCKET = -1;
const NOT_SERVED: EndpointSockets = {
  receive: [],
  errors: NO_SOCKET,
  send: [NO_SOCKET, NO_SOCKET],
  canSegment: false,
};

/** Called for each datagram with the number of its socket and the text of its source address. */
export type OnArrival = (fd: number, datagram: Uint8Array, source: string) => void;

/** The sockets of one endpoint, or why there are none. */
export interface OpenedEndpoint {
  readonly sockets: EndpointSockets;
  readonly failure: string | undefined;
}

export class PlainSockets {
  readonly #counters: Float64Array;
  readonly #onArrival: OnArrival;
  readonly #byNumber = new Map<number, PlainSocket>();
  /** By what of the endpoint is in them. */
  #open = new Map<string, EndpointSockets>();
  #lastNumber = 0;

  constructor(counters: Float64Array, onArrival: OnArrival) {
    this.#counters = counters;
    this.#onArrival = onArrival;
  }

  socketOf(fd: number): PlainSocket | undefined {
    return this.#byNumber.get(fd);
  }

  /** Opens what `endpoints` need, and closes what they do not. */
  async openFor(endpoints: readonly SharedEndpoint[]): Promise<OpenedEndpoint[]> {
    const keys = endpoints.map(keyOf);
    for (const [key, sockets] of this.#open) if (!keys.includes(key)) this.#close(key, sockets);
    const opened: OpenedEndpoint[] = [];
    for (const endpoint of endpoints) opened.push(await this.#openOne(endpoint));
    return opened;
  }

  async #openOne(endpoint: SharedEndpoint): Promise<OpenedEndpoint> {
    const key = keyOf(endpoint);
    try {
      let sockets = this.#open.get(key);
      if (sockets === undefined) {
        sockets = endpoint.encap === "vxlan" ? await this.#vxlan(endpoint) : this.#ipip(endpoint);
        this.#open.set(key, sockets);
      }
      if (endpoint.encap === "vxlan") this.#setTtl(sockets, endpoint);
      return { sockets, failure: undefined };
    } catch (error) {
      return { sockets: NOT_SERVED, failure: reasonOf(error) };
    }
  }

  async #vxlan(endpoint: SharedEndpoint): Promise<EndpointSockets> {
    const local = addressOf(endpoint);
    const onFailure = (): void => countDrop(this.#counters, DropReason.SendFailed);
    const fd = ++this.#lastNumber;
    const opened: UdpSocket[] = [];
    try {
      const onDatagram = (data: Uint8Array, source: string): void =>
        this.#onArrival(fd, data, source);
      opened.push(await UdpSocket.open(local, endpoint.port, onDatagram, onFailure));
      for (let flow = 0; flow < FLOW_SOCKETS; flow++) {
        opened.push(await UdpSocket.open(local, 0, undefined, onFailure));
      }
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
    const [receiver, ...senders] = opened as [UdpSocket, ...UdpSocket[]];
    this.#byNumber.set(fd, receiver);
    const send = senders.map((socket) => this.#add(socket));
    // DF or not is the kernel's choice, which fragments by itself what it knows to be too long.
    const receive = [{ fd, protocol: PROTOCOL_UDP }];
    const errors = this.#errorSocket(local);
    return { receive, errors, send: [...send, ...send], canSegment: false };
  }

  #ipip(endpoint: SharedEndpoint): EndpointSockets {
    if (endpoint.family === 6) {
      throw new Error("raw IPv6 sockets of Node do not say which address a packet was for");
    }
    const obstacle = rawPackageObstacle();
    if (obstacle !== undefined) throw new Error(obstacle);
    const local = addressOf(endpoint);
    const receive = [PROTOCOL_IPIP, PROTOCOL_IPV6].map((protocol) => {
      const fd = ++this.#lastNumber;
      const onDatagram = (data: Uint8Array, source: string): void =>
        this.#onArrival(fd, data, source);
      this.#byNumber.set(fd, new RawPacketSocket(protocol, local, onDatagram));
      return { fd, protocol };
    });
    const send = receive.slice(0, 1).map(({ fd }) => fd);
    return { receive, errors: this.#errorSocket(local), send, canSegment: false };
  }

  /** ICMP errors are heard of where raw sockets are to be had. */
  #errorSocket(local: IpAddress): number {
    if (local.family === 6 || rawPackageObstacle() !== undefined) return NO_SOCKET;
    const fd = ++this.#lastNumber;
    const onDatagram = (data: Uint8Array, source: string): void =>
      this.#onArrival(fd, data, source);
    this.#byNumber.set(fd, new RawPacketSocket(PROTOCOL_ICMP, local, onDatagram));
    return fd;
  }

  #setTtl({ send }: EndpointSockets, { policy }: SharedEndpoint): void {
    const ttl = policy.ttl === "inherit" ? DEFAULT_TTL : policy.ttl;
    for (const fd of send) (this.#byNumber.get(fd) as UdpSocket).setTtl(ttl);
  }

  #add(socket: PlainSocket): number {
    this.#byNumber.set(++this.#lastNumber, socket);
    return this.#lastNumber;
  }

  #close(key: string, { receive, errors, send }: EndpointSockets): void {
    this.#open.delete(key);
    for (const fd of new Set([...receive.map(({ fd }) => fd), errors, ...send])) {
      this.#byNumber.get(fd)?.close();
      this.#byNumber.delete(fd);
    }
  }
}

function addressOf({ family, local }: SharedEndpoint): IpAddress {
  return new IpAddress(family, ...local);
}

function keyOf(endpoint: SharedEndpoint): string {
  return `${endpoint.encap} ${addressOf(endpoint)} ${endpoint.port}`;
}
