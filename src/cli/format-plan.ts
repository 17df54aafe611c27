/** A plan for people, who may paste it, and as the values behind that text. */
import type { Overlay } from "../../tunnels/desired/overlay.ts";
import type { Conflict, Problem } from "../../tunnels/desired/problem.ts";
import { describeOp, objectName } from "../../tunnels/kernel/describe-op.ts";
import type { KernelOp, LinkOp } from "../../tunnels/kernel/kernel-op.ts";
import { addressKey, fdbKey, neighbourKey, parentOf } from "../../tunnels/kernel/kernel-state.ts";
import { differingFields } from "../../tunnels/kernel/link-change.ts";
import type { Agent } from "../agent.ts";
import type { Config } from "../config/settings.ts";
import { countKinds } from "./kind-counts.ts";
import type { Plan } from "./make-plan.ts";
import { plural, wrap } from "./text.ts";
import { conflictText, problemText } from "./trouble-text.ts";

export interface PlannedOperation {
  readonly object: string;
  readonly kind: KernelOp["kind"];
  readonly verb: KernelOp["verb"];
  readonly reason: KernelOp["reason"];
  /** For people: "block of birch". */
  readonly why: string;
  readonly commands: readonly string[];
}

export interface PlanReport {
  readonly node: string;
  readonly datastore: string;
  readonly revision: string | undefined;
  readonly operations: readonly PlannedOperation[];
  readonly problems: readonly Problem[];
  readonly conflicts: readonly Conflict[];
}

export function planReport({ agent, ops }: Plan, config: Config): PlanReport {
  return {
    node: config.node,
    datastore: config.datastore,
    revision: agent.datastoreState?.revision,
    operations: ops.map((op) => ({
      object: objectName(op),
      kind: op.kind,
      verb: op.verb,
      reason: op.reason,
      why: why(op, agent),
      commands: describeOp(op),
    })),
    problems: agent.problems(),
    conflicts: agent.overlay.conflicts(),
  };
}

/** Comments and commands: a shell can run it as it is. */
export function formatPlan(report: PlanReport): string {
  const { node, datastore, revision, operations, problems, conflicts } = report;
  const heading = `node ${node}, datastore ${datastore} (revision ${revision}), kernel as read now`;
  const comments = [
    heading,
    ...summary(operations),
    ...problems.flatMap(problemText),
    ...conflicts.flatMap(conflictText),
  ];
  const lines = comments.map((text) => wrap(`# ${text}`, "#     "));
  for (const { commands, why } of operations) {
    commands.forEach((command, at) => {
      lines.push(at === 0 ? `${command}   # ${why}` : command);
    });
  }
  return `${lines.join("\n")}\n`;
}

/** "9 changes: 1 device, 2 routes", and what of that is removed. */
function summary(operations: readonly PlannedOperation[]): string[] {
  if (operations.length === 0) return ["nothing to do: the kernel has all that it can have"];
  const isRemoval = ({ verb, reason }: PlannedOperation): boolean =>
    verb === "delete" && reason === "unwanted";
  const removals = operations.filter(isRemoval);
  return [
    `${plural(operations.length, "change")}: ${countKinds(operations)}`,
    removals.length === 0 ? "nothing is removed" : `removed: ${countKinds(removals)}`,
  ];
}

function why(op: KernelOp, { overlay, reconciler }: Agent): string {
  const what = describe(op, overlay);
  if (op.verb === "delete") {
    if (op.reason === "unwanted") return what === undefined ? "not wanted" : `not wanted: ${what}`;
    return "is made again below";
  }
  const parts = [what ?? "wanted"];
  if (op.reason === "foreign") parts.push("takes the place of a foreign route");
  if (op.kind === "link") {
    const parent = reconciler.actual.links.get(parentOf(op.object.tunnel) ?? "");
    if (op.verb === "replace") parts.push(differences(op));
    else if (parent !== undefined) parts.push(`${parent.name} has MTU ${parent.mtu}`);
  } else if (op.reason === "different" && op.kind !== "sysctl") {
    parts.push("the kernel has another");
  }
  return parts.join("; ");
}

/** "its mtu is 1400, its mac is 66:…". */
function differences({ object, actual }: LinkOp): string {
  if (actual === undefined) return "";
  const facts = { ...actual.tunnel, ...actual } as unknown as Record<string, unknown>;
  const differs = differingFields(actual, object).map((field) => `its ${field} is ${facts[field]}`);
  return differs.join(", ");
}

function describe(op: KernelOp, overlay: Overlay): string | undefined {
  switch (op.kind) {
    case "route":
      return overlay.describe("route", String(op.object.destination));
    case "nexthop": {
      const node = overlay.describe("nexthop", String(op.object.id));
      return node && `to ${node}`;
    }
    case "address":
      return overlay.describe("address", addressKey(op.object));
    case "neighbour":
      return overlay.describe("neighbour", neighbourKey(op.object));
    case "fdb":
      return overlay.describe("fdb", fdbKey(op.object));
    default:
      return overlay.describe(op.kind, op.object.name);
  }
}
