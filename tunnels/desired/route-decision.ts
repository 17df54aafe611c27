/**
 * The route of one prefix. Four kinds of claim can meet on one: a node address that must not go
 * into a tunnel, an address borrowed from another node's block, a tunnel address, a block; the
 * first of these that is there decides.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { UnderlayRoute } from "../kernel/kernel-state.ts";
import type { PathTable } from "../kernel/path-table.ts";
import type { IpPool } from "../model/ip-pool.ts";
import type { BlockIndex } from "./block-index.ts";
import { blackholePath, underlayPath } from "./direct.ts";
import type { LocalSide } from "./local-side.ts";
import { chooseEncap, OUTCOME, type Outcome } from "./path-choice.ts";
import type { PoolIndex } from "./pool-index.ts";
import type { PrefixClaims } from "./prefix-claims.ts";
import type { RemoteNodes } from "./remote-nodes.ts";
import { TUNNEL_KINDS } from "./tunnel-role.ts";
import type { VtepMap } from "./vtep-map.ts";

export interface RouteDecision {
  readonly what: "node address" | "borrowed address" | "tunnel address" | "block";
  /** The node that has the prefix. */
  readonly node: string;
  readonly pool: IpPool | undefined;
  readonly outcome: Outcome;
  /** How the packets get to the node, if that is another one. */
  readonly encap: EncapMode | undefined;
}

export interface RouteInputs {
  /** This node's name. */
  readonly name: string;
  readonly pools: PoolIndex;
  readonly blocks: BlockIndex;
  readonly vteps: VtepMap;
  readonly remotes: RemoteNodes;
  readonly paths: PathTable;
  /** As in OverlayOptions. */
  readonly ownBlocksRouted: boolean;
  readonly underlayRoutes: PrefixClaims<UnderlayRoute>;
}

/** Undefined: nobody claims the prefix. */
export function decideRoute(
  cidr: Cidr,
  inputs: RouteInputs,
  local: LocalSide,
): RouteDecision | undefined {
  if (cidr.isHost) {
    const decided =
      decideNodeAddress(cidr, inputs) ??
      decideBorrowed(cidr, inputs) ??
      decideTunnelAddress(cidr, inputs, local);
    if (decided) return decided;
  }
  return decideBlock(cidr, inputs);
}

/** Inside a pool, the address gets the underlay's way to it, lest a block's route catch it. */
function decideNodeAddress(cidr: Cidr, inputs: RouteInputs): RouteDecision | undefined {
  const { vteps, pools, underlayRoutes, paths, name } = inputs;
  const claim = vteps.inForce(vteps.addresses.all(cidr));
  const pool = claim && pools.containing(cidr);
  if (!claim || !pool) return undefined;
  const { node } = claim;
  if (node === name) return decision("node address", node, pool, OUTCOME.none);
  const route = underlayRoutes.deepest(cidr.address, cidr.length);
  const outcome = route ? paths.intern(underlayPath(route)) : OUTCOME.noUnderlayRoute;
  return decision("node address", node, pool, outcome);
}

function decideBorrowed(cidr: Cidr, inputs: RouteInputs): RouteDecision | undefined {
  const claim = inputs.blocks.borrowed.first(cidr);
  if (!claim) return undefined;
  return decideFor("borrowed address", claim.node, cidr, inputs);
}

/** Where the node's own block covers its tunnel address, the block's route is enough. */
function decideTunnelAddress(
  cidr: Cidr,
  inputs: RouteInputs,
  local: LocalSide,
): RouteDecision | undefined {
  const { vteps, blocks, pools, name, remotes } = inputs;
  const claims = vteps.tunnels.all(cidr);
  const node = vteps.inForce(claims)?.node;
  if (node === undefined) return undefined;
  if (node === name) {
    return decision("tunnel address", node, pools.containing(cidr), OUTCOME.none);
  }
  const roles = claims.filter((claim) => claim.node === node).map((claim) => claim.role);
  const kind = TUNNEL_KINDS.find(({ role }) => roles.includes(role) && local.tunnels[role]);
  if (kind === undefined) return undefined;
  const cover = blocks.claims.deepest(cidr.address, cidr.length);
  if (cover?.node === node && pools.containing(cover.cidr)) return undefined;
  const pool = pools.containing(cidr);
  if (pool) return decideFor("tunnel address", node, cidr, inputs);
  const { encap } = kind;
  const outcome = remotes.paths(node, cidr.family)[encap];
  return decision("tunnel address", node, pool, outcome, encap);
}

function decideBlock(cidr: Cidr, inputs: RouteInputs): RouteDecision | undefined {
  const node = inputs.blocks.claims.first(cidr)?.node;
  return node === undefined ? undefined : decideFor("block", node, cidr, inputs);
}

function decideFor(
  what: RouteDecision["what"],
  node: string,
  cidr: Cidr,
  { pools, remotes, paths, name, ownBlocksRouted }: RouteInputs,
): RouteDecision {
  const pool = pools.containing(cidr);
  if (pool === undefined) {
    const outcome = pools.isUnrouted(cidr) ? OUTCOME.none : OUTCOME.noPool;
    return decision(what, node, pool, outcome);
  }
  if (node === name) {
    const isBlackhole = what === "block" && !cidr.isHost && !ownBlocksRouted;
    const outcome = isBlackhole ? paths.intern(blackholePath(cidr.family)) : OUTCOME.none;
    return decision(what, node, pool, outcome);
  }
  const peer = remotes.paths(node, cidr.family);
  const encap = chooseEncap(pool, peer);
  return decision(what, node, pool, peer[encap], encap);
}

/** One shape for all decisions: there is one for each prefix. */
function decision(
  what: RouteDecision["what"],
  node: string,
  pool: IpPool | undefined,
  outcome: Outcome,
  encap?: EncapMode,
): RouteDecision {
  return { what, node, pool, outcome, encap };
}

/** For whoever asks why a route is there: "block of birch". */
export function describeDecision(
  cidr: Cidr,
  { what, node, outcome }: RouteDecision,
  { blocks, name }: RouteInputs,
): string {
  const holder = node === name ? "this node" : node;
  if (what === "block" && outcome >= 0 && node === name) return "local block";
  if (what !== "borrowed address") return `${what} of ${holder}`;
  const lender = blocks.claims.deepest(cidr.address, cidr.length)?.node;
  const from = lender === undefined ? "" : `, from the block of ${lender}`;
  return `address borrowed by ${holder}${from}`;
}

export function underlayOrder(a: UnderlayRoute, b: UnderlayRoute): number {
  return (
    a.metric - b.metric ||
    Number(a.gateway !== undefined) - Number(b.gateway !== undefined) ||
    compareHops(a, b)
  );
}

function compareHops(a: UnderlayRoute, b: UnderlayRoute): number {
  const left = `${a.device} ${a.gateway ?? ""}`;
  const right = `${b.device} ${b.gateway ?? ""}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
