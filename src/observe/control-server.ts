/** The agent's control socket: HTTP over a Unix socket in the run dir, for its owner only. */
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { reasonOf } from "../errors.ts";
import { controlSocketPath, type RunDir } from "./run-dir.ts";

/** A long list as an answer: `{ "rows": [ … ] }`, made and sent piece by piece. */
export class RowsAnswer {
  readonly rows: Iterable<unknown>;

  constructor(rows: Iterable<unknown>) {
    this.rows = rows;
  }
}

/** Answers by method and path, for example "GET /status"; the value is sent as JSON. */
export type ControlRoutes = Readonly<
  Record<string, (query: URLSearchParams) => unknown | Promise<unknown>>
>;

/** So many rows are one piece of a long answer. */
const ROWS_PER_PIECE = 200;

export class ControlServer {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** Listens in the run dir, in the place of any socket that is left there; its mode is 0600. */
  static async listen(runDir: RunDir, routes: ControlRoutes): Promise<ControlServer> {
    const path = controlSocketPath(runDir.path);
    rmSync(path, { force: true });
    const server = createServer((request, response) => void answer(routes, request, response));
    const umask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(path, resolve);
      });
    } finally {
      process.umask(umask);
    }
    return new ControlServer(server, path);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#path, { force: true });
  }
}

async function answer(
  routes: ControlRoutes,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://agent");
  const handler = routes[`${request.method} ${url.pathname}`];
  let status = 200;
  let body: unknown;
  try {
    if (handler) body = await handler(url.searchParams);
    else [status, body] = [404, { error: `no such request: ${request.method} ${url.pathname}` }];
  } catch (error) {
    [status, body] = [500, { error: reasonOf(error) }];
  }
  response.writeHead(status, { "content-type": "application/json" });
  if (body instanceof RowsAnswer) await sendRows(body.rows, response);
  else response.end(`${JSON.stringify(body)}\n`);
}

/** A turn of the event loop lies between two pieces; who does not read them is not waited for. */
async function sendRows(rows: Iterable<unknown>, response: ServerResponse): Promise<void> {
  let piece = '{"rows":[';
  let count = 0;
  for (const row of rows) {
    piece += `${count === 0 ? "" : ","}${JSON.stringify(row)}`;
    if (++count % ROWS_PER_PIECE > 0) continue;
    response.write(piece);
    piece = "";
    await nextTurn();
    if (response.destroyed) return;
  }
  response.end(`${piece}]}\n`);
}

/** True if an agent answers in the run dir. */
export function isAgentRunning(runDir: string): Promise<boolean> {
  return isAnswered(controlSocketPath(runDir));
}

/** True if somebody listens on the Unix socket. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
