/** A connection to an API server, of the newest HTTP that it speaks. */
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import type { Access } from "./access.ts";
import type { Connection, ConnectionTimings } from "./connection.ts";
import { Http1Connection } from "./http1-connection.ts";
import { Http2Connection } from "./http2-connection.ts";

/** @throws a system or TLS error */
export async function connectTo(access: Access, timings: ConnectionTimings): Promise<Connection> {
  const { server } = access;
  const identity = await access.tls();
  if (server.protocol === "http:") return new Http1Connection(server, identity, timings);
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const socket = connectTls({
    ...identity,
    host,
    port: Number(server.port || 443),
    // SNI is for names; an address is checked against the certificate all the same.
    ...(identity.servername !== undefined || /^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ALPNProtocols: ["h2", "http/1.1"],
  });
  // A host that is switched off answers to nothing: with this the kernel finds out by itself.
  socket.setKeepAlive(true, timings.idle);
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(timings.connect) });
  } catch (error) {
    socket.destroy();
    throw error instanceof Error && error.name === "AbortError"
      ? new Error(`no connection within ${timings.connect / 1_000} s`)
      : error;
  }
  if (socket.alpnProtocol === "h2") return new Http2Connection(server, socket, timings);
  socket.destroy();
  return new Http1Connection(server, identity, timings);
}
