/** One change of the kernel, as a value: what `plan` prints and `apply` carries out. */
import type { Address, FdbEntry, Link, Neighbour, Nexthop, Route, Sysctl } from "./kernel-state.ts";

/** Why the operation is in the plan. */
export type OpReason = "missing" | "different" | "unwanted" | "foreign";

/**
 * `add` creates and refuses to touch what exists; `replace` creates or changes in place; `delete`
 * removes, and succeeds if the object is gone already. A `replace` of a link changes only what the
 * kernel can change in place (MTU, MAC, admin state, and the tunnel parameters that
 * `isInPlace` in link-change.ts names); anything else is planned as delete and add.
 */
export type KernelOp =
  | {
      readonly kind: "sysctl";
      readonly verb: "replace";
      readonly object: Sysctl;
      readonly reason: OpReason;
    }
  | LinkOp
  | {
      readonly kind: "address";
      readonly verb: "add" | "delete";
      readonly object: Address;
      readonly reason: OpReason;
    }
  | {
      readonly kind: "neighbour";
      readonly verb: "replace" | "delete";
      readonly object: Neighbour;
      readonly reason: OpReason;
    }
  | {
      readonly kind: "fdb";
      readonly verb: "replace" | "delete";
      readonly object: FdbEntry;
      readonly reason: OpReason;
    }
  | {
      readonly kind: "nexthop";
      readonly verb: "add" | "replace" | "delete";
      readonly object: Nexthop;
      readonly reason: OpReason;
    }
  | RouteOp;

export type LinkOp = {
  readonly kind: "link";
  readonly verb: "add" | "replace" | "delete";
  readonly object: Link;
  /** For `replace`: what the kernel has now; only the fields that differ are sent. */
  readonly actual?: Link;
  readonly reason: OpReason;
};

/**
 * `delete` removes the route with exactly this destination, protocol and path. `replace` is sent
 * where the key is held already, by us or (reason "foreign") by somebody else.
 */
export type RouteOp = {
  readonly kind: "route";
  readonly verb: "add" | "replace" | "delete";
  readonly object: Route;
  readonly reason: OpReason;
};

export type ObjectKind = KernelOp["kind"];
