// One end of a TCP connection in a network namespace: sends so many bytes, and hashes what it gets until the other end
// has sent all of its own.

import { createCipheriv, createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { enterForGood } from "../../../src/native/network-namespace.ts";
import type { StreamEnd, StreamHashes } from "./streams.ts";

const CHUNK = 64 * 1024;
const PATIENCE_MS = 30_000;

const end = workerData as StreamEnd;
enterForGood(end.netns);

if (end.to === undefined) {
  const server = createServer((socket) => {
    server.close();
    exchange(socket);
  });
  server.listen(end.port, () => parentPort?.postMessage("listening"));
} else {
  const socket: Socket = connect(end.port, end.to, () => exchange(socket));
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("nothing came for a long time")));
}

function exchange(socket: Socket): void {
  const sent = createHash("sha256");
  const received = createHash("sha256");
  // Bytes that look random, and differ from end to end.
  const source = createCipheriv("aes-128-ctr", Buffer.alloc(16, end.seed), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK);
  let left = end.bytes;
  const sendMore = (): void => {
    while (left > 0) {
      const chunk = source.update(zeros.subarray(0, Math.min(left, CHUNK)));
      left -= chunk.length;
      sent.update(chunk);
      if (!socket.write(chunk)) {
        socket.once("drain", sendMore);
        return;
      }
    }
    socket.end();
  };
  socket.on("data", (part) => received.update(part));
  socket.on("end", () => {
    const finish = (): void => {
      const hashes: StreamHashes = { sent: sent.digest("hex"), received: received.digest("hex") };
      parentPort?.postMessage(hashes);
    };
    if (socket.writableFinished) finish();
    else socket.once("finish", finish);
  });
  sendMore();
}
