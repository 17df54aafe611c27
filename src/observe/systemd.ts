/** sd_notify(3): tells systemd how we are, where it started us. */

import { reasonOf } from "../errors.ts";
import { sendDatagram } from "../native/linux.ts";
import type { Logger } from "./log.ts";

/** Does nothing without a socket to tell. */
export class Systemd {
  readonly #socket: string | undefined;
  readonly #log: Logger;

  /** @param socket the value of NOTIFY_SOCKET: a path, or "@" and an abstract name. */
  constructor(socket: string | undefined, log: Logger) {
    this.#socket = socket;
    this.#log = log;
  }

  /** Started, or done with a reload. */
  ready(): void {
    this.#tell("READY=1");
  }

  /** `Type=notify-reload` wants the time, by which it tells one reload from another. */
  reloading(): void {
    const microseconds = process.hrtime.bigint() / 1_000n;
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${microseconds}`);
  }

  stopping(): void {
    this.#tell("STOPPING=1");
  }

  #tell(state: string): void {
    if (!this.#socket) return;
    try {
      sendDatagram(this.#socket, state);
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, "cannot tell systemd");
    }
  }
}
