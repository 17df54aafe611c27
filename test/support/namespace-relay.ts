// Lets the processes of a network namespace reach a server outside of it: what connects to a port inside is connected
// to one on this machine's loopback.

import { connect, createServer, type Server, type Socket } from "node:net";
import { inNetworkNamespace } from "../../src/demo/network-namespace.ts";

export class NamespaceRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param namespace by the name that `ip netns` knows */
  constructor(namespace: string, port: number) {
    this.#server = createServer((inside) => this.#join(inside, connect(port, "127.0.0.1")));
    // Without a host nothing has to be looked up: the socket is made before the call returns.
    inNetworkNamespace(namespace, () => this.#server.listen(port));
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(inside: Socket, outside: Socket): void {
    for (const [socket, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
