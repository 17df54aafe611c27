/**
 * The Internet checksum (RFC 1071) and the pseudo-headers of UDP, TCP and ICMPv6.
 *
 * A "sum" here is the ones' complement sum of 16-bit big-endian words, 0 to 0xffff, not yet
 * complemented. Sums of parts of even length can be added as plain numbers and folded at the end.
 * What stands in a header, the "checksum", is the complement of the sum over all that it covers.
 *
 *   0x45000054 0x00004000 ...  --sumBytes-->  sum  --finishChecksum-->  checksum
 */

/**
 * The sum of `length` bytes from `at`; an odd last byte counts as the first of a word. `length` is
 * at most 1 MiB.
 *
 * Words are read little-endian and 32 bits wide: the order of bytes does not change the sum but for
 * one swap at its end (RFC 1071 section 2 B), and 2^32 is 1 modulo 0xffff. Doubles add them exactly
 * and, unlike 32-bit integers, need no folding on the way; four of them keep the adders busy.
 */
export function sumBytes(view: DataView, at: number, length: number): number {
  const end = at + length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let next = at;
  for (const last = end - 32; next <= last; next += 32) {
    a += view.getUint32(next, true) + view.getUint32(next + 4, true);
    b += view.getUint32(next + 8, true) + view.getUint32(next + 12, true);
    c += view.getUint32(next + 16, true) + view.getUint32(next + 20, true);
    d += view.getUint32(next + 24, true) + view.getUint32(next + 28, true);
  }
  for (; next + 4 <= end; next += 4) a += view.getUint32(next, true);
  if (next + 2 <= end) {
    b += view.getUint16(next, true);
    next += 2;
  }
  if (next < end) c += view.getUint8(next);
  return foldLittleEndian(a + b + c + d);
}

/** What adds bytes up: `sumBytes`, or something quicker for the memory of one view. */
export type SumBytes = typeof sumBytes;

/** The sum, 0 to 0xffff, that an exact addition of little-endian words stands for; below 2^48. */
export function foldLittleEndian(wide: number): number {
  const low = wide >>> 0;
  const swapped = foldSum((wide - low) / 0x100000000 + (low >>> 16) + (low & 0xffff));
  return ((swapped & 0xff) << 8) | (swapped >>> 8);
}

/**
 * The sum of a header: `length` is a multiple of 4, at most 1024. Quicker than `sumBytes` for so
 * little.
 */
export function sumHeader(view: DataView, at: number, length: number): number {
  const end = at + length;
  let sum = 0;
  for (let next = at; next < end; next += 4) {
    const words = view.getInt32(next);
    sum += (words >>> 16) + (words & 0xffff);
  }
  return foldSum(sum);
}

/** Adds the carries back in; `sum` is below 2^32. A sum that is not zero never folds to zero. */
export function foldSum(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/** The checksum of everything in `sum`, which may be a plain addition of several sums. */
export function finishChecksum(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}

/**
 * The same for UDP, where a checksum of zero means "none": a calculated zero is sent as 0xffff,
 * its other form in ones' complement (RFC 768, RFC 8200 section 8.1).
 */
export function finishUdpChecksum(sum: number): number {
  return finishChecksum(sum) || 0xffff;
}

/** True if `sum`, taken over data that includes their checksum, says that nothing was damaged. */
export function isSumRight(sum: number): boolean {
  return foldSum(sum) === 0xffff;
}

/**
 * The checksum after one 16-bit word that it covers changed (RFC 1624 section 3, equation 3).
 * The result is the one of a full calculation unless all that is covered is zero.
 */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return finishChecksum((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord);
}

/**
 * The sum of the IPv4 pseudo-header (RFC 768, RFC 9293 section 3.1) of the packet whose header is
 * at `ipAt`. `upperLength` is that of the upper-layer header and its data.
 */
export function sumIpv4PseudoHeader(
  view: DataView,
  ipAt: number,
  protocol: number,
  upperLength: number,
): number {
  return foldSum(sumHeader(view, ipAt + 12, 8) + protocol + upperLength);
}

/**
 * The sum of the IPv6 pseudo-header (RFC 8200 section 8.1) of the packet whose header is at
 * `ipAt`; `upperLength` is below 2^16. The destination is taken from that header, so a packet that
 * still has way points in a routing header is summed wrongly.
 */
export function sumIpv6PseudoHeader(
  view: DataView,
  ipAt: number,
  nextHeader: number,
  upperLength: number,
): number {
  return foldSum(sumHeader(view, ipAt + 8, 32) + nextHeader + upperLength);
}
