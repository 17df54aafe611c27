/**
 * Reads route dumps without making an object for each row: the hot path of every read-back. A row is
 * its destination's words and a number for all the rest, found by the raw bytes of that rest.
 */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { RouteVisitor } from "../../tunnels/kernel/kernel.ts";
import { ROUTE_PROTOCOL, type RoutePath } from "../../tunnels/kernel/kernel-state.ts";
import type { PathTable } from "../../tunnels/kernel/path-table.ts";
import { NLA_HDRLEN, NLA_TYPE_MASK } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import type { DeviceTable } from "./device-table.ts";
import {
  AF_INET,
  AF_INET6,
  align4,
  type Message,
  malformed,
  messageEnd,
  NLMSG_HDRLEN,
  RTM_NEWROUTE,
} from "./message.ts";
import { RAW, RawPathTable } from "./raw-path-table.ts";
import { prefixLengthAt, RTA_DST, RTMSG_LENGTH, readRouteDetail } from "./route.ts";

export class RouteRows {
  readonly #paths: PathTable;
  readonly #devices: DeviceTable;
  readonly #raw = new RawPathTable();
  #generation = -1;
  /** Of the attribute found by #findDestination; the start is its payload, 0 if there is none. */
  #destinationAt = 0;
  #destinationEnd = 0;

  constructor(paths: PathTable, devices: DeviceTable) {
    this.#paths = paths;
    this.#devices = devices;
  }

  /**
   * Hands the rows of one family among the messages in the first `length` bytes to `visitor`.
   * `view` starts at a multiple of four. @throws CausewayError for malformed messages.
   */
  visit(view: DataView, length: number, family: Family, visitor: RouteVisitor): void {
    const words = new Uint32Array(view.buffer, view.byteOffset, view.byteLength >>> 2);
    const addressFamily = family === 4 ? AF_INET : AF_INET6;
    this.#forgetStale();
    for (let start = 0, end = 0; start < length; start = align4(end)) {
      end = messageEnd(view, start, length);
      const body = start + NLMSG_HDRLEN;
      if (view.getUint16(start + 4, HOST_ORDER) !== RTM_NEWROUTE) continue;
      if (body + RTMSG_LENGTH > end || view.getUint8(body) !== addressFamily) continue;
      const entry = this.#entryAt(view, words, body, end);
      const state = this.#raw.states[entry] as number;
      if (state === RAW.ignored) continue;
      const at = this.#destinationAt;
      const isLong = at !== 0 && family === 6;
      const w0 = at === 0 ? 0 : view.getUint32(at);
      const w1 = isLong ? view.getUint32(at + 4) : 0;
      const w2 = isLong ? view.getUint32(at + 8) : 0;
      const w3 = isLong ? view.getUint32(at + 12) : 0;
      const bits = prefixLengthAt(view, body, family);
      if (state === RAW.owned) {
        visitor.owned(w0, w1, w2, w3, bits, this.#raw.paths[entry] as number);
      } else if (visitor.wants(w0, w1, w2, w3, bits)) {
        visitor.foreign(w0, w1, w2, w3, bits, this.#pathOf(entry, view, body, end));
      }
    }
  }

  /** One route message on its own; undefined if it is nothing to us. */
  read(message: Message): { destination: Cidr; path: number; owned: boolean } | undefined {
    const { view, body, end } = message;
    if (body + RTMSG_LENGTH > end) throw malformed("a route message without rtmsg");
    const addressFamily = view.getUint8(body);
    if (addressFamily !== AF_INET && addressFamily !== AF_INET6) return undefined;
    this.#forgetStale();
    const words = new Uint32Array(view.buffer, view.byteOffset, view.byteLength >>> 2);
    const entry = this.#entryAt(view, words, body, end);
    const state = this.#raw.states[entry] as number;
    if (state === RAW.ignored) return undefined;
    const at = this.#destinationAt;
    const word = (index: number): number => (at === 0 ? 0 : view.getUint32(at + index * 4));
    const address =
      addressFamily === AF_INET
        ? new IpAddress(4, word(0))
        : new IpAddress(6, word(0), word(1), word(2), word(3));
    return {
      destination: new Cidr(address, prefixLengthAt(view, body, address.family)),
      path: this.#pathOf(entry, view, body, end),
      owned: state === RAW.owned,
    };
  }

  /** Device names are part of a path, so a change of the devices makes all entries stale. */
  #forgetStale(): void {
    if (this.#generation === this.#devices.generation) return;
    this.#generation = this.#devices.generation;
    this.#raw.clear();
  }

  /** The entry of the message whose rtmsg is at `body`, known or newly read. */
  #entryAt(view: DataView, words: Uint32Array, body: number, end: number): number {
    this.#findDestination(view, body, end);
    const attributes = (body + RTMSG_LENGTH) >>> 2;
    const last = Math.min(align4(end) >>> 2, words.length);
    const found = this.#destinationAt !== 0;
    // The prefix length shares a word with family, source length and TOS: it is masked out.
    const family =
      view.getUint8(body) | (view.getUint8(body + 2) << 8) | (view.getUint8(body + 3) << 16);
    const head = body >>> 2;
    const entry = this.#raw.entryOf(
      words,
      family,
      words[head + 1] as number,
      words[head + 2] as number,
      attributes,
      found ? (this.#destinationAt - NLA_HDRLEN) >>> 2 : last,
      found ? Math.min(this.#destinationEnd >>> 2, last) : last,
      last,
    );
    if (this.#raw.states[entry] === RAW.fresh) this.#classify(entry, view, body, end);
    return entry;
  }

  #classify(entry: number, view: DataView, body: number, end: number): void {
    const { isComparable, path } = readRouteDetail(view, body, end, this.#devices);
    const owned = path.protocol === ROUTE_PROTOCOL;
    this.#raw.states[entry] = isComparable ? (owned ? RAW.owned : RAW.foreign) : RAW.ignored;
    // Foreign paths are interned when somebody wants one: they may be many.
    if (isComparable && owned) this.#raw.paths[entry] = this.#intern(path);
  }

  #pathOf(entry: number, view: DataView, body: number, end: number): number {
    let path = this.#raw.paths[entry] as number;
    if (path < 0) {
      path = this.#intern(readRouteDetail(view, body, end, this.#devices).path);
      this.#raw.paths[entry] = path;
    }
    return path;
  }

  #intern(path: RoutePath): number {
    return this.#paths.intern(path);
  }

  /** In a dump RTA_DST is the second attribute, after RTA_TABLE, or else the first. */
  #findDestination(view: DataView, body: number, end: number): void {
    const wanted = view.getUint8(body) === AF_INET ? 4 : 16;
    for (let at = body + RTMSG_LENGTH; at + NLA_HDRLEN <= end; ) {
      const length = view.getUint16(at, HOST_ORDER);
      if (length < NLA_HDRLEN || at + length > end) break;
      if ((view.getUint16(at + 2, HOST_ORDER) & NLA_TYPE_MASK) === RTA_DST) {
        if (length < NLA_HDRLEN + wanted)
          throw malformed(`RTA_DST has ${length - NLA_HDRLEN} bytes`);
        this.#destinationAt = at + NLA_HDRLEN;
        this.#destinationEnd = align4(at + length);
        return;
      }
      at += align4(length);
    }
    this.#destinationAt = 0;
    this.#destinationEnd = 0;
  }
}
