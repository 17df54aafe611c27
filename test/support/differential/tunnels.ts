// What is compared: tunnel devices of the kernel, each with an endpoint of our own for the same wire format.

import { type IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import { parseMac } from "../../../encap/address/mac-address.ts";
import {
  IP6TNL_POLICY,
  IPIP_POLICY,
  type OuterPolicy,
  VXLAN_POLICY,
} from "../../../encap/outer-policy.ts";
import type { Engine } from "../../../src/userspace/data-path.ts";
import type { Encap } from "../userspace/forwarder-lab.ts";

export interface Tunnel {
  readonly name: string;
  readonly encap: Encap;
  readonly underlay: 4 | 6;
  readonly inners: readonly (4 | 6)[];
  /** Largest inner packet, on a link of 1500 bytes. */
  readonly mtu: number;
  /** Of `ip link add … type`. */
  readonly link: string;
  /** What that means, in our words. */
  readonly policy: OuterPolicy;
  /** Of ours; the best without. */
  readonly engine?: Engine;
}

export const VNI = 4096;
export const PORT = 4789;
export const LOCAL_MAC: ReturnType<typeof parseMac> = parseMac("66:00:00:00:00:01");
export const REMOTE_MAC: ReturnType<typeof parseMac> = parseMac("66:00:00:00:00:02");

const ADDRESSES = {
  4: ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
  6: ["2001:db8::1", "2001:db8::2", "2001:db8::3"],
} as const;

/** The node that is looked at, the other node of the overlay, and one that is none of it. */
export function nodesOf(underlay: 4 | 6): readonly [IpAddress, IpAddress, IpAddress] {
  const [local, remote, stranger] = ADDRESSES[underlay];
  return [parseIp(local), parseIp(remote), parseIp(stranger)];
}

const ends = (underlay: 4 | 6): string => {
  const [local, remote] = ADDRESSES[underlay];
  return `local ${local} remote ${remote} dev under`;
};

const INHERITING: OuterPolicy = {
  dscp: "inherit",
  ecn: "linux",
  ttl: "inherit",
  dontFragment: "inherit",
};

const vxlan = (underlay: 4 | 6): Tunnel => ({
  name: `vxlan over IPv${underlay}`,
  policy: VXLAN_POLICY,
  encap: "vxlan",
  underlay,
  inners: [4, 6],
  mtu: underlay === 4 ? 1450 : 1430,
  link: `vxlan id ${VNI} ${ends(underlay)} dstport ${PORT} nolearning`,
});

/** What can be copied from the inner header is. */
const inheriting = (tunnel: Tunnel, options: string): Tunnel => ({
  ...tunnel,
  name: `${tunnel.name}, inheriting`,
  link: `${tunnel.link} ${options}`,
  policy: INHERITING,
});

export const VXLAN_TUNNELS: readonly Tunnel[] = [
  vxlan(4),
  vxlan(6),
  inheriting(vxlan(4), "ttl inherit tos inherit df inherit"),
  inheriting(vxlan(6), "ttl inherit tos inherit"),
  { ...vxlan(4), name: "vxlan over IPv4, packet by packet", engine: "batch" },
];

const IPIP: Tunnel = {
  name: "ipip",
  encap: "ipip",
  underlay: 4,
  inners: [4],
  mtu: 1480,
  link: `ipip ${ends(4)}`,
  policy: IPIP_POLICY,
};

export const IPIP_TUNNELS: readonly Tunnel[] = [
  IPIP,
  inheriting(IPIP, "tos inherit nopmtudisc"),
  {
    ...IPIP,
    name: "ipip, all fixed",
    link: `${IPIP.link} ttl 33 tos 0xb8`,
    policy: { ...IPIP_POLICY, ttl: 33, dscp: 46 },
  },
  { ...IPIP, name: "ipip, packet by packet", engine: "batch" },
  { ...IPIP, name: "sit", inners: [6], link: `sit ${ends(4)} ttl inherit` },
  {
    name: "ip6tnl",
    encap: "ipip",
    underlay: 6,
    inners: [4, 6],
    mtu: 1460,
    link: `ip6tnl mode any ${ends(6)} encaplimit none`,
    policy: IP6TNL_POLICY,
  },
];
