/**
 * Reading the routes back: the largest part of a read-back, and mostly in vain. Where nothing was
 * changed since the last reading, neither wish nor picture nor kernel, a fingerprint says so.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import type { Kernel, RouteVisitor } from "../kernel/kernel.ts";
import type { Cause } from "./dirty.ts";
import type { Picture } from "./read-back.ts";

/** The kernel's routes as they were read last. */
interface LastReading {
  /** `changeCount` of our picture after the reading. */
  readonly actual: number;
  /** And of what was wanted: it decides which of another's routes are in our way. */
  readonly desired: number;
  readonly fingerprint: string | undefined;
}

export class RouteReader {
  readonly #kernel: Kernel;
  readonly #picture: Picture;
  readonly #last: Record<Family, LastReading | undefined> = { 4: undefined, 6: undefined };
  #round = 0;

  constructor(kernel: Kernel, picture: Picture) {
    this.#kernel = kernel;
    this.#picture = picture;
  }

  /** Brings our picture up to date and marks every destination that is not as desired. */
  async read(family: Family, cause: Cause): Promise<void> {
    const actual = this.#picture.actual.routes[family];
    const desired = this.#picture.desired.routes[family];
    const last = this.#last[family];
    let fingerprint: string | undefined;
    if (last?.actual === actual.changeCount && last.desired === desired.changeCount) {
      fingerprint = await this.#kernel.routesFingerprint(family);
      if (fingerprint !== undefined && fingerprint === last.fingerprint) return;
    }
    const { changeCount } = desired;
    await this.#readAll(family, cause);
    this.#last[family] = { actual: actual.changeCount, desired: changeCount, fingerprint };
  }

  /**
   * One pass over the dump: each row is compared with the rows of both pictures that are expected
   * next, and only what is out of step needs a lookup by hash.
   */
  async #readAll(family: Family, cause: Cause): Promise<void> {
    const { dirty } = this.#picture;
    const desired = this.#picture.desired.routes[family];
    const actual = this.#picture.actual.routes[family];
    const foreign = this.#picture.foreign[family];
    const round = ++this.#round;
    let nextActual = 0;
    let nextDesired = 0;
    const mark = (w0: number, w1: number, w2: number, w3: number, length: number): void => {
      if (dirty.all === undefined) dirty.markWords(family, w0, w1, w2, w3, length, cause);
    };
    /** Of two rows at one destination the one that is wanted is ours; the other is in its way. */
    const isBeside = (
      at: number,
      w0: number,
      w1: number,
      w2: number,
      w3: number,
      length: number,
      path: number,
    ): void => {
      const isWanted = desired.pathOf(desired.find(w0, w1, w2, w3, length)) === path;
      foreign.set(w0, w1, w2, w3, length, isWanted ? actual.pathOf(at) : path);
      if (isWanted) actual.set(w0, w1, w2, w3, length, path, at);
      mark(w0, w1, w2, w3, length);
    };
    foreign.clear();
    const visitor: RouteVisitor = {
      owned(w0, w1, w2, w3, length, path) {
        let at = actual.find(w0, w1, w2, w3, length, nextActual);
        if (at >= 0 && actual.wasSeen(at, round)) {
          if (actual.pathOf(at) !== path) isBeside(at, w0, w1, w2, w3, length, path);
          return;
        }
        at = actual.set(w0, w1, w2, w3, length, path, at);
        actual.see(at, round);
        nextActual = at + 1;
        const want = desired.find(w0, w1, w2, w3, length, nextDesired);
        if (want >= 0) {
          desired.see(want, round);
          nextDesired = want + 1;
        }
        if (desired.pathOf(want) !== path) mark(w0, w1, w2, w3, length);
      },
      wants: (w0, w1, w2, w3, length) => desired.find(w0, w1, w2, w3, length) >= 0,
      foreign(w0, w1, w2, w3, length, path) {
        foreign.set(w0, w1, w2, w3, length, path);
        mark(w0, w1, w2, w3, length);
      },
    };
    await this.#kernel.readRoutes(family, visitor);
    for (const row of actual.unseen(round)) actual.removeRow(row);
    if (dirty.all !== undefined) return;
    for (const row of desired.unseen(round)) {
      dirty.markRoute(desired.destinationOf(row), cause);
    }
  }
}
