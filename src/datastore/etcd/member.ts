/** The connection to one member of an etcd cluster. */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { Tls } from "./access.ts";
import { etcdError } from "./etcd-error.ts";
import type { Call, WatchAnswer, WatchRequest } from "./messages.ts";
import { watch } from "./messages.ts";

/** Times in milliseconds. */
export interface MemberTimings {
  /** For one call and its answer. */
  readonly call: number;
  /** For one page of a list. */
  readonly page: number;
  /** Between two pings of an idle connection; etcd takes less than 5 s for an attack. */
  readonly keepalive: number;
  /** For the answer to a ping. */
  readonly keepaliveAnswer: number;
}

export const memberTimings: MemberTimings = {
  call: 5_000,
  page: 30_000,
  keepalive: 10_000,
  keepaliveAnswer: 5_000,
};

/** An open watch: what is asked, and what comes until it ends. */
export interface WatchStream {
  send(request: WatchRequest): void;
  /** Ends with an EtcdError when the stream does, or quietly after `close`. */
  answers(): AsyncIterable<WatchAnswer>;
  close(): void;
}

export class Member {
  /** "HOST:PORT". */
  readonly endpoint: string;
  readonly #client: Client;
  /** What is under way, to be ended with the connection. */
  readonly #calls = new Set<{ cancel(): void }>();

  constructor(endpoint: string, tls: Tls | undefined, timings: MemberTimings) {
    this.endpoint = endpoint;
    const options: ClientOptions = {
      "grpc.keepalive_time_ms": timings.keepalive,
      "grpc.keepalive_timeout_ms": timings.keepaliveAnswer,
      // A list of a large cluster has pages, but what changed in one step comes in one piece.
      "grpc.max_receive_message_length": -1,
      // A page arrives while the one before it is taken in, not in pieces that wait for each other.
      "grpc-node.flow_control_window": 16 << 20,
      // A fresh connection is what a new Member is made for: none of an earlier one, nor its back-off.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
    };
    const host = endpoint.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    // RFC 6066 allows no address as server name; what the certificate says is checked all the same.
    if (tls !== undefined && isIP(host) !== 0) options["grpc.ssl_target_name_override"] = "etcd";
    this.#client = new Client(endpoint, credentialsOf(tls, host), options);
  }

  /** @throws EtcdError */
  call<Request, Answer>(
    { path, request, answer }: Call<Request, Answer>,
    value: Request,
    { deadline, token }: { deadline: number; token?: string | undefined },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const metadata = metadataOf(token);
      const options = { deadline: Date.now() + deadline };
      const { encode } = request;
      const { decode } = answer;
      const done = (error: ServiceError | null, got?: Answer): void => {
        this.#calls.delete(running);
        if (got !== undefined) resolve(got);
        else reject(etcdError(error, this.endpoint, deadline));
      };
      const client = this.#client;
      const running = client.makeUnaryRequest(path, encode, decode, value, metadata, options, done);
      this.#calls.add(running);
    });
  }

  /** A watch, which ends when the member loses sight of the cluster's leader. */
  watch(token: string | undefined): WatchStream {
    const metadata = metadataOf(token);
    metadata.set("hasleader", "true");
    const { path, request, answer } = watch;
    const stream = this.#client.makeBidiStreamRequest(
      path,
      request.encode,
      answer.decode,
      metadata,
    );
    this.#calls.add(stream);
    stream.on("close", () => this.#calls.delete(stream));
    // What is not iterated over any more still ends with an error, which nobody waits for.
    stream.on("error", () => undefined);
    const { endpoint } = this;
    return {
      send: (value) => void stream.write(value),
      close: () => stream.cancel(),
      async *answers() {
        try {
          for await (const one of stream) yield one as WatchAnswer;
        } catch (error) {
          throw etcdError(error, endpoint, 0);
        }
        throw etcdError({ code: 14, details: "the server ended the watch" }, endpoint, 0);
      },
    };
  }

  /** Nothing new begins on this connection; what is under way goes on to its end or deadline. */
  retire(): void {
    this.#client.close();
  }

  /** What is under way ends with an error. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("token", token);
  return metadata;
}

function credentialsOf(tls: Tls | undefined, host: string): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca = null, key = null, cert = null } = tls;
  return credentials.createSsl(ca, key, cert, {
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  });
}
