/** The loop of the plain engine is Node's own: each packet and each datagram is an event. */
import { makeCounters } from "../worker/packet-counters.ts";
import { ENGINE_ARENA, PacketEngine, type Source } from "../worker/packet-engine.ts";
import type { TunAbilities } from "../worker/worker-protocol.ts";
import { PlainIo } from "./plain-io.ts";
import { type PlainPlan, type PlainReply, unpackPlan } from "./plain-protocol.ts";
import { PlainSockets } from "./plain-sockets.ts";

/** How often counters are told, in milliseconds, while they change. */
const TELL = 100;

export class PlainLoop {
  readonly #counters = makeCounters();
  readonly #sockets = new PlainSockets(this.#counters, (...arrival) => this.#arrive(...arrival));
  readonly #io = new PlainIo(ENGINE_ARENA, this.#sockets);
  readonly #engine: PacketEngine;
  readonly #reply: (reply: PlainReply) => void;
  #sources = new Map<number, Source>();
  #isReading = false;
  #isFlushDue = false;
  #told = "";

  constructor(tunFd: number, abilities: TunAbilities, reply: (reply: PlainReply) => void) {
    this.#reply = reply;
    const counters = this.#counters;
    const onCannotSegment = (): void => {};
    this.#engine = new PacketEngine(this.#io, { tunFd, abilities, counters, onCannotSegment });
    setInterval(() => this.#tellCounters(), TELL);
  }

  /** Calls must not overlap. */
  async adopt(packed: PlainPlan): Promise<void> {
    const plan = unpackPlan(packed);
    const opened = await this.#sockets.openFor(plan.endpoints);
    this.#flush();
    const endpoints = plan.endpoints.map((endpoint, at) => {
      const sockets = opened[at]?.sockets ?? endpoint.sockets;
      return { ...endpoint, sockets };
    });
    const sources = this.#engine.adopt({ ...plan, endpoints });
    this.#sources = new Map(sources.map((source) => [source.fd, source]));
    this.#tellCounters();
    const failures = opened.map(({ failure }) => failure);
    this.#reply({ kind: "adopted", revision: plan.revision, failures });
    // Packets wait in the device's queue until there is somewhere for them to go.
    if (sources.length > 0 && !this.#isReading) this.#read();
  }

  #read(): void {
    this.#isReading = true;
    this.#io.file.awaitPacket(() => {
      this.#engine.transmit();
      this.#read();
    });
  }

  /** Datagrams that arrive in one turn of the event loop are taken together. */
  #arrive(fd: number, datagram: Uint8Array, source: string): void {
    const { receiver } = this.#io;
    const isOther = receiver.waiting > 0 && receiver.fd !== fd;
    if (isOther || receiver.waiting === receiver.capacity) this.#flush();
    receiver.accept(fd, datagram, source);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { receiver } = this.#io;
    const source = this.#sources.get(receiver.fd);
    if (source === undefined) receiver.clear();
    while (receiver.waiting > 0) source?.step();
  }

  #tellCounters(): void {
    const counters = new Float64Array(this.#counters);
    const text = counters.join();
    if (text === this.#told) return;
    this.#told = text;
    this.#reply({ kind: "counters", counters });
  }
}
