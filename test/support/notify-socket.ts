// A datagram socket as systemd listens on for what sd_notify(3) sends.

import { bindSocket, closeDescriptor, openSocket, receive } from "../../src/native/linux.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

export class NotifySocket {
  readonly path: string;
  readonly #descriptor: number;

  /** A leading "@" names an abstract socket. */
  constructor(path: string) {
    this.path = path;
    const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : path);
    const address = new Uint8Array(2 + name.length);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(name, 2);
    this.#descriptor = openSocket(AF_UNIX, SOCK_DGRAM, 0);
    bindSocket(this.#descriptor, address);
  }

  /** The datagrams that have come since the last call. */
  received(): string[] {
    const messages: string[] = [];
    const buffer = new Uint8Array(4_096);
    for (;;) {
      const length = receive(this.#descriptor, buffer, MSG_DONTWAIT);
      if (length < 0) return messages;
      messages.push(Buffer.from(buffer.subarray(0, length)).toString());
    }
  }

  close(): void {
    closeDescriptor(this.#descriptor);
  }
}
