/** UDP through `node:dgram`: no DF, no traffic class, and nothing that the kernel cuts up or merges. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import { BUFFER, EAGAIN, type OnDatagram, type PlainSocket } from "./plain-socket.ts";

/** Packets that a socket may keep while the kernel takes no more. */
const QUEUE_MAX = 64;

export class UdpSocket implements PlainSocket {
  readonly #socket: Socket;
  readonly #onFailure: (error: Error | null) => void;

  private constructor(socket: Socket, onFailure: (error: Error) => void) {
    this.#socket = socket;
    this.#onFailure = (error) => {
      if (error !== null) onFailure(error);
    };
  }

  /**
   * On `address` and `port` (0: the kernel chooses). `onFailure` hears of each packet that was taken
   * and could not be sent. @throws an error with the errno in `code`.
   */
  static async open(
    address: IpAddress,
    port: number,
    onDatagram: OnDatagram | undefined,
    onFailure: (error: Error) => void,
  ): Promise<UdpSocket> {
    const { family } = address;
    const socket = createSocket({
      type: family === 4 ? "udp4" : "udp6",
      // Destinations are addresses, and sending is to be over when `send` returns.
      lookup: (hostname, _options, done) => done(null, hostname, family),
    });
    try {
      const listening = once(socket, "listening");
      socket.bind({ address: address.toString(), port, exclusive: true });
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    for (const set of ["setSendBufferSize", "setRecvBufferSize"] as const) socket[set](BUFFER);
    if (onDatagram !== undefined)
      socket.on("message", (data, { address }) => onDatagram(data, address));
    socket.on("error", onFailure);
    return new UdpSocket(socket, onFailure);
  }

  setTtl(ttl: number): void {
    this.#socket.setTTL(ttl);
  }

  send(packet: Uint8Array, address: string, port: number): number {
    if (this.#socket.getSendQueueCount() > QUEUE_MAX) return -EAGAIN;
    this.#socket.send(packet, 0, packet.length, port, address, this.#onFailure);
    return 0;
  }

  close(): void {
    this.#socket.close();
  }
}
