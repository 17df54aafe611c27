/**
 * The VXLAN header (RFC 7348 section 5).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |R|R|R|R|I|R|R|R|            Reserved                           |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                VXLAN Network Identifier (VNI) |   Reserved    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * All fields are big endian. I says that the VNI is valid and must be set.
 */

/** The first word of every header that we write: I and nothing else. */
export const VXLAN_FLAGS = 0x08000000;
export const VXLAN_VNI = 4;
export const VXLAN_HEADER: number = VXLAN_VNI + 4;
/** UDP destination port (section 5, IANA). */
export const VXLAN_PORT = 4789;

/** Writes all 8 bytes; `vni` is 0 to 16777215. */
export function writeVxlanHeader(view: DataView, at: number, vni: number): void {
  view.setUint32(at, VXLAN_FLAGS);
  view.setUint32(at + VXLAN_VNI, vni << 8);
}

/** The VNI field; it means something only if `hasVni`. */
export function readVni(view: DataView, at: number): number {
  return view.getUint32(at + VXLAN_VNI) >>> 8;
}

export function hasVni(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 0x08) !== 0;
}

/**
 * True if a bit is set that RFC 7348 reserves. The RFC has receivers ignore them; Linux refuses the
 * packet, because an extension that it does not know (GBP, GPE, RCO) may change what the rest
 * means.
 */
export function hasReservedBits(view: DataView, at: number): boolean {
  return (view.getUint32(at) & ~VXLAN_FLAGS) !== 0 || view.getUint8(at + 7) !== 0;
}
