/** The agent's control socket: HTTP over a Unix socket in the run dir, for its owner only. */
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { CausewayError, reasonOf } from "../errors.ts";

/** Answers by method and path, for example "GET /status"; the value is sent as JSON. */
export type ControlRoutes = Readonly<
  Record<string, (query: URLSearchParams) => unknown | Promise<unknown>>
>;

export function controlSocketPath(runDir: string): string {
  return join(runDir, "causeway.sock");
}

export class ControlServer {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /**
   * Listens in `runDir`, which is made if needed (mode 0700); the socket has mode 0600.
   * @throws CausewayError "agent" if another agent answers there.
   */
  static async listen(runDir: string, routes: ControlRoutes): Promise<ControlServer> {
    const path = controlSocketPath(runDir);
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    if (await isAnswered(path)) {
      throw new CausewayError(
        "agent",
        `another agent runs with --run-dir ${runDir}; stop it, or give this one a directory of its own`,
      );
    }
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
  response.end(`${JSON.stringify(body)}\n`);
}

/** True if an agent answers in the run dir. */
export function isAgentRunning(runDir: string): Promise<boolean> {
  return isAnswered(controlSocketPath(runDir));
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
