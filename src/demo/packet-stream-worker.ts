/** The thread behind PacketStream. Never returns to its event loop before it is told to stop. */
import { parentPort, workerData } from "node:worker_threads";
import { type EchoPath, EchoSocket, SMALLEST_PACKET } from "./echo-socket.ts";
import type { StreamResult } from "./packet-stream.ts";
import { STREAM_SENT, STREAM_STOP, type StreamGap, type StreamOrder } from "./packet-stream.ts";

/** How long the first packet of each path is waited for, so that a stream starts on a good path. */
const FIRST_ANSWER_MS = 5_000;

class Flow {
  readonly path: EchoPath;
  readonly #socket: EchoSocket;
  /** By sequence number: when it was sent; the answered ones. */
  readonly #sentAt: number[] = [];
  readonly #answered: boolean[] = [];
  #answers = 0;
  /** Packets before the stream proper: not counted. */
  #first = 0;

  constructor(path: EchoPath) {
    this.path = path;
    this.#socket = new EchoSocket(path);
  }

  get isComplete(): boolean {
    return this.#answers >= this.#sentAt.length;
  }

  get isAnswered(): boolean {
    return this.#answers > 0;
  }

  send(): void {
    const sequence = this.#sentAt.length;
    this.#sentAt.push(performance.timeOrigin + performance.now());
    // A packet that the kernel refuses to send, for want of a route, is lost as well.
    this.#socket.send(sequence, SMALLEST_PACKET);
  }

  hear(): void {
    for (;;) {
      const answer = this.#socket.receive();
      if (answer === undefined) return;
      if (typeof answer === "string" || answer < this.#first) continue;
      if (this.#answered[answer] === true) continue;
      this.#answered[answer] = true;
      this.#answers += 1;
    }
  }

  /** Counts from here on. */
  begin(): void {
    this.#first = this.#sentAt.length;
    this.#answers = this.#first;
  }

  close(): StreamResult {
    this.#socket.close();
    const gaps: StreamGap[] = [];
    const total = this.#sentAt.length;
    let lost = 0;
    for (let at = this.#first; at < total; at++) {
      if (this.#answered[at] === true) continue;
      let end = at;
      while (end < total && this.#answered[end] !== true) end += 1;
      const before = this.#sentAt[Math.max(at - 1, 0)] ?? 0;
      const after = this.#sentAt[Math.min(end, total - 1)] ?? 0;
      gaps.push({ at: this.#sentAt[at] ?? 0, milliseconds: after - before, packets: end - at });
      lost += end - at;
      at = end;
    }
    return { path: this.path, sent: total - this.#first, lost, gaps };
  }
}

const { order, shared } = workerData as { order: StreamOrder; shared: Int32Array };
const isStopped = (): boolean => Atomics.load(shared, STREAM_STOP) !== 0;
const pause = (milliseconds: number): void =>
  void Atomics.wait(shared, STREAM_STOP, 0, milliseconds);

const flows = order.paths.map((path) => new Flow(path));
const giveUp = performance.now() + FIRST_ANSWER_MS;
while (!flows.every((flow) => flow.isAnswered) && performance.now() < giveUp && !isStopped()) {
  for (const flow of flows) if (!flow.isAnswered) flow.send();
  pause(5);
  for (const flow of flows) flow.hear();
}
for (const flow of flows) flow.begin();
parentPort?.postMessage("running");

let due = performance.now();
while (!isStopped()) {
  for (const flow of flows) flow.send();
  for (const flow of flows) flow.hear();
  Atomics.add(shared, STREAM_SENT, flows.length);
  due += order.intervalMs;
  const left = due - performance.now();
  if (left > 0) pause(left);
  // After a hold-up of this thread, such as a collection of garbage, the pace goes on from there.
  else due = performance.now();
}
const end = performance.now() + order.patienceMs;
while (!flows.every((flow) => flow.isComplete) && performance.now() < end) {
  for (const flow of flows) flow.hear();
  Atomics.wait(shared, STREAM_STOP, 1, 1);
}
parentPort?.postMessage(flows.map((flow) => flow.close()));
