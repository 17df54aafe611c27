/** Everything that is wanted and not there, in words, each cause once. */
import { compareCidr } from "../../encap/address/cidr.ts";
import type { Shortfall } from "./local-side.ts";
import { compareText } from "./name-order.ts";
import { OUTCOME } from "./path-choice.ts";
import type { PoolIndex } from "./pool-index.ts";
import type { Problem } from "./problem.ts";
import { type ReversePathInputs, reversePathProblems } from "./reverse-path.ts";
import { tunnelKind } from "./tunnel-role.ts";
import type { Unrouted, UnroutedGroup } from "./unrouted.ts";

/** So many prefixes outside all pools are listed one by one. */
const LISTED = 10;

export interface ProblemInputs extends ReversePathInputs {
  readonly unrouted: Unrouted;
}

/** The gravest first, then by subject: the same state gives the same list. */
export function listProblems(inputs: ProblemInputs): Problem[] {
  const groups = inputs.unrouted.groups();
  const problems = [
    ...inputs.local.shortfalls.map((shortfall) => withCount(shortfall, groups)),
    ...groups.flatMap((group) => groupProblem(group) ?? []),
    ...outsidePools(inputs.unrouted, groups),
    ...hiddenPools(inputs.pools),
    ...reversePathProblems(inputs),
  ];
  const rank = { error: 0, warning: 1, note: 2 };
  return problems.sort(
    (a, b) =>
      rank[a.severity] - rank[b.severity] ||
      compareText(a.subject, b.subject) ||
      compareText(a.reason, b.reason),
  );
}

function withCount(shortfall: Shortfall, groups: readonly UnroutedGroup[]): Problem {
  const { problem, role, family, pool } = shortfall;
  if (problem.severity === "warning") return problem;
  const blamed = groups.filter(
    (group) =>
      (group.outcome === OUTCOME.noDevice || group.outcome === OUTCOME.noParent) &&
      (role === undefined || roleOf(group) === role) &&
      (family === undefined || group.family === family) &&
      (pool === undefined || group.pool === pool),
  );
  const count = countOf(blamed);
  return count === "" ? problem : { ...problem, reason: `${problem.reason}: ${count}` };
}

function roleOf({ encap, family, outcome }: UnroutedGroup): string | undefined {
  if (outcome !== OUTCOME.noDevice) return undefined;
  return encap === "vxlan" || encap === "ipip" ? tunnelKind(encap, family)?.role : undefined;
}

/** What lies with one remote node. */
function groupProblem(group: UnroutedGroup): Problem | undefined {
  const { node, pool, family } = group;
  const kind =
    group.encap === "vxlan" || group.encap === "ipip" ? tunnelKind(group.encap, family) : undefined;
  const label = kind?.label ?? "";
  const say = (reason: string, hint: string, severity: Problem["severity"] = "error"): Problem => {
    return { subject: `node ${node}`, reason: `${reason}: ${countOf([group])}`, hint, severity };
  };
  switch (group.outcome) {
    case OUTCOME.noRecord:
      return say("it has no record in the datastore", "add the Node, or release its blocks");
    case OUTCOME.noNodeAddress:
      return say(
        `it has no IPv${family} node address`,
        `set spec.bgp.ipv${family}Address, or an InternalIP`,
      );
    case OUTCOME.lostNodeAddress:
      return say(
        `another node has its IPv${family} node address`,
        "give each node an address of its own",
      );
    case OUTCOME.noTunnelAddress:
      return say(`it has no ${label} tunnel address`, `set ${kind?.field} on the Node`);
    case OUTCOME.lostTunnelAddress:
      return say(
        `another node has its ${label} tunnel address`,
        `give one of them another ${kind?.field}`,
      );
    case OUTCOME.lostMac:
      return say(
        `another node has its ${label} MAC`,
        `give one of them another spec.vxlanTunnelMACAddr${family === 6 ? "V6" : ""}`,
      );
    case OUTCOME.beyondSubnet:
      return say(
        `pool "${pool}" is Never and the node is in another subnet`,
        "let the underlay route these prefixes, or make the pool CrossSubnet",
        "note",
      );
    case OUTCOME.noUnderlayRoute:
      return {
        subject: `node ${node}`,
        reason: "its address is inside a pool, and no route of the underlay leads to it",
        hint: "add a route to it, or take the address out of the pool",
        severity: "error",
      };
    default:
      return undefined;
  }
}

function* outsidePools(unrouted: Unrouted, groups: readonly UnroutedGroup[]): Generator<Problem> {
  if (!groups.some(({ outcome }) => outcome === OUTCOME.noPool)) return;
  const prefixes = [...unrouted.prefixes(OUTCOME.noPool)].sort(compareCidr);
  const hint = "add an IPPool that contains it";
  for (const cidr of prefixes.slice(0, LISTED)) {
    const reason = "no IP pool contains it";
    yield { subject: `block ${cidr}`, reason, hint, severity: "note" };
  }
  if (prefixes.length > LISTED) {
    const reason = `${prefixes.length - LISTED} more are in no IP pool either`;
    yield { subject: "blocks", reason, hint, severity: "note" };
  }
}

function* hiddenPools(pools: PoolIndex): Generator<Problem> {
  for (const { pool, by } of pools.hidden()) {
    yield {
      subject: `pool "${pool.name}"`,
      reason: `pool "${by.name}" has the same CIDR ${pool.cidr} and is first by name`,
      hint: "remove one of them",
      severity: "warning",
    };
  }
}

/** "3 blocks and 1 address are not routed", or nothing. */
function countOf(groups: readonly UnroutedGroup[]): string {
  const blocks = groups.reduce((sum, group) => sum + group.blocks, 0);
  const addresses = groups.reduce((sum, group) => sum + group.addresses, 0);
  const parts: string[] = [];
  if (blocks > 0) parts.push(`${blocks} block${blocks === 1 ? "" : "s"}`);
  if (addresses > 0) parts.push(`${addresses} address${addresses === 1 ? "" : "es"}`);
  if (parts.length === 0) return "";
  return `${parts.join(" and ")} ${blocks + addresses === 1 ? "is" : "are"} not routed`;
}
