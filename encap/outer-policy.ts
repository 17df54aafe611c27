/**
 * What an inner packet decides about its outer header: one choice per packet, by the settings that
 * a Linux tunnel device has (`tos`, `ttl`, `df`, `pmtudisc`).
 */
import { type EcnMode, encapsulateEcn } from "./ecn.ts";
import type { IpPacket } from "./ip-packet.ts";
import {
  DEFAULT_IPIP_TTL,
  DEFAULT_TTL,
  DEFAULT_VXLAN_TTL,
  outerTtl,
  type TtlPolicy,
} from "./ttl.ts";

export interface OuterPolicy {
  /** `inherit` copies the inner DSCP; a number, 0 to 63, is the DSCP of every packet. */
  readonly dscp: number | "inherit";
  readonly ecn: EcnMode;
  readonly ttl: TtlPolicy;
  /** `inherit` copies the inner DF flag, which IPv6 packets always have. */
  readonly dontFragment: boolean | "inherit";
}

/** As `ip link add … type ipip` makes it, or `type sit` with `ttl inherit`. */
export const IPIP_POLICY: OuterPolicy = {
  dscp: 0,
  ecn: "linux",
  ttl: DEFAULT_IPIP_TTL,
  dontFragment: true,
};

/**
 * As `ip link add … type ip6tnl` makes it, but for the encapsulation limit, which we do not send.
 */
export const IP6TNL_POLICY: OuterPolicy = { ...IPIP_POLICY, ttl: DEFAULT_TTL };

/** As `ip link add … type vxlan` makes it. */
export const VXLAN_POLICY: OuterPolicy = {
  dscp: 0,
  ecn: "linux",
  ttl: DEFAULT_VXLAN_TTL,
  dontFragment: false,
};

/** One object is used for many packets. */
export class OuterChoice {
  trafficClass = 0;
  ttl = 0;
  dontFragment = false;
}

export function chooseOuter(policy: OuterPolicy, inner: IpPacket, outer: OuterChoice): void {
  const { dscp, dontFragment } = policy;
  const ecn = encapsulateEcn(inner.trafficClass & 3, policy.ecn);
  outer.trafficClass = (dscp === "inherit" ? inner.trafficClass & 0xfc : dscp << 2) | ecn;
  outer.ttl = outerTtl(inner.ttl, policy.ttl);
  outer.dontFragment = dontFragment === "inherit" ? inner.dontFragment : dontFragment;
}
