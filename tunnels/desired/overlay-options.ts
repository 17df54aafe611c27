/** What the calculation is told once and for all. */
import type { DeviceNames } from "../kernel/ownership.ts";
import type { PathTable } from "../kernel/path-table.ts";
import type { BlockOrigin } from "../model/block-origin.ts";
import type { Carriers } from "./carrier.ts";

export interface OverlayOptions {
  /** This node's name. */
  readonly node: string;
  readonly paths: PathTable;
  /** Whether the kernel has nexthop objects. */
  readonly nexthopObjects: boolean;
  readonly carriers: Carriers;
  readonly ipv6: boolean;
  /** Where blocks come from; `auto` without. */
  readonly blocks?: BlockOrigin;
  /** `CAUSEWAY_DEVICES` without. */
  readonly devices?: DeviceNames;
  /**
   * True where somebody else routes this node's own blocks, as a bridge does that has an address of
   * each: without, packets for what nobody has there are dropped by a blackhole.
   */
  readonly ownBlocksRouted?: boolean;
}
