/** Puts forwarding plans into shared memory; a part that has not changed stays where it is. */
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import type { ForwardingPlan, Remote, TunnelEndpoint } from "../../../encap/forwarding-plan.ts";
import { macWords } from "../../../encap/header/ethernet.ts";
import type { EndpointSockets } from "../underlay/endpoint-sockets.ts";
import {
  NO_ENDPOINT,
  REMOTE_ADDRESS,
  REMOTE_ENDPOINT,
  REMOTE_MAC_HIGH,
  REMOTE_MAC_LOW,
  REMOTE_WORDS,
  type SharedEndpoint,
  type SharedPlan,
} from "../worker/shared-plan.ts";

/** With it, packets stay in the TUN device's queue. */
export const NO_TUNNELS: ForwardingPlan = {
  endpoints: [],
  remotes: [],
  prefixes: buildRemoteTable([]),
};

interface SharedRemotes {
  readonly from: ForwardingPlan["remotes"];
  /** Which endpoint serves which role. */
  readonly roles: string;
  readonly buffer: SharedArrayBuffer;
  readonly revision: number;
}

export class PlanSharer {
  #revision = 0;
  #remotes: SharedRemotes | undefined;

  /** Of the last plan; 0 before the first. */
  get revision(): number {
    return this.#revision;
  }

  /** `sockets` has those of each endpoint of the plan, by index; undefined if it is not served. */
  share(plan: ForwardingPlan, sockets: readonly (EndpointSockets | undefined)[]): SharedPlan {
    this.#revision++;
    const endpoints: SharedEndpoint[] = [];
    const roles = new Map<string, number>();
    for (const [at, endpoint] of plan.endpoints.entries()) {
      const opened = sockets[at];
      if (opened === undefined) continue;
      roles.set(roleOf(endpoint.encap, endpoint.localAddress), endpoints.length);
      endpoints.push(shareEndpoint(endpoint, opened));
    }
    const { buffer, revision } = this.#shareRemotes(plan.remotes, roles);
    return {
      revision: this.#revision,
      endpoints,
      remotes: buffer,
      remotesRevision: revision,
      prefixes: plan.prefixes.buffer,
    };
  }

  #shareRemotes(
    from: ForwardingPlan["remotes"],
    endpoints: ReadonlyMap<string, number>,
  ): SharedRemotes {
    const roles = [...endpoints.keys()].join();
    const last = this.#remotes;
    if (last !== undefined && last.from === from && last.roles === roles) return last;
    const buffer = new SharedArrayBuffer(from.length * REMOTE_WORDS * 4);
    const words = new Int32Array(buffer);
    for (const [index, remote] of from.entries()) {
      writeRemote(words, index * REMOTE_WORDS, remote, endpoints);
    }
    this.#remotes = { from, roles, buffer, revision: this.#revision };
    return this.#remotes;
  }
}

/** What makes a remote and an endpoint belong together. */
function roleOf(encap: string, address: IpAddress): string {
  return `${encap} ${address.family}`;
}

function shareEndpoint(endpoint: TunnelEndpoint, sockets: EndpointSockets): SharedEndpoint {
  const { encap, localAddress, mtu, policy, peers } = endpoint;
  const mac = endpoint.encap === "vxlan" ? macWords(endpoint.mac) : { high: 0, low: 0 };
  return {
    encap,
    family: localAddress.family,
    mtu,
    policy,
    local: [localAddress.w0, localAddress.w1, localAddress.w2, localAddress.w3],
    peers: peers.buffer,
    sockets,
    vni: endpoint.encap === "vxlan" ? endpoint.vni : 0,
    port: endpoint.encap === "vxlan" ? endpoint.port : 0,
    macHigh: mac.high,
    macLow: mac.low,
  };
}

function writeRemote(
  words: Int32Array,
  at: number,
  remote: Remote | undefined,
  endpoints: ReadonlyMap<string, number>,
): void {
  words[at + REMOTE_ENDPOINT] = NO_ENDPOINT;
  if (remote === undefined) return;
  const { encap, address } = remote;
  words[at + REMOTE_ENDPOINT] = endpoints.get(roleOf(encap, address)) ?? NO_ENDPOINT;
  words[at + REMOTE_ADDRESS] = address.w0;
  words[at + REMOTE_ADDRESS + 1] = address.w1;
  words[at + REMOTE_ADDRESS + 2] = address.w2;
  words[at + REMOTE_ADDRESS + 3] = address.w3;
  if (remote.encap !== "vxlan") return;
  const { high, low } = macWords(remote.mac);
  words[at + REMOTE_MAC_HIGH] = high;
  words[at + REMOTE_MAC_LOW] = low;
}
