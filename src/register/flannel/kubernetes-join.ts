/**
 * Membership in a flannel network of Kubernetes: the subnet is the node's podCIDR, and the rest is
 * annotations of its core Node. Nothing of it ends.
 */
import type { Cidr } from "../../../encap/address/cidr.ts";
import type { Family } from "../../../encap/address/ip-address.ts";
import { vtepMac } from "../../../tunnels/model/vtep.ts";
import { annotationsFor, readAnnotations, subnetsOf } from "../../datastore/flannel/annotations.ts";
import { readNetworkText } from "../../datastore/flannel/api-form.ts";
import type { LeaseEnd, LeaseEnds } from "../../datastore/flannel/lease.ts";
import type { FlannelNetwork } from "../../datastore/flannel/network.ts";
import type { ApiClient } from "../../datastore/kubernetes/api-client.ts";
import type { ApiObject } from "../../datastore/kubernetes/kind-list.ts";
import { refusalText } from "../../datastore/kubernetes/refusal.ts";
import { formatFieldPath, ProblemList } from "../../datastore/record-problem.ts";
import { CausewayError } from "../../errors.ts";
import { type JoinWay, type JoinWish, type Membership, parseNetwork } from "./join-way.ts";

/** Annotations go through `status`, as flannel's own do: its rights are enough for ours. */
const STRATEGIC_MERGE = "application/strategic-merge-patch+json";

interface Condition {
  readonly type?: string;
  readonly status?: string;
}

export class KubernetesJoin implements JoinWay {
  readonly families = [4, 6] as const;
  readonly #client: ApiClient;
  readonly #node: string;
  readonly #file: string | undefined;

  /** The client is this way's own. @param file the network's configuration, if it was named */
  constructor(client: ApiClient, node: string, file: string | undefined) {
    this.#client = client;
    this.#node = node;
    this.#file = file;
  }

  async network(): Promise<FlannelNetwork> {
    const { text, where } = await readNetworkText(this.#client, this.#file);
    return parseNetwork(text, where);
  }

  async join({ network, addresses }: JoinWish): Promise<Membership> {
    const node = await this.#read();
    const subnets = this.#subnets(node, network);
    const before = readAnnotations(node, new ProblemList());
    const ends: { [F in Family]?: LeaseEnd } = {};
    for (const { family } of subnets) {
      const publicIp = addresses[family];
      const mac = before?.[family]?.mac ?? vtepMac(this.#node, family);
      if (publicIp !== undefined) ends[family] = { publicIp, mac };
    }
    if (ends[4] === undefined && ends[6] === undefined) {
      throw new CausewayError("bad-config", `no address of a family that ${subnets} are of`);
    }
    await this.#publish(node, ends, network.vni);
    return { subnets, ends, renewAt: undefined, endsAt: undefined };
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #read(): Promise<ApiObject> {
    const path = `/api/v1/nodes/${this.#node}`;
    const answer = await this.#client.request({ method: "GET", path });
    if (answer.status === 200) return answer.value as ApiObject;
    if (answer.status !== 404) {
      throw new CausewayError("datastore", refusalText(answer, `read node ${this.#node}`));
    }
    throw new CausewayError("bad-resource", `Kubernetes has no node "${this.#node}"`, {
      hint: "--node has to be the name that kubectl get nodes shows",
    });
  }

  #subnets(node: ApiObject, { ranges }: FlannelNetwork): readonly Cidr[] {
    const problems = new ProblemList();
    const subnets = subnetsOf(node, problems);
    const [bad] = problems.items;
    if (bad !== undefined) {
      const what = `node ${this.#node}: ${formatFieldPath(bad.path)}: ${bad.reason}`;
      throw new CausewayError("bad-resource", what);
    }
    if (subnets.length === 0) {
      const hint = "start the controller manager with --allocate-node-cidrs";
      throw new CausewayError("bad-resource", `node ${this.#node} has no podCIDR`, { hint });
    }
    const outside = subnets.find((one) => !ranges[one.family]?.network.covers(one));
    if (outside === undefined) return subnets;
    const what = `podCIDR ${outside} of node ${this.#node} is not in flannel's network`;
    const hint = "give flannel's net-conf.json the cluster's pod range";
    throw new CausewayError("bad-resource", what, { hint });
  }

  async #publish(node: ApiObject, ends: LeaseEnds, vni: number): Promise<void> {
    const wanted = annotationsFor(node, ends, vni);
    const found = (node.metadata?.["annotations"] ?? {}) as Readonly<Record<string, string>>;
    const { conditions = [] } = (node["status"] ?? {}) as { conditions?: readonly Condition[] };
    const isUp = conditions.some(
      ({ type, status }) => type === "NetworkUnavailable" && status === "False",
    );
    const isSame = Object.entries(wanted).every(([name, text]) => found[name] === text);
    if (isUp && isSame) return;
    const now = new Date().toISOString().replace(/\.\d+Z/, "Z");
    const condition = {
      type: "NetworkUnavailable",
      status: "False",
      reason: "CausewayIsUp",
      message: "Causeway has joined this node to the flannel network",
      lastTransitionTime: now,
      lastHeartbeatTime: now,
    };
    const answer = await this.#client.request({
      method: "PATCH",
      path: `/api/v1/nodes/${this.#node}/status`,
      contentType: STRATEGIC_MERGE,
      body: {
        metadata: { annotations: wanted },
        ...(isUp ? {} : { status: { conditions: [condition] } }),
      },
    });
    if (answer.status < 300) return;
    throw new CausewayError("datastore", refusalText(answer, `annotate node ${this.#node}`));
  }
}
