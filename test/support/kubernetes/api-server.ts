/**
 * A small Kubernetes API server for tests, written from the public description of the API: lists in
 * pages, watches with bookmarks, optimistic locking, schemas, bearer tokens, over TLS with HTTP/2
 * and HTTP/1.1. Test equipment; each thing that can go wrong is a switch (faults.ts).
 */
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createHttp1Server, type Server as Http1Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { inNetworkNamespace } from "../../../src/native/network-namespace.ts";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { Faults } from "./faults.ts";
import { allKinds, apiVersionOf, type ServedKind } from "./kinds.ts";
import { ObjectStore } from "./object-store.ts";
import { answerRequest } from "./resource-requests.ts";
import { failure } from "./status.ts";
import { WatchStream } from "./watch-stream.ts";

export interface ApiServerOptions {
  readonly bookmarkEvery?: number;
  /** Only HTTP/1.1, as behind some proxies. */
  readonly onlyHttp1?: boolean;
  /** Listens in the network namespace of this file, on all its addresses. */
  readonly netns?: string;
}

/** One request as the server saw it. */
export interface SeenRequest {
  /** `performance.now()` of the server. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
  code: number;
}

export class ApiServer {
  readonly store: ObjectStore = new ObjectStore();
  readonly faults: Faults = new Faults();
  /** Tokens that are good now. */
  readonly tokens: Set<string> = new Set(["first"]);
  /** `group/version plural` of what is served now; "v1 nodes" for the core group. */
  readonly served: Set<string> = new Set(allKinds.map(servedName));
  readonly requests: SeenRequest[] = [];
  /** Called with every request once it has its answer; for counting without keeping. */
  onRequest: ((request: SeenRequest) => void) | undefined;
  keepsRequests = true;
  onConnection: (() => void) | undefined;
  port = 0;

  readonly #certificate: Certificate;
  readonly #options: ApiServerOptions;
  readonly #watches = new Set<WatchStream>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  #server: Http1Server | Http2SecureServer | undefined;

  private constructor(certificate: Certificate, options: ApiServerOptions) {
    this.#certificate = certificate;
    this.#options = options;
  }

  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const server = new ApiServer(await makeCertificate(), options);
    await server.listen();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** PEM of the authority that clients have to trust. */
  get ca(): string {
    return this.#certificate.cert;
  }

