// One end of a TCP connection, in the network namespace of a pod.

import { randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { enterForGood } from "../../src/native/network-namespace.ts";
import type { TcpRole } from "./tcp-echo.ts";

const PATIENCE_MS = 20_000;

const role = workerData as TcpRole;
const say = (text: string): void => parentPort?.postMessage(text);

enterForGood(role.netns);
if ("listens" in role) {
  const server = createServer((socket) => socket.pipe(socket));
  server.listen(role.port, () => say("listening"));
} else {
  const sent = randomBytes(role.bytes);
  const received: Buffer[] = [];
  const socket = connect(role.port, role.to, () => socket.end(sent));
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("nothing came for a long time")));
  socket.on("data", (part) => received.push(part));
  socket.on("end", () => {
    const isSame = Buffer.concat(received).equals(sent);
    say(isSame ? "the same came back" : "something else came back");
  });
}
