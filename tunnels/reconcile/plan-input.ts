/** What planning looks at. */
import type { KernelState } from "../kernel/kernel-state.ts";
import type { DeviceNames } from "../kernel/ownership.ts";
import type { PathTable } from "../kernel/path-table.ts";
import type { RouteTable } from "../kernel/route-table.ts";
import type { Dirty } from "./dirty.ts";

/**
 * Routes of other programs at exactly the destinations that we want, and second ones with our
 * protocol at any, by family: as a rule none, after a migration from another overlay perhaps
 * thousands.
 */
export interface ForeignRoutes {
  readonly 4: RouteTable;
  readonly 6: RouteTable;
}

export interface PlanInput {
  readonly desired: KernelState;
  readonly actual: KernelState;
  readonly devices: DeviceNames;
  readonly paths: PathTable;
  readonly dirty: Dirty;
  readonly foreign: ForeignRoutes;
  /** Whether a foreign route at a destination that we want is replaced by ours. */
  readonly takeOver: boolean;
  /** Takes the keys that cannot be planned until something they stand on is there. */
  readonly waiting: Dirty;
}
