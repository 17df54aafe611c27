/**
 * The way from the IPv6 header to the upper layer, over extension headers (RFC 8200 section 4).
 *
 *   +---------------+----------------+------------------------
 *   |  IPv6 header  | Routing header | Fragment header | ...
 *   |  Next = 43    | Next = 44      | Next = 6        | TCP
 *   +---------------+----------------+------------------------
 *
 * All but three begin with a next header byte and a length in units of 8 bytes that does not count
 * the first 8. The others: authentication counts units of 4 less two (RFC 4302 section 2.2), and
 *
 *   Fragment header, always 8 bytes (section 4.5)
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                         Identification                        |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import {
  NEXT_AUTHENTICATION,
  NEXT_DESTINATION_OPTIONS,
  NEXT_FRAGMENT,
  NEXT_HIP,
  NEXT_HOP_BY_HOP,
  NEXT_MOBILITY,
  NEXT_ROUTING,
  NEXT_SHIM6,
} from "./ip-protocol.ts";
import { IPV6_HEADER, IPV6_NEXT_HEADER } from "./ipv6.ts";

/** Offset in units of 8 bytes in the upper 13 bits, "more fragments" in the lowest. */
export const FRAGMENT_OFFSET = 2;
export const FRAGMENT_IDENTIFICATION = 4;
export const FRAGMENT_HEADER: number = FRAGMENT_IDENTIFICATION + 4;

/** More than any honest sender uses; a longer chain is refused (RFC 8504 section 5.3). */
export const EXTENSION_HEADERS_MAX = 8;

/** Where the walk ended. One object is used for many packets. */
export class UpperLayer {
  /** Number of the first header that is no extension header, or that cannot be read further. */
  protocol = 0;
  /** Its offset. In a later fragment: of the piece of payload. */
  at = 0;
  /** Offset of the fragment header; -1 if the packet has none. */
  fragmentAt = -1;
  /** Offset of the byte that says that a fragment header follows. */
  fragmentNamedAt = 0;
  /** True if the packet is a fragment but not the first: it holds no upper-layer header. */
  isLaterFragment = false;
}

/**
 * Follows the headers of the packet at `at`, whose last byte is before `end`. Stops at a fragment
 * that is not the first: what lies there is payload.
 * Returns false if the chain is too long, out of order, or leaves the packet.
 */
export function walkExtensionHeaders(
  view: DataView,
  at: number,
  end: number,
  upper: UpperLayer,
): boolean {
  let nameAt = at + IPV6_NEXT_HEADER;
  let next = view.getUint8(nameAt);
  let here = at + IPV6_HEADER;
  upper.fragmentAt = -1;
  upper.isLaterFragment = false;
  for (let count = 0; isExtension(next) && !upper.isLaterFragment; count++) {
    if (count === EXTENSION_HEADERS_MAX || here + 8 > end) return false;
    // Only the first may be hop-by-hop options (section 4.1): anywhere else they are an attack.
    if (next === NEXT_HOP_BY_HOP && count > 0) return false;
    if (next === NEXT_FRAGMENT) {
      if (upper.fragmentAt >= 0) return false;
      upper.fragmentAt = here;
      upper.fragmentNamedAt = nameAt;
      upper.isLaterFragment = view.getUint16(here + FRAGMENT_OFFSET) >= 1 << 3;
    }
    const length = extensionLength(next, view.getUint8(here + 1));
    nameAt = here;
    next = view.getUint8(here);
    here += length;
    if (here > end) return false;
  }
  upper.protocol = next;
  upper.at = here;
  return true;
}

function isExtension(next: number): boolean {
  switch (next) {
    case NEXT_HOP_BY_HOP:
    case NEXT_ROUTING:
    case NEXT_FRAGMENT:
    case NEXT_AUTHENTICATION:
    case NEXT_DESTINATION_OPTIONS:
    case NEXT_MOBILITY:
    case NEXT_HIP:
    case NEXT_SHIM6:
      return true;
    default:
      return false;
  }
}

function extensionLength(next: number, field: number): number {
  if (next === NEXT_FRAGMENT) return FRAGMENT_HEADER;
  return next === NEXT_AUTHENTICATION ? (field + 2) << 2 : (field + 1) << 3;
}
