/**
 * Whether this agent registers its node. Where the operator does not say, it looks: records that
 * agents of Causeway wrote carry their mark, and one that says where a node is and has none was
 * written by another program, such as Calico's own node agent, or by hand.
 */
import type { RecordStore } from "../datastore/record-store.ts";
import { hasAddress, machineOf } from "./node-record.ts";

export interface Decision {
  readonly on: boolean;
  /** In words that fit behind "registers" or "does not register". */
  readonly why: string;
}

/** What the agent has seen of the cluster. */
export interface ClusterSight {
  readonly hasBlocks: boolean;
  /** Some node has podCIDRs of Kubernetes. */
  readonly hasPodCidrs: boolean;
}

/**
 * @param asked what the operator says; undefined where nothing
 * @throws CausewayError of the store
 */
export async function decideRegistering(
  asked: boolean | undefined,
  store: RecordStore,
  node: string,
  { hasBlocks, hasPodCidrs }: ClusterSight,
): Promise<Decision> {
  if (asked !== undefined) return { on: asked, why: "as the operator asked" };
  const own = (await store.get("Node", node))?.value;
  if (own !== undefined && machineOf(own) !== undefined) {
    return { on: true, why: "as it did before" };
  }
  if (own !== undefined && hasAddress(own)) {
    return {
      on: false,
      why: "another program, or somebody by hand, wrote the record of this node",
    };
  }
  if (hasPodCidrs && !hasBlocks) {
    // The first block would put all podCIDRs out of force.
    return { on: false, why: "the blocks are the podCIDRs that Kubernetes gives its nodes" };
  }
  for (const { value } of await store.list("Node")) {
    if (!hasAddress(value) || machineOf(value) !== undefined) continue;
    const { name } = value.metadata;
    return { on: false, why: `another program, or somebody by hand, registers nodes: ${name}` };
  }
  return { on: true, why: "because nobody else registers nodes here" };
}
