/** A socket for each watch and one for the rest: for servers and proxies that speak HTTP/1.1 only. */
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { TlsIdentity } from "./access.ts";
import type { Connection, ConnectionTimings, HttpRequest, HttpResponse } from "./connection.ts";

export class Http1Connection implements Connection {
  readonly longestWatch: number;
  readonly #server: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  isOver = false;

  constructor(server: URL, identity: TlsIdentity, timings: ConnectionTimings) {
    this.#server = server;
    const options = { keepAlive: true, keepAliveMsecs: timings.idle, maxFreeSockets: 4 };
    this.#agent =
      server.protocol === "http:"
        ? new HttpAgent(options)
        : new HttpsAgent({ ...options, ...identity, ALPNProtocols: ["http/1.1"] });
    this.longestWatch = Math.min(timings.watch, timings.idle + timings.answer);
  }

  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body } = request;
      const { hostname, port, protocol } = this.#server;
      const send = protocol === "http:" ? httpRequest : httpsRequest;
      const sent = send({
        method,
        path,
        headers: body === undefined ? headers : { ...headers, "content-length": byteLength(body) },
        hostname: hostname.replace(/^\[|\]$/g, ""),
        ...(port === "" ? {} : { port }),
        agent: this.#agent,
        signal,
      });
      sent.once("error", reject);
      sent.once("response", (received) => {
        received.on("error", () => {});
        resolve({ status: received.statusCode ?? 0, headers: received.headers, body: received });
      });
      sent.end(body);
    });
  }

  close(): void {
    this.isOver = true;
    this.#agent.destroy();
  }
}

function byteLength(text: string): string {
  return String(Buffer.byteLength(text));
}
