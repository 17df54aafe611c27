/** Which way packets of a node in our own subnet come in, where the two do not agree that it is one. */
import type { Family } from "../../encap/address/ip-address.ts";
import type { Node } from "../model/node.ts";
import type { LocalSide } from "./local-side.ts";
import { type PeerPaths, subnetOf } from "./path-choice.ts";
import { nodeAddress } from "./tunnel-role.ts";

/**
 * CrossSubnet encapsulates one way and not the other. `tunnel`: the node sends to us through the
 * tunnel and we answer over the parent device; `parent`: the other way round.
 */
export type Arrival = "tunnel" | "parent";

/** Where the remote node's own verdict, if its record says enough, is another than ours. */
export function arrivalOf(
  node: Node,
  family: Family,
  local: LocalSide,
  { sameSubnet }: PeerPaths,
): Arrival | undefined {
  const { address, hasCrossSubnet } = local.families[family];
  const remote = nodeAddress(node, family);
  if (!hasCrossSubnet || !address || remote?.subnetLength === undefined) return undefined;
  const theirs = subnetOf(remote.address, remote.subnetLength)?.contains(address);
  if (theirs === sameSubnet) return undefined;
  return sameSubnet ? "tunnel" : "parent";
}
