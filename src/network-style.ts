/** What the kind of network asks of a node besides what its datastore holds: ours and Calico's, or flannel's. */
import {
  CAUSEWAY_DEVICES,
  type DeviceNames,
  FLANNEL_DEVICES,
} from "../tunnels/kernel/ownership.ts";
import type { BlockOrigin } from "../tunnels/model/block-origin.ts";
import type { Config } from "./config/settings.ts";

export interface NetworkStyle {
  readonly devices: DeviceNames;
  readonly blocks: BlockOrigin;
  readonly ownBlocksRouted: boolean;
}

/** `flannel+etcd://…` or `flannel+kubernetes:`. */
export function isFlannel(datastore: string): boolean {
  return datastore.startsWith("flannel+");
}

export function networkStyle({
  datastore,
  blocks,
}: Pick<Config, "datastore" | "blocks">): NetworkStyle {
  if (!isFlannel(datastore)) return { devices: CAUSEWAY_DEVICES, blocks, ownBlocksRouted: false };
  // A lease is a node and its one block; pods are on a bridge that has an address of it.
  return { devices: FLANNEL_DEVICES, blocks: "podCIDR", ownBlocksRouted: true };
}
