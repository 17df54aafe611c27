/** One open watch: a line of JSON for each event, bookmarks between them, an end when its time is up. */
import { constants, type Http2ServerResponse } from "node:http2";
import type { Faults } from "./faults.ts";
import { apiVersionOf, type ServedKind } from "./kinds.ts";
import type { ObjectStore } from "./object-store.ts";
import { failure } from "./status.ts";

export interface WatchOptions {
  readonly store: ObjectStore;
  readonly faults: Faults;
  readonly kind: ServedKind;
  /** The store's word for the kind. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** Milliseconds between two bookmarks. */
  readonly bookmarkEvery: number;
}

export class WatchStream {
  readonly #response: Http2ServerResponse;
  readonly #options: WatchOptions;
  readonly #onClose: () => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #stop: (() => void) | undefined;

  constructor(response: Http2ServerResponse, options: WatchOptions, onClose: () => void) {
    this.#response = response;
    this.#options = options;
    this.#onClose = onClose;
    response.on("close", () => this.#close());
    response.on("error", () => {});
  }

  begin(): void {
    const { store, faults, key, query, bookmarkEvery } = this.#options;
    this.#response.writeHead(200, { "content-type": "application/json" });
    // Over HTTP/1.1 Node sends the head with the first byte of the body, which may be long in coming.
    if ("flushHeaders" in this.#response) (this.#response.flushHeaders as () => void)();
    const revision = query.get("resourceVersion") ?? undefined;
    const stop = faults.take("goneInStream")
      ? "gone"
      : store.watch(key, revision, ({ type, object }) => this.#say(type, this.#typed(object)));
    if (stop === "gone") {
      this.expire();
      return;
    }
    this.#stop = stop;
    if (query.get("allowWatchBookmarks") === "true") {
      this.#timers.push(setInterval(() => this.bookmark(), bookmarkEvery));
    }
    const seconds = Number(query.get("timeoutSeconds") ?? 1_800);
    this.#timers.push(setTimeout(() => this.end(), seconds * 1_000));
  }

  bookmark(): void {
    const resourceVersion = String(this.#options.store.revision);
    this.#say("BOOKMARK", this.#typed({ metadata: { resourceVersion, creationTimestamp: null } }));
  }

  /** Its history is gone from under it: an ERROR event, then the end. */
  expire(): void {
    const { query, store } = this.#options;
    const asked = query.get("resourceVersion");
    this.#say("ERROR", failure(410, `too old resource version: ${asked} (${store.revision})`));
    this.#response.end();
  }

  /** As when its time is up. */
  end(): void {
    if (!this.#options.faults.isMute) this.#response.end();
  }

  /** A line that is no JSON, as something in between might put there. */
  garble(): void {
    this.#response.write("<html>502</html>\n");
  }

  /** Half a line, and then the end. */
  truncate(): void {
    this.#response.write('{"type":"MODIFIED","object":{"metadata":{"na');
    this.#response.end();
  }

  /** The stream over HTTP/2, the whole connection over HTTP/1.1. */
  cut(): void {
    if (this.#response.stream === undefined) this.#response.socket?.destroy();
    else this.#response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  #say(type: string, object: object): void {
    if (this.#options.faults.isMute || this.#response.writableEnded) return;
    this.#response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #typed(object: object): object {
    const { kind } = this.#options;
    return { kind: kind.kind, apiVersion: apiVersionOf(kind), ...object };
  }

  #close(): void {
    this.#stop?.();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#onClose();
  }
}
