/** How a node joins a flannel network: the part that etcd and Kubernetes do differently. */
import type { Cidr } from "../../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../../encap/address/ip-address.ts";
import type { LeaseEnds } from "../../datastore/flannel/lease.ts";
import { type FlannelNetwork, readNetwork } from "../../datastore/flannel/network.ts";
import { formatFieldPath, ProblemList } from "../../datastore/record-problem.ts";
import { CausewayError, reasonOf } from "../../errors.ts";

export interface JoinWish {
  readonly network: FlannelNetwork;
  /** What other nodes are to send to. */
  readonly addresses: { readonly [F in Family]?: IpAddress };
  /** The subnet that this node had before, as far as is known. */
  readonly previous: Cidr | undefined;
}

/** What this node has in the network. */
export interface Membership {
  readonly subnets: readonly Cidr[];
  readonly ends: LeaseEnds;
  /** `Date.now()` when the lease has to be renewed, and when it ends; undefined for no end. */
  readonly renewAt: number | undefined;
  readonly endsAt: number | undefined;
}

export interface JoinWay {
  /** Families that nodes can have here. */
  readonly families: readonly Family[];
  /** @throws CausewayError */
  network(): Promise<FlannelNetwork>;
  /** Takes a subnet, or keeps the one there is; writes only what is not so already. @throws CausewayError */
  join(wish: JoinWish): Promise<Membership>;
  close(): Promise<void>;
}

/** @param where the text stands @throws CausewayError `bad-resource` */
export function parseNetwork(text: string, where: string): FlannelNetwork {
  const problems = new ProblemList();
  const network = readNetwork(parseJson(text, where), problems);
  if (network !== undefined) return network;
  const { path, reason } = problems.items.find((one) => one.severity === "error") ?? {};
  throw new CausewayError("bad-resource", `${where}: ${formatFieldPath(path ?? [])}: ${reason}`);
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CausewayError("bad-resource", `${where}: not JSON: ${reasonOf(error)}`);
  }
}
