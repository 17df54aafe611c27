/** All requests and watches over one connection, with a ping to find out that the server is silent. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import type { Duplex } from "node:stream";
import { CausewayError } from "../../errors.ts";
import type { Connection, ConnectionTimings, HttpRequest, HttpResponse } from "./connection.ts";

/** Window of the connection, which all watches and lists share; 64 KiB would hold lists up. */
const WINDOW = 8 << 20;

export class Http2Connection implements Connection {
  readonly longestWatch: number;
  readonly #session: ClientHttp2Session;
  readonly #timings: ConnectionTimings;
  readonly #pulse: NodeJS.Timeout;
  #isAsked = false;
  #bytesRead = 0;

  /** @param socket with TLS done, and HTTP/2 agreed on */
  constructor(server: URL, socket: Duplex, timings: ConnectionTimings) {
    this.#timings = timings;
    this.longestWatch = timings.watch;
    this.#session = connect(server, {
      createConnection: () => socket,
      settings: { initialWindowSize: WINDOW, enablePush: false },
    });
    this.#session.once("connect", () => this.#session.setLocalWindowSize(WINDOW));
    // Told to the requests as well.
    this.#session.on("error", () => {});
    this.#session.once("close", () => clearInterval(this.#pulse));
    this.#pulse = setInterval(() => this.#checkPulse(), timings.idle).unref();
  }

  get isOver(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body } = request;
      const stream = this.#session.request(
        { ...headers, ":method": method, ":path": path },
        { endStream: body === undefined, signal },
      );
      stream.once("error", reject);
      stream.once("close", () => reject(lost(stream)));
      stream.once("response", (received: IncomingHttpHeaders & { ":status"?: number }) => {
        // Whoever reads the body hears of its errors; nobody reads a body that is dropped.
        stream.on("error", () => {});
        resolve({
          status: received[":status"] ?? 0,
          headers: received,
          body: stream,
          // To Node a stream that goes down with its connection has ended like any other.
          isCut: () => stream.rstCode !== constants.NGHTTP2_NO_ERROR,
        });
      });
      if (body !== undefined) stream.end(body);
    });
  }

  close(): void {
    this.#session.destroy();
  }

  #checkPulse(): void {
    const bytesRead = this.#session.socket?.bytesRead ?? 0;
    const isQuiet = bytesRead === this.#bytesRead;
    this.#bytesRead = bytesRead;
    if (!isQuiet || this.#isAsked || this.isOver) return;
    this.#isAsked = true;
    // After a stop of our own, of this process or its machine, the answer may lie unread: once round the
    // event loop, and it is read.
    const silent = setTimeout(
      () => setImmediate(() => this.#giveUp(bytesRead)),
      this.#timings.answer,
    );
    const isAsked = this.#session.ping((error) => {
      clearTimeout(silent);
      this.#isAsked = false;
      if (error !== null) this.#session.destroy(error);
    });
    if (!isAsked) clearTimeout(silent);
  }

  #giveUp(bytesRead: number): void {
    if (this.isOver || this.#session.socket?.bytesRead !== bytesRead) return;
    const seconds = Math.round((this.#timings.idle + this.#timings.answer) / 1_000);
    this.#session.destroy(
      new CausewayError("datastore", `the API server has been silent for ${seconds} s`),
    );
  }
}

function lost({ rstCode }: ClientHttp2Stream): Error {
  const isRefused = rstCode === constants.NGHTTP2_REFUSED_STREAM;
  return new Error(isRefused ? "the server refused a stream" : "the connection was lost");
}
