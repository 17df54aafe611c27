/** Numbers of the IPv4 protocol and IPv6 next header fields (IANA "Protocol Numbers"). */

export const PROTOCOL_ICMP = 1;
/** IPv4 in IP (RFC 2003). */
export const PROTOCOL_IPIP = 4;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
/** IPv6 in IP (RFC 4213, RFC 2473). */
export const PROTOCOL_IPV6 = 41;
export const PROTOCOL_ICMPV6 = 58;

// IPv6 extension headers (RFC 8200 section 4; the list is that of RFC 7045).
export const NEXT_HOP_BY_HOP = 0;
export const NEXT_ROUTING = 43;
export const NEXT_FRAGMENT = 44;
/** Encrypted, so nothing behind it can be read. */
export const NEXT_ESP = 50;
export const NEXT_AUTHENTICATION = 51;
/** Nothing follows. */
export const NEXT_NONE = 59;
export const NEXT_DESTINATION_OPTIONS = 60;
export const NEXT_MOBILITY = 135;
export const NEXT_HIP = 139;
export const NEXT_SHIM6 = 140;
