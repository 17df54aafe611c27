/** poll(2) on a set of descriptors that is built once and waited for many times. */
import type { Arena } from "./arena.ts";
import { type Libc, native } from "./libc.ts";

export const POLLIN = 0x001;
export const POLLOUT = 0x004;
export const POLLERR = 0x008;
export const POLLHUP = 0x010;
export const POLLNVAL = 0x020;

const POLLFD = 8;
const POLLFD_EVENTS = 4;
const POLLFD_REVENTS = 6;

export class PollSet {
  readonly #view: DataView;
  readonly #at: number;
  readonly #address: number;
  readonly #capacity: number;
  readonly #libc: Libc;
  #count = 0;

  constructor(arena: Arena, capacity: number) {
    this.#view = arena.view;
    this.#at = arena.reserve(capacity * POLLFD);
    this.#address = arena.base + this.#at;
    this.#capacity = capacity;
    this.#libc = native().libc;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Index of the descriptor in this set. @throws RangeError if it is full. */
  add(fd: number, events: number): number {
    if (this.#count === this.#capacity) throw new RangeError("too many descriptors to wait for");
    const at = this.#at + this.#count * POLLFD;
    this.#view.setInt32(at, fd, true);
    this.#view.setInt16(at + POLLFD_EVENTS, events, true);
    this.#view.setInt16(at + POLLFD_REVENTS, 0, true);
    return this.#count++;
  }

  /**
   * Blocks the thread until a descriptor is ready, at most so many milliseconds; -1 is for ever.
   * Returns how many are, or the negative errno.
   */
  wait(milliseconds: number): number {
    const ready = this.#libc.poll(this.#address, this.#count, milliseconds);
    return ready < 0 ? -native().koffi.errno() : ready;
  }

  /** What the last `wait` found of the descriptor with that index. */
  events(index: number): number {
    return this.#view.getInt16(this.#at + index * POLLFD + POLLFD_REVENTS, true);
  }
}
