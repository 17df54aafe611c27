/**
 * Many operations on routes of one family, all with the same verb and reason, in columns and in the
 * order in which the kernel shall have them. It reads like an array of operations, but makes the
 * object of one only for whoever asks: 100,000 objects cost more time than the kernel takes for
 * 100,000 routes.
 */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { KernelOp, OpReason, RouteOp } from "./kernel-op.ts";
import type { PathTable } from "./path-table.ts";
import type { RouteTable } from "./route-table.ts";

/** Operations in the order in which they are carried out. */
export type KernelOps = readonly KernelOp[] | RouteBatch;

export class RouteBatch {
  readonly family: Family;
  readonly verb: RouteOp["verb"];
  readonly reason: OpReason;
  readonly #width: 1 | 4;
  readonly #words: Uint32Array;
  readonly #lengths: Uint8Array;
  readonly #pathNumbers: Int32Array;
  /** What the numbers of `pathOf` stand for. */
  readonly paths: PathTable;
  #length = 0;

  constructor(
    family: Family,
    verb: RouteOp["verb"],
    reason: OpReason,
    capacity: number,
    paths: PathTable,
  ) {
    this.family = family;
    this.verb = verb;
    this.reason = reason;
    this.#width = family === 4 ? 1 : 4;
    this.#words = new Uint32Array(capacity * this.#width);
    this.#lengths = new Uint8Array(capacity);
    this.#pathNumbers = new Int32Array(capacity);
    this.paths = paths;
  }

  /** Number of operations. */
  get length(): number {
    return this.#length;
  }

  /** Adds the route that stands in a row of `table`. There must be room for it. */
  add(table: RouteTable, row: number): void {
    this.#append(table, row);
  }

  /** 32-bit word `word` (0 to 3, host order) of the destination of operation `at`. */
  wordOf(at: number, word: number): number {
    return word < this.#width ? (this.#words[at * this.#width + word] as number) : 0;
  }

  /** Prefix length of the destination of operation `at`. */
  lengthOf(at: number): number {
    return this.#lengths[at] as number;
  }

  /** Number of the path of operation `at`. */
  pathOf(at: number): number {
    return this.#pathNumbers[at] as number;
  }

  at(at: number): RouteOp {
    const address = new IpAddress(
      this.family,
      this.wordOf(at, 0),
      this.wordOf(at, 1),
      this.wordOf(at, 2),
      this.wordOf(at, 3),
    );
    const destination = new Cidr(address, this.lengthOf(at));
    const object = { destination, path: this.paths.get(this.pathOf(at)) };
    return { kind: "route", verb: this.verb, object, reason: this.reason };
  }

  *[Symbol.iterator](): Generator<RouteOp> {
    for (let at = 0; at < this.#length; at++) yield this.at(at);
  }

  /** The operations whose position `keeps` accepts, in the same order; itself if it accepts all. */
  filter(keeps: (at: number) => boolean): RouteBatch {
    let refused = 0;
    while (refused < this.#length && keeps(refused)) refused++;
    if (refused === this.#length) return this;
    const { family, verb, reason } = this;
    const kept = new RouteBatch(family, verb, reason, this.#length, this.paths);
    for (let at = 0; at < refused; at++) kept.#append(this, at);
    for (let at = refused + 1; at < this.#length; at++) if (keeps(at)) kept.#append(this, at);
    return kept;
  }

  #append(from: RouteTable | RouteBatch, at: number): void {
    const to = this.#length++;
    for (let word = 0; word < this.#width; word++) {
      this.#words[to * this.#width + word] = from.wordOf(at, word);
    }
    this.#lengths[to] = from.lengthOf(at);
    this.#pathNumbers[to] = from.pathOf(at);
  }
}
