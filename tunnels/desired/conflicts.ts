/** Two claims on one thing: who won, who lost, and what to change. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Block, BorrowedAddress } from "../model/block.ts";
import { compareText } from "./name-order.ts";
import type { PrefixClaims } from "./prefix-claims.ts";
import type { Conflict } from "./problem.ts";
import type { VtepMap } from "./vtep-map.ts";

const RULE = "first by name";

/** Sorted by kind and value. The same on every node, though each keeps what is its own in force. */
export function listConflicts(
  vteps: VtepMap,
  blocks: PrefixClaims<Block>,
  borrowed: PrefixClaims<BorrowedAddress>,
): Conflict[] {
  const conflicts = [
    ...onAddresses("node address", vteps.addresses, "give each node an address of its own"),
    ...onAddresses("tunnel address", vteps.tunnels, "give one of the nodes another tunnel address"),
    ...onAddresses("address", borrowed, "release the address on one of the nodes"),
    ...onMacs(vteps),
    ...onBlocks(blocks),
  ];
  return conflicts.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.value, b.value));
}

function* onAddresses(
  kind: Conflict["kind"],
  prefixes: { contested(): Iterable<{ cidr: Cidr; claims: readonly { readonly node: string }[] }> },
  hint: string,
): Generator<Conflict> {
  for (const { cidr, claims } of prefixes.contested()) {
    const nodes = claims.map(({ node }) => node);
    yield* conflict(kind, cidr.address.toString(), nodes, hint);
  }
}

function* onMacs(vteps: VtepMap): Generator<Conflict> {
  const hint = "change spec.vxlanTunnelMACAddr (or …V6) on one of the nodes";
  for (const macs of [vteps.macs[4], vteps.macs[6]]) {
    for (const { mac, nodes } of macs.contested()) yield* conflict("VTEP MAC", mac, nodes, hint);
  }
}

function* onBlocks(blocks: PrefixClaims<Block>): Generator<Conflict> {
  for (const { cidr, claims } of blocks.contested()) {
    const owners = claims.flatMap(({ node }) => node ?? []);
    yield* conflict("block", cidr.toString(), owners, "remove the IPAMBlock that is wrong");
  }
}

/** `nodes`: the claimants, the winner first; one node twice is no conflict. */
function* conflict(
  kind: Conflict["kind"],
  value: string,
  nodes: readonly string[],
  hint: string,
): Generator<Conflict> {
  const [winner, ...losers] = new Set(nodes);
  if (winner !== undefined && losers.length > 0) {
    yield { kind, value, winner, losers, rule: RULE, hint };
  }
}
