/**
 * The TTL or hop limit of the outer header. The inner one is left alone: routing lowers it before
 * the tunnel and after it, so the tunnel is one hop (RFC 2003 section 3.1).
 */

/** A fixed value from 1 to 255, or the inner packet's own (`ttl inherit` of iproute2). */
export type TtlPolicy = number | "inherit";

/**
 * What Linux gives its own packets (`net.ipv4.ip_default_ttl`, `hop_limit`) unless told otherwise.
 */
export const DEFAULT_TTL = 64;

/** Linux's ipip devices made without `ttl`; ip6tnl takes the default. */
export const DEFAULT_IPIP_TTL: TtlPolicy = "inherit";
/** Linux's vxlan devices made without `ttl`. */
export const DEFAULT_VXLAN_TTL: TtlPolicy = DEFAULT_TTL;

/** 0 to 255: an inner 0 stays 0 under `inherit`, as in Linux. */
export function outerTtl(innerTtl: number, policy: TtlPolicy): number {
  return policy === "inherit" ? innerTtl : policy;
}
