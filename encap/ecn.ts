/**
 * ECN and DSCP across a tunnel.
 *
 * ECN is the lower two bits of the traffic class: 00 Not-ECT, 01 ECT(1), 10 ECT(0), 11 CE. The
 * rules on the way out are those of RFC 6040 section 4.1 and of Linux; on the way in both agree:
 *
 *            +---------+------------------------------------------------+
 *            | inner   |                 outer on arrival               |
 *            | arrived |  Not-ECT   |  ECT(0)    |  ECT(1)    |  CE     |
 *            +---------+------------+------------+------------+---------+
 *            | Not-ECT |  Not-ECT   |  Not-ECT ! |  Not-ECT ! |  drop ! |
 *            | ECT(0)  |  ECT(0)    |  ECT(0)    |  ECT(1)    |  CE     |
 *            | ECT(1)  |  ECT(1)    |  ECT(1) !  |  ECT(1)    |  CE     |
 *            | CE      |  CE        |  CE        |  CE !      |  CE     |
 *            +---------+------------+------------+------------+---------+
 *            RFC 6040 figure 4; "!" marks what nobody should send: worth a counter.
 *
 * DSCP (RFC 2983): the pipe model keeps the inner one and gives the outer header a fixed one, the
 * uniform model copies it. Linux copies outwards with `tos inherit`, and never inwards unless told.
 */
import { DropReason } from "./drop-reason.ts";
import { type IpPacket, setTrafficClass } from "./ip-packet.ts";

export const ECN_NOT_ECT = 0;
export const ECN_ECT_1 = 1;
export const ECN_ECT_0 = 2;
export const ECN_CE = 3;
const ECN_MASK = 3;

/**
 * What the outer ECN field becomes. `normal` and `compatibility` are RFC 6040's: copied, and
 * Not-ECT for a far end that does not know ECN. `linux` is the full-functionality rule of RFC 3168
 * section 9.1.1, which the kernel keeps: copied, but CE becomes ECT(0), so that a mark is this
 * tunnel's own.
 */
export type EcnMode = "normal" | "compatibility" | "linux";

const OUTER_ECN: Record<EcnMode, readonly [number, number, number, number]> = {
  normal: [ECN_NOT_ECT, ECN_ECT_1, ECN_ECT_0, ECN_CE],
  compatibility: [ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT],
  linux: [ECN_NOT_ECT, ECN_ECT_1, ECN_ECT_0, ECN_ECT_0],
};

/** The outer ECN field for an inner one, both 0 to 3. */
export function encapsulateEcn(inner: number, mode: EcnMode): number {
  return OUTER_ECN[mode][inner & ECN_MASK] as number;
}

/** What `decapsulateEcn` answers for a packet that must be dropped. */
export const ECN_DROP = -1;

/** The ECN field of the packet that goes on, 0 to 3, or `ECN_DROP`. */
export function decapsulateEcn(inner: number, outer: number): number {
  if (inner === ECN_NOT_ECT) return outer === ECN_CE ? ECN_DROP : ECN_NOT_ECT;
  if (outer === ECN_CE) return ECN_CE;
  return inner === ECN_ECT_0 && outer === ECN_ECT_1 ? ECN_ECT_1 : inner;
}

/** True for the pairs marked "!" in the table above. */
export function isUnexpectedEcn(inner: number, outer: number): boolean {
  if (inner === ECN_NOT_ECT) return outer !== ECN_NOT_ECT;
  return (inner === ECN_ECT_1 && outer === ECN_ECT_0) || (inner === ECN_CE && outer === ECN_ECT_1);
}

/**
 * Brings a mark of the underlay, in `outerTrafficClass`, into the inner packet, in place; with
 * `copyDscp` the outer DSCP too (uniform model).
 */
export function decapsulateTrafficClass(
  view: DataView,
  inner: IpPacket,
  outerTrafficClass: number,
  copyDscp = false,
): DropReason {
  const ecn = decapsulateEcn(inner.trafficClass & ECN_MASK, outerTrafficClass & ECN_MASK);
  if (ecn === ECN_DROP) return DropReason.EcnNotCapable;
  const dscp = (copyDscp ? outerTrafficClass : inner.trafficClass) & ~ECN_MASK;
  const trafficClass = dscp | ecn;
  if (trafficClass !== inner.trafficClass) setTrafficClass(view, inner, trafficClass);
  return DropReason.None;
}
