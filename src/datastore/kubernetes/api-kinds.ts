/** The kinds of the Kubernetes API that are followed, and the groups in which a cluster serves them. */
import type { BlockOrigin } from "../../../tunnels/model/block-origin.ts";
import type { ResourceKind } from "../../../tunnels/model/snapshot.ts";
import { CausewayError } from "../../errors.ts";
import type { Answer, ApiClient } from "./api-client.ts";
import { refusalText } from "./refusal.ts";

export interface ApiKind {
  readonly kind: ResourceKind;
  readonly plural: string;
  /** A cluster without it is no reason to wait. */
  readonly isOptional: boolean;
}

/** The groups that hold Calico's kinds; the first that a cluster serves is the one in use. */
export const calicoGroups = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;
export type CalicoGroup = (typeof calicoGroups)[number];

export const coreNodes: ApiKind = { kind: "Node", plural: "nodes", isOptional: false };
const pools: ApiKind = { kind: "IPPool", plural: "ippools", isOptional: false };
const settings: ApiKind = {
  kind: "FelixConfiguration",
  plural: "felixconfigurations",
  isOptional: true,
};

export function followedKinds(origin: BlockOrigin): readonly ApiKind[] {
  const isOptional = origin === "auto";
  const blocks: ApiKind = { kind: "IPAMBlock", plural: "ipamblocks", isOptional };
  return origin === "podCIDR" ? [coreNodes, pools, settings] : [coreNodes, pools, settings, blocks];
}

/** What a cluster serves of Calico's kinds. */
export interface ServedGroup {
  readonly group: CalicoGroup;
  readonly plurals: ReadonlySet<string>;
}

/**
 * Asks which group is in use: that with IP pools. Undefined where there is none.
 * @throws CausewayError `datastore`
 */
export async function findServedGroup(
  client: ApiClient,
  signal?: AbortSignal,
): Promise<ServedGroup | undefined> {
  for (const group of calicoGroups) {
    const answer = await client.request({ method: "GET", path: `/apis/${group}` }, signal);
    if (answer.status === 404) continue;
    const plurals = new Set(namesOf(answer, `say which kinds ${group} has`));
    if (plurals.has("ippools")) return { group, plurals };
  }
  return undefined;
}

/** The path of all objects of a kind. */
export function pathOf(kind: Pick<ApiKind, "plural">, group: CalicoGroup | undefined): string {
  return kind.plural === "nodes" ? "/api/v1/nodes" : `/apis/${group}/${kind.plural}`;
}

/** What is lacking, and what to do, where a cluster does not serve a kind. */
export function missingText(plural: string, group: CalicoGroup | undefined): string {
  const where = group ?? calicoGroups.join(" nor in ");
  const what = `the cluster serves no ${plural}${group === undefined ? ", neither" : ""} in ${where}`;
  return `${what}; waiting for the custom resource definition (deploy/kubernetes/crds.yaml)`;
}

function namesOf(answer: Answer, doing: string): string[] {
  const { status, value } = answer;
  if (status !== 200) throw new CausewayError("datastore", refusalText(answer, doing));
  const { resources = [] } = value as { resources?: readonly { readonly name: string }[] };
  return resources.map(({ name }) => name);
}
