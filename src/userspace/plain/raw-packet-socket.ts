/**
 * Raw IPv4 sockets through the package raw-socket, which is there where it could be compiled. They
 * cannot be bound: each gets the packets to all addresses of the node, and leaves out what is not
 * for its own.
 */
import { createRequire } from "node:module";
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import { IPV4_DESTINATION, IPV4_HEADER } from "../../../encap/header/ipv4.ts";
import { reasonOf } from "../../errors.ts";
import { BUFFER, EAGAIN, type OnDatagram, type PlainSocket } from "./plain-socket.ts";

/** What we use of it; it has no typings. */
interface RawSocketModule {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): RawSocket;
  readonly AddressFamily: { readonly IPv4: number };
  readonly SocketLevel: { readonly SOL_SOCKET: number; readonly IPPROTO_IP: number };
  readonly SocketOption: {
    readonly SO_RCVBUF: number;
    readonly SO_SNDBUF: number;
    readonly IP_HDRINCL: number;
  };
}

interface RawSocket {
  on(event: "message", listener: (packet: Buffer, source: string) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  setOption(level: number, option: number, value: number): void;
  close(): void;
  /** Under the queue of `send`, which lets one packet go in each turn of the event loop. */
  readonly wrap: {
    send(packet: Uint8Array, at: number, length: number, to: string, done: () => void): void;
    recv(into: Buffer, got: (into: Buffer, length: number, source: string) => void): void;
  };
}

/** The longest IP packet: the kernel may have merged many into one. */
const PACKET_MAX = 0x10000;
/** Packets that are taken at once. */
const BURST = 32;
const EINVAL = 22;
/** What it says of a failure is a text alone. */
const ERRNOS: Readonly<Record<string, number>> = {
  "Resource temporarily unavailable": EAGAIN,
  "Message too long": 90,
  "No buffer space available": 105,
};

function load(): RawSocketModule {
  return createRequire(import.meta.url)("raw-socket") as RawSocketModule;
}

/** Undefined if the package can be used, else why not. */
export function rawPackageObstacle(): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    const [reason = ""] = reasonOf(error).split("\n");
    return `the package raw-socket cannot be loaded: ${reason}`;
  }
}

export class RawPacketSocket implements PlainSocket {
  readonly #socket: RawSocket;
  readonly #local: number;
  readonly #buffer = Buffer.alloc(PACKET_MAX);
  readonly #onDatagram: OnDatagram;

  /** Sends packets with their outer header, and receives them with it. @throws Error */
  constructor(protocol: number, local: IpAddress, onDatagram: OnDatagram) {
    const raw = load();
    const { IPv4: addressFamily } = raw.AddressFamily;
    this.#socket = raw.createSocket({ protocol, addressFamily, bufferSize: PACKET_MAX });
    this.#local = local.w0;
    this.#onDatagram = onDatagram;
    const { SO_RCVBUF, SO_SNDBUF, IP_HDRINCL } = raw.SocketOption;
    this.#socket.setOption(raw.SocketLevel.IPPROTO_IP, IP_HDRINCL, 1);
    for (const buffer of [SO_RCVBUF, SO_SNDBUF]) {
      this.#socket.setOption(raw.SocketLevel.SOL_SOCKET, buffer, BUFFER);
    }
    this.#socket.on("message", (packet, source) => {
      this.#take(packet, source);
      this.#takeMore();
    });
    // One that was pending, about some packet that we sent.
    this.#socket.on("error", () => {});
  }

  #take(packet: Buffer, source: string): void {
    if (packet.length < IPV4_HEADER) return;
    if (packet.readUInt32BE(IPV4_DESTINATION) === this.#local) this.#onDatagram(packet, source);
  }

  #takeMore(): void {
    const got = (buffer: Buffer, length: number, source: string): void => {
      this.#take(buffer.subarray(0, length), source);
    };
    try {
      for (let packets = 0; packets < BURST; packets++) this.#socket.wrap.recv(this.#buffer, got);
    } catch {
      // There is nothing more.
    }
  }

  send(packet: Uint8Array, address: string): number {
    try {
      this.#socket.wrap.send(packet, 0, packet.length, address, () => {});
      return 0;
    } catch (error) {
      return -(ERRNOS[reasonOf(error)] ?? EINVAL);
    }
  }

  close(): void {
    this.#socket.close();
  }
}
