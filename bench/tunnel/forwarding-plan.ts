/** The plan of a node that has `PEERS` remotes, of which node 2 is the one that answers. */
import { type Cidr, hostCidr, parseCidr } from "../../encap/address/cidr.ts";
import { parseIp } from "../../encap/address/ip-address.ts";
import { parseMac } from "../../encap/address/mac-address.ts";
import { buildRemoteTable } from "../../encap/build-remote-table.ts";
import { toVni, tunnelMtu, type UnderlayMtu } from "../../encap/encap-mode.ts";
import type { ForwardingPlan, Remote, TunnelEndpoint } from "../../encap/forwarding-plan.ts";
import { IPIP_POLICY, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import { macOf } from "./contenders.ts";
import { PEERS } from "./link.ts";

const MOVING = parseCidr("10.244.255.0/24");

export class NodePlans {
  readonly #encap: "vxlan" | "ipip";
  readonly #others: number[];
  readonly #remotes: readonly Remote[];
  readonly #blocks: readonly Cidr[];
  readonly #endpoint: TunnelEndpoint;

  constructor(encap: "vxlan" | "ipip", own: number) {
    this.#encap = encap;
    this.#others = own === 1 ? Array.from({ length: PEERS }, (_, at) => at + 2) : [1];
    this.#remotes = this.#others.map((other) => this.#remote(other));
    this.#blocks = this.#others.map((other) => parseCidr(`10.244.${other}.0/24`));
    this.#endpoint = this.#makeEndpoint(own);
  }

  /**
   * The same blocks at the same remotes, which have other numbers with every `turn`: a table that is
   * read with the remotes of another plan misdirects. One more block moves from remote to remote.
   */
  plan(turn: number): ForwardingPlan {
    const count = this.#others.length;
    const first = turn % count;
    const blocks = this.#blocks.map((cidr, at) => ({ cidr, remote: (at + count - first) % count }));
    return {
      endpoints: [this.#endpoint],
      remotes: [...this.#remotes.slice(first), ...this.#remotes.slice(0, first)],
      prefixes: buildRemoteTable([...blocks, { cidr: MOVING, remote: first }]),
    };
  }

  #remote(other: number): Remote {
    const address = parseIp(`192.0.2.${other}`);
    if (this.#encap === "ipip") return { encap: "ipip", address };
    return { encap: "vxlan", address, mac: parseMac(macOf(other)) };
  }

  #makeEndpoint(own: number): TunnelEndpoint {
    const base = {
      localAddress: parseIp(`192.0.2.${own}`),
      mtu: tunnelMtu(1500 as UnderlayMtu, this.#encap, 4),
      peers: buildRemoteTable(
        this.#others.map((other, remote) => ({
          cidr: hostCidr(parseIp(`192.0.2.${other}`)),
          remote,
        })),
      ),
    };
    if (this.#encap === "ipip") return { ...base, encap: "ipip", policy: IPIP_POLICY };
    const network = { vni: toVni(4096), port: 4789, mac: parseMac(macOf(own)) };
    return { ...base, encap: "vxlan", policy: VXLAN_POLICY, ...network };
  }
}
