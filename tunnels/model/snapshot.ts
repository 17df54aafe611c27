/**
 * What a datastore holds, as the calculation sees it: resources by kind and name, changed in
 * batches. The calculation depends on the resources only, never on the order they came in.
 */
import type { Block } from "./block.ts";
import type { IpPool } from "./ip-pool.ts";
import type { Node } from "./node.ts";
import type { FelixConfiguration } from "./overlay-settings.ts";

export type Resource = Node | IpPool | Block | FelixConfiguration;
export type ResourceKind = Resource["kind"];

/** One resource put (`resource` present) or removed (`resource` undefined). */
export interface ResourceChange {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly resource: Resource | undefined;
}

/** Something in the datastore that could not be used, and why. */
export interface ResourceFault {
  /** Where it stands: "pools.yaml:7", or a key. */
  readonly where: string;
  /** For example `IPPool "green"`; absent when not even that could be read. */
  readonly what?: string;
  /** For example "spec.cidr". */
  readonly field?: string;
  /** What was found there, as short JSON text. */
  readonly value?: string;
  readonly reason: string;
  /** `error`: something was refused. `warning`: it is used, or was of no use anyway. */
  readonly severity: "error" | "warning";
  /** True if an earlier version of the resource, or a rival of the same name, is in force. */
  readonly keptLastGood: boolean;
}
