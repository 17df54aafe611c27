/**
 * The worker thread: owns the socket for changes and the socket for dumps, and does on them what the
 * main thread asks, one request after the other, with system calls that may block.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { errnoOf, reasonOf } from "../errors.ts";
import { enterForGood } from "../native/network-namespace.ts";
import { DumpReader } from "./dump-reader.ts";
import { FingerprintSink } from "./fingerprint.ts";
import { makeTun } from "./link-info-tun.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { PieceRing } from "./piece-ring.ts";
import { readSysctl, writeSysctl } from "./sysctl-file.ts";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-protocol.ts";
import { WriteBatch } from "./write-batch.ts";

function serve(port: MessagePort, start: WorkerStart): void {
  const reply = (message: WorkerReply): void => port.postMessage(message);
  // The thread stays there, so that /proc/sys/net is that namespace's too.
  if (start.netns !== undefined) enterForGood(start.netns);
  const socket = new NetlinkSocket();
  const writes = new WriteBatch(socket);
  const reads = new DumpReader();
  const ring = new PieceRing(start.ring);
  const fingerprint = new FingerprintSink();
  let brokenChain: number | undefined;

  const answer = (request: WorkerRequest): void => {
    const { id } = request;
    switch (request.kind) {
      case "write": {
        const { buffer, sends, chain } = request;
        const isCancelled = chain !== undefined && chain === brokenChain;
        const startedAt = now();
        const failures = isCancelled ? [] : writes.run(buffer, sends);
        if (failures.length > 0) brokenChain = chain;
        reply({ kind: "written", id, failures, isCancelled, startedAt, endedAt: now() });
        return;
      }
      case "read": {
        const sink = ring.sink((index, length) => reply({ kind: "piece", id, index, length }));
        reply({ kind: "read", id, ...reads.read(request.request, sink) });
        return;
      }
      case "fingerprint": {
        const result = reads.read(request.request, fingerprint);
        reply({ kind: "fingerprint", id, ...result, fingerprint: fingerprint.take() });
        return;
      }
      case "read-sysctls": {
        const values = request.names.flatMap((name) => {
          const value = readSysctl(name);
          return value === undefined ? [] : [[name, value] as const];
        });
        reply({ kind: "sysctls", id, values });
        return;
      }
      case "write-sysctl":
        writeSysctl(request.name, request.value);
        reply({ kind: "done", id });
        return;
      case "make-tun":
        makeTun(request.name);
        reply({ kind: "done", id });
        return;
      case "close":
        socket.close();
        reads.close();
        reply({ kind: "done", id });
        port.close();
    }
  };

  port.on("message", (request: WorkerRequest) => {
    try {
      answer(request);
    } catch (error) {
      reply({ kind: "failed", id: request.id, code: errnoOf(error), message: reasonOf(error) });
    }
  });
  reply({ kind: "ready", id: 0, writePortId: socket.portId });
}

/** Comparable between threads, unlike performance.now() alone. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

if (parentPort !== null) serve(parentPort, workerData as WorkerStart);
