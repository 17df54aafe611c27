/** eventfd(2): wakes a thread that waits in poll(2). */
import { closeSync, readSync, writeSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { SystemCallError } from "./errno.ts";
import { native } from "./libc.ts";

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;
const ONE = new Uint8Array(BigUint64Array.of(1n).buffer);

export class WakeDescriptor {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** @throws SystemCallError */
  static open(): WakeDescriptor {
    const { libc, koffi } = native();
    const fd = libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw new SystemCallError("eventfd", koffi.errno());
    return new WakeDescriptor(fd);
  }

  /** For the thread that waits: one that another thread opened. */
  static of(fd: number): WakeDescriptor {
    return new WakeDescriptor(fd);
  }

  /** Makes the descriptor readable until it is cleared. */
  wake(): void {
    writeSync(this.fd, ONE);
  }

  clear(): void {
    try {
      readSync(this.fd, new Uint8Array(ONE.length));
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}
