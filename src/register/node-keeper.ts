/** What keeps this node known to the others while the agent runs, beside the agent's own loop. */
import type { Problem } from "../../tunnels/desired/problem.ts";
import type { AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import type { AddressWish } from "../../tunnels/ipam/node-address.ts";
import type { ChangeBatch } from "../datastore/datastore.ts";
import type { LinkState } from "./address-finder.ts";
import type { Decision } from "./decision.ts";
import type { NodeAddresses } from "./register-node.ts";

/** What the node has among the others. */
export interface KeptNode {
  readonly addresses: NodeAddresses;
  readonly blocks: readonly { readonly cidr: string }[];
  /** Blocks that pods get addresses of by our own conflist. */
  readonly podBlocks: readonly AllocationBlock[];
}

export interface NodeKeeper {
  /** Undefined until it is known. */
  readonly decision: Decision | undefined;
  readonly registered: KeptNode | undefined;
  /** True once the first pass came to an end, or there is none to wait for. */
  readonly isSettled: boolean;
  problems(): readonly Problem[];
  /** Told of the links and addresses; cheap where nothing changed. @param state kept up to date */
  saw(state: LinkState): void;
  /** Told of what changed in the datastore. */
  took(batch: Pick<ChangeBatch, "changes" | "inSync" | "lost">): void;
  /** Takes in what the operator wants now. */
  reconfigure(wish: AddressWish): void;
  /** Works until `signal` is aborted. @param onChange called when there is something new to say */
  run(signal: AbortSignal, onChange: () => void): Promise<void>;
}
