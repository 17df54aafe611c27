/**
 * What to do with an inner packet that is longer than the path to its remote carries (RFC 2003
 * section 5.1 and RFC 4213 section 3.2, RFC 2473 section 7), and what is known of that path.
 *
 *                               fits -> as it is
 *   IPv4, DF set                     -> fragmentation needed, with what fits
 *   IPv4, DF clear                   -> inner fragments, each behind an outer header of its own:
 *                                       the far end need not reassemble
 *   IPv6, longer than 1280           -> packet too big, with what fits, but at least 1280
 *   IPv6, up to 1280                 -> outer fragments: no IPv6 link may carry less
 */
import { IPV6_MTU_MIN } from "./header/ipv6.ts";
import type { IpPacket } from "./ip-packet.ts";

export const Fit = {
  Whole: 0,
  /** Answer with `IcmpError.TooBig` and `answerMtu`. */
  Answer: 1,
  FragmentInner: 2,
  /** The outer DF flag must be clear. */
  FragmentOuter: 3,
} as const;

export type Fit = (typeof Fit)[keyof typeof Fit];

/**
 * How `inner` goes over a path that carries inner packets of `mtu` bytes. `length` is that of the
 * packet or, for a super-packet, of its longest segment, headers included.
 */
export function fitInner(inner: IpPacket, length: number, mtu: number): Fit {
  if (length <= mtu) return Fit.Whole;
  if (inner.family === 4) return inner.dontFragment ? Fit.Answer : Fit.FragmentInner;
  return length > IPV6_MTU_MIN ? Fit.Answer : Fit.FragmentOuter;
}

/** The MTU to tell the sender of `inner`: never less than its family allows. */
export function answerMtu(inner: IpPacket, mtu: number): number {
  return Math.max(mtu, inner.family === 4 ? IPV4_MTU_MIN : IPV6_MTU_MIN);
}

/** Every IPv4 link carries this (RFC 791 section 3.2). */
export const IPV4_MTU_MIN = 68;

/** Linux's `mtu_expires`, and the 10 minutes of RFC 1191 section 6.3, in milliseconds. */
export const PATH_MTU_LIFETIME = 600_000;

/** The inner MTU of the path to each remote, where the underlay said that it is less than usual. */
export class PathMtuCache {
  readonly #usual: number;
  readonly #lifetime: number;
  readonly #mtu: Uint16Array;
  readonly #until: Float64Array;

  /** `usual` is the tunnel MTU; remotes are numbered from 0. `lifetime` is in milliseconds. */
  constructor(remotes: number, usual: number, lifetime: number = PATH_MTU_LIFETIME) {
    this.#usual = usual;
    this.#lifetime = lifetime;
    this.#mtu = new Uint16Array(remotes);
    this.#until = new Float64Array(remotes);
  }

  /** The largest inner packet that the path to `remote` carries at `now`, in milliseconds. */
  mtuOf(remote: number, now: number): number {
    const mtu = this.#mtu[remote] as number;
    if (mtu === 0 || now < (this.#until[remote] as number)) return mtu || this.#usual;
    this.#mtu[remote] = 0;
    return this.#usual;
  }

  /**
   * Keeps what an error from the underlay said, from now on; more than is known already is not
   * believed.
   */
  learn(remote: number, mtu: number, now: number): void {
    if (mtu > this.mtuOf(remote, now)) return;
    this.#mtu[remote] = Math.max(mtu, IPV4_MTU_MIN);
    this.#until[remote] = now + this.#lifetime;
  }
}
