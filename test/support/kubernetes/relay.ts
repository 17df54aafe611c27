/** A TCP relay in front of a server: it can go silent with its connections open, or cut them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Relay {
  readonly #port: number;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isSilent = false;
  /** New connections are cut at once. */
  isRefusing = false;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((near) => this.#join(near));
  }

  /**
   * @param port where the real server listens on the loopback
   * @param listen makes the relay listen; by default at any port of the loopback
   */
  static async start(
    port: number,
    listen: (server: Server) => unknown = (server) => server.listen(0, "127.0.0.1"),
  ): Promise<Relay> {
    const relay = new Relay(port);
    const listening = once(relay.#server, "listening");
    listen(relay.#server);
    await listening;
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Not a byte more in either direction, on connections of now and of later. */
  silence(isSilent: boolean): void {
    this.#isSilent = isSilent;
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        if (isSilent) socket.pause();
        else socket.resume();
      }
    }
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket): void {
    if (this.isRefusing) {
      near.destroy();
      return;
    }
    const far = connect(this.#port, "127.0.0.1");
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const carry = (from: Socket, to: Socket): void => {
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => {});
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#isSilent) from.pause();
    };
    carry(near, far);
    carry(far, near);
  }
}
