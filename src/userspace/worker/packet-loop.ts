/**
 * The data worker's loop: waits until the TUN device or a socket has something, then gives each one
 * turn of limited length. Both directions are done by one thread, so neither can starve the other, and
 * a new plan is taken up between two turns, however much traffic there is.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { CausewayError } from "../../errors.ts";
import { Arena } from "../../native/arena.ts";
import { SystemCallError } from "../../native/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, PollSet } from "../../native/poll-set.ts";
import { WakeDescriptor } from "../../native/wake-descriptor.ts";
import { ENGINE_ARENA, PacketEngine, type Source } from "./packet-engine.ts";
import { NativeIo } from "./packet-io.ts";
import type { SharedPlan } from "./shared-plan.ts";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-protocol.ts";

const BROKEN: number = POLLERR | POLLHUP | POLLNVAL;
// Places in the poll set.
const WAKE = 0;
const TUN = 1;
const FIRST_SOURCE = 2;
/** At most four endpoints with two receiving sockets and one for errors. */
const DESCRIPTORS: number = FIRST_SOURCE + 4 * 3;
const FOR_EVER = -1;
const EINTR = 4;

export class PacketLoop {
  readonly #engine: PacketEngine;
  readonly #poll: PollSet;
  readonly #tunFd: number;
  readonly #wake: WakeDescriptor;
  readonly #mailbox: Int32Array;
  readonly #port: MessagePort;
  #sources: readonly Source[] = [];
  #seenMail = 0;
  #isStopped = false;

  constructor({ tunFd, wakeFd, abilities, counters, mailbox, port }: WorkerStart) {
    this.#tunFd = tunFd;
    this.#wake = WakeDescriptor.of(wakeFd);
    this.#mailbox = new Int32Array(mailbox);
    this.#port = port;
    const arena = new Arena(ENGINE_ARENA);
    this.#poll = new PollSet(arena, DESCRIPTORS);
    this.#engine = new PacketEngine(new NativeIo(arena), {
      tunFd,
      abilities,
      counters: new Float64Array(counters),
      onCannotSegment: (endpoint) => this.#reply({ kind: "cannot-segment", endpoint }),
    });
    this.#watch();
  }

  /** Returns when it is told to stop. @throws if the TUN device is gone. */
  run(): void {
    const poll = this.#poll;
    while (!this.#isStopped) {
      const ready = poll.wait(FOR_EVER);
      if (ready < 0 && ready !== -EINTR) throw new SystemCallError("poll", -ready);
      const tunEvents = poll.events(TUN);
      if ((tunEvents & BROKEN) !== 0) throw new CausewayError("kernel", "the TUN device is gone");
      if ((tunEvents & POLLIN) !== 0) this.#engine.transmit();
      for (let index = 0; index < this.#sources.length; index++) {
        // An error is reported by receiving.
        if (poll.events(FIRST_SOURCE + index) !== 0) (this.#sources[index] as Source).step();
      }
      // Only what is read makes it quiet again; a message may have been taken before its wake-up came.
      if (poll.events(WAKE) !== 0) this.#wake.clear();
      const mail = Atomics.load(this.#mailbox, 0);
      if (mail !== this.#seenMail) this.#takeMail(mail);
    }
  }

  #takeMail(mail: number): void {
    this.#seenMail = mail;
    let plan: SharedPlan | undefined;
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) break;
      const request = received.message as WorkerRequest;
      if (request.kind === "plan") plan = request.plan;
      else this.#isStopped = true;
    }
    if (plan === undefined || this.#isStopped) return;
    this.#sources = this.#engine.adopt(plan);
    this.#watch();
    this.#reply({ kind: "adopted", revision: plan.revision });
  }

  #watch(): void {
    this.#poll.clear();
    this.#poll.add(this.#wake.fd, POLLIN);
    // Packets wait in the device's queue until there is somewhere for them to go.
    this.#poll.add(this.#tunFd, this.#sources.length > 0 ? POLLIN : 0);
    for (const { fd } of this.#sources) this.#poll.add(fd, POLLIN);
  }

  #reply(reply: WorkerReply): void {
    this.#port.postMessage(reply);
  }
}
