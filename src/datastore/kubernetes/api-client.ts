/**
 * Requests to an API server: who we are, deadlines, answers as JSON, watches line by line. What an
 * answer means for the datastore is decided by the callers.
 */
import { CausewayError, reasonOf } from "../../errors.ts";
import { VERSION } from "../../version.ts";
import type { Access } from "./access.ts";
import { connectTo } from "./connect.ts";
import {
  type Connection,
  type ConnectionTimings,
  connectionTimings,
  type HttpRequest,
  type HttpResponse,
} from "./connection.ts";
import { JsonLines } from "./json-lines.ts";

export interface Answer {
  readonly status: number;
  /** Parsed; undefined where the answer is no JSON, as that for a group which is not served. */
  readonly value: unknown;
  /** Milliseconds for which the server asks to be left alone. */
  readonly retryAfter: number | undefined;
}

export interface ApiRequest {
  readonly method: HttpRequest["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  readonly contentType?: string;
}

/** Milliseconds for an answer, its body included. */
const DEADLINE = 30_000;

export class ApiClient {
  readonly #access: Access;
  readonly #timings: ConnectionTimings;
  readonly #stop = new AbortController();
  #connecting: Promise<Connection> | undefined;
  #connection: Connection | undefined;

  constructor(access: Access, timings: Partial<ConnectionTimings> = {}) {
    this.#access = access;
    this.#timings = { ...connectionTimings, ...timings };
  }

  get server(): string {
    return this.#access.server.href.replace(/\/$/, "");
  }

  /** @throws CausewayError `datastore` where there is no answer in time */
  async request(request: ApiRequest, signal?: AbortSignal): Promise<Answer> {
    const late = AbortSignal.timeout(DEADLINE);
    try {
      const within = AbortSignal.any([late, this.#stop.signal, ...(signal ? [signal] : [])]);
      const response = await this.#send(request, within);
      return await readAnswer(response);
    } catch (error) {
      throw this.#failure(late.aborted ? `no answer within ${DEADLINE / 1_000} s` : error);
    }
  }

  /**
   * Opens a stream of JSON lines.
   * @returns the lines, or the answer where the status is not 200
   * @throws CausewayError `datastore`, here and from the lines
   */
  async stream(
    request: Omit<ApiRequest, "method">,
    signal: AbortSignal,
  ): Promise<AsyncIterable<unknown> | Answer> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), DEADLINE);
    try {
      const within = AbortSignal.any([late.signal, this.#stop.signal, signal]);
      const response = await this.#send({ ...request, method: "GET" }, within);
      return response.status === 200 ? this.#lines(response) : await readAnswer(response);
    } catch (error) {
      throw this.#failure(late.signal.aborted ? `no answer within ${DEADLINE / 1_000} s` : error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The longest that a watch should last on the connection there is, in milliseconds. */
  async longestWatch(): Promise<number> {
    try {
      return (await this.#connected()).longestWatch;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  close(): void {
    this.#stop.abort();
    this.#connection?.close();
  }

  async *#lines({ body, isCut }: HttpResponse): AsyncGenerator<unknown> {
    const lines = new JsonLines();
    try {
      for await (const chunk of body) yield* lines.push(chunk);
      if (isCut?.() === true) throw new Error("the connection was lost");
      lines.end();
    } catch (error) {
      throw this.#failure(error);
    } finally {
      body.destroy();
    }
  }

  async #send(request: ApiRequest, signal: AbortSignal): Promise<HttpResponse> {
    let wasRefused = false;
    for (;;) {
      const authorization = await this.#access.authorization(wasRefused);
      const connection = await this.#connected();
      const response = await connection.send(this.#toHttp(request, authorization), signal);
      if (response.status !== 401 || wasRefused) return response;
      // A certificate that is refused is replaced with a new connection only.
      if (authorization === undefined) this.#drop(connection);
      response.body.resume();
      wasRefused = true;
    }
  }

  #toHttp(request: ApiRequest, authorization: string | undefined): HttpRequest {
    const { method, path, query = {}, body, contentType = "application/json" } = request;
    const given = Object.entries(query).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as [string, string]],
    );
    const search = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
    return {
      method,
      path: `${this.#access.server.pathname.replace(/\/$/, "")}${path}${search}`,
      headers: {
        accept: "application/json",
        "user-agent": `causeway/${VERSION}`,
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
  }

  /** The one connection; made anew where the last one is over. */
  async #connected(): Promise<Connection> {
    if (this.#connection !== undefined && !this.#connection.isOver) return this.#connection;
    this.#connecting ??= connectTo(this.#access, this.#timings).finally(() => {
      this.#connecting = undefined;
    });
    const connection = await this.#connecting;
    if (this.#stop.signal.aborted) connection.close();
    this.#connection = connection;
    return connection;
  }

  #drop(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  #failure(error: unknown): CausewayError {
    if (typeof error === "string")
      return new CausewayError("datastore", `${this.server}: ${error}`);
    if (error instanceof CausewayError && error.message.startsWith(this.server)) return error;
    return new CausewayError("datastore", `${this.server}: ${reasonOf(error)}`, { cause: error });
  }
}

async function readAnswer({ status, headers, body, isCut }: HttpResponse): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  if (isCut?.() === true) throw new Error("the connection was lost");
  const isJson = /\bjson\b/.test(String(headers["content-type"] ?? ""));
  const value: unknown = isJson ? JSON.parse(Buffer.concat(chunks).toString("utf8")) : undefined;
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return { status, value, retryAfter: Number.isNaN(seconds) ? undefined : seconds * 1_000 };
}