  get watches(): ReadonlySet<WatchStream> {
    return this.#watches;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** On the port it had before, if it had one. */
  async listen(): Promise<void> {
    const { cert, key } = this.#certificate;
    const server = this.#options.onlyHttp1
      ? createHttp1Server({ cert, key })
      : createSecureServer({ cert, key, allowHTTP1: true });
    this.#server = server;
    server.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
    });
    server.on("connection", (socket: Socket) => {
      this.onConnection?.();
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("secureConnection", (socket: Socket) => socket.on("error", () => {}));
    server.on("tlsClientError", () => {});
    // What is used of requests and answers is the same for both.
    const answer = (request: Http2ServerRequest, response: Http2ServerResponse): void =>
      void this.#answer(request, response);
    server.on("request", answer as () => void);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const { netns } = this.#options;
      const backlog = 4096;
      // Without a name to look up Node makes the socket at once, which then belongs to the namespace.
      if (netns === undefined) {
        server.listen({ port: this.port, host: "127.0.0.1", backlog }, resolve);
      } else {
        inNetworkNamespace(netns, () => server.listen({ port: this.port, backlog }, resolve));
      }
    });
    this.port = (server.address() as AddressInfo).port;
  }

  /** Ends every connection and refuses new ones; what is stored stays. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.cutConnections();
    await closed;
  }

  /** @param options.isGraceful every watch ends as if its time were up, as at a planned restart */
  async restart(options: { away?: number; forgets?: boolean; isGraceful?: boolean } = {}) {
    if (options.isGraceful) for (const watch of this.#watches) watch.end();
    await this.stop();
    if (options.forgets) this.store.forgetHistory();
    await new Promise((resolve) => setTimeout(resolve, options.away ?? 0));
    await this.listen();
  }

  cutConnections(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends every watch without a word, and leaves the connections. */
  cutWatches(): void {
    for (const watch of this.#watches) watch.cut();
  }

  /** As when a custom resource definition is removed, or added again. */
  serve(name: string, isServed: boolean): void {
    for (const one of [...this.served, ...allKinds.map(servedName)]) {
      if (!one.startsWith(name)) continue;
      if (isServed) this.served.add(one);
      else this.served.delete(one);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #answer(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url, this.url);
    const isWatch = query.get("watch") === "true" || query.get("watch") === "1";
    const { method } = request;
    const seen = { at: performance.now(), method, path: pathname, query, isWatch, code: 200 };
    if (this.keepsRequests) this.requests.push(seen);
    const body = await readBody(request);
    if (this.faults.delay > 0) await new Promise((go) => setTimeout(go, this.faults.delay));
    const say = (code: number, value: object | string, headers: Record<string, string> = {}) => {
      seen.code = code;
      const isText = typeof value === "string";
      const type = isText ? "text/plain; charset=utf-8" : "application/json";
      response.writeHead(code, { ...headers, "content-type": type });
      response.end(isText ? value : JSON.stringify(value));
    };
    this.#route(request, response, { seen, body, say });
    this.onRequest?.(seen);
  }

  #route(
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    { seen, body, say }: { seen: SeenRequest; body: string; say: Say },
  ): void {
    const { path, query, method } = seen;
    if (!this.#isAuthorized(request)) {
      say(401, failure(401, "Unauthorized"));
      return;
    }
    if (path === "/version") {
      say(200, { major: "1", minor: "33", gitVersion: "v1.33.0" });
      return;
    }
    const [, core, group, version, plural, name, subresource] =
      /^\/(?:(api)|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/[^/]+)?(?:\/([^/]+)(?:\/([^/]+)(?:\/(status))?)?)?$/.exec(
        path,
      ) ?? [];
    const groupVersion = core === undefined ? `${group}/${version}` : `${version}`;
    const refused = this.faults.takeRefusal(plural ?? "");
    if (refused !== undefined) {
      const { code, retryAfter } = refused;
      const headers = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
      say(code, failure(code, refusalText(code, plural ?? "", groupVersion)), headers);
      return;
    }
    const kind = allKinds.find(
      (one) => apiVersionOf(one) === groupVersion && one.plural === plural,
    );
    if (plural === undefined) {
      const kinds = allKinds.filter(
        (one) => apiVersionOf(one) === groupVersion && this.served.has(servedName(one)),
      );
      if (kinds.length === 0) say(404, "404 page not found\n");
      else say(200, discovery(groupVersion, kinds));
      return;
    }
    if (kind === undefined || !this.served.has(servedName(kind))) {
      say(404, "404 page not found\n");
      return;
    }
    if (seen.isWatch && method === "GET" && name === undefined) {
      if (this.faults.take("goneAtStart")) {
        say(410, failure(410, "The resourceVersion for the provided watch is too old."));
        return;
      }
      const from = Number(query.get("resourceVersion") ?? 0);
      if (from > this.store.revision) {
        const message = `Too large resource version: ${from}, current: ${this.store.revision}`;
        const causes = [
          { reason: "ResourceVersionTooLarge", message: "Too large resource version" },
        ];
        say(504, failure(504, message, { reason: "Timeout", details: { causes } }));
        return;
      }
      const { bookmarkEvery = 60_000 } = this.#options;
      const { store, faults } = this;
      const key = storeKey(kind);
      const options = { store, faults, kind, key, query, bookmarkEvery };
      const watch = new WatchStream(response, options, () => this.#watches.delete(watch));
      this.#watches.add(watch);
      watch.begin();
      return;
    }
    const { code, value } = answerRequest(this.store, this.faults, {
      kind,
      key: storeKey(kind),
      method,
      name,
      isStatus: subresource !== undefined,
      query,
      body,
      contentType: request.headers["content-type"] ?? "",
    });
    say(code, value);
  }

  #isAuthorized(request: Http2ServerRequest): boolean {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
    return token !== undefined && this.tokens.has(token);
  }
}

type Say = (code: number, value: object | string, headers?: Record<string, string>) => void;

function servedName(kind: ServedKind): string {
  return `${apiVersionOf(kind)} ${kind.plural}`;
}

/** One storage for a kind of both groups would be a lie: each group has its own. */
function storeKey(kind: ServedKind): string {
  return servedName(kind);
}

function discovery(groupVersion: string, kinds: readonly ServedKind[]): object {
  const verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
  const resources = kinds.map(({ plural, kind }) => ({
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced: false,
    kind,
    verbs,
  }));
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}

function refusalText(code: number, plural: string, groupVersion: string): string {
  if (code !== 403) return "the server is currently unable to handle the request";
  const [group] = groupVersion.includes("/") ? groupVersion.split("/") : [""];
  const who = 'User "system:serviceaccount:causeway:causeway"';
  const what = `resource "${plural}" in API group "${group}"`;
  return `${plural} is forbidden: ${who} cannot list ${what} at the cluster scope`;
}

async function readBody(request: Http2ServerRequest): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
