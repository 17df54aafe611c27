/** The port to one connection with an API server: HTTP/2 where the server speaks it, else HTTP/1.1. */
import type { Readable } from "node:stream";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
  /** The body has ended because the connection did; where that is not an error of the body already. */
  readonly isCut?: () => boolean;
}

export interface Connection {
  /** No further request can be sent: it ended, or the server asked for another one. */
  readonly isOver: boolean;
  /**
   * The longest that a watch may last, in milliseconds. Over HTTP/2 a silent server is found by a
   * ping; over HTTP/1.1 only by a watch whose end does not come.
   */
  readonly longestWatch: number;
  /** Rejects with a system error where there is no answer. `signal` also ends the body. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  close(): void;
}

/** Times in milliseconds. */
export interface ConnectionTimings {
  /** To connect, TLS included; long, or what an overloaded server does for us would be for nothing. */
  readonly connect: number;
  /** Without a byte from the server for this time, it is asked whether it is there … */
  readonly idle: number;
  /** … and has this long to answer. */
  readonly answer: number;
  /** The longest that a watch may last where a silent server is found otherwise. */
  readonly watch: number;
}

export const connectionTimings: ConnectionTimings = {
  connect: 30_000,
  idle: 15_000,
  answer: 15_000,
  watch: 600_000,
};
