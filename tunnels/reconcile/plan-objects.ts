/** Operations on everything but routes: one for each difference, and links that are made anew. */
import type { KernelOp } from "../kernel/kernel-op.ts";
import type { Link } from "../kernel/kernel-state.ts";
import { linkChange } from "../kernel/link-change.ts";
import { isOurNexthop, isOurNexthopId } from "../kernel/ownership.ts";
import { keyOf } from "./dirty.ts";
import type { Difference } from "./keyed-diff.ts";
import type { ObjectDifferences } from "./object-differences.ts";
import type { OpStage } from "./op-order.ts";
import type { PlanInput } from "./plan-input.ts";

/** All differences of a stage as operations, whether they can be carried out now or not. */
export function* planObjects(stage: OpStage, diffs: ObjectDifferences): Generator<KernelOp> {
  switch (stage.kind) {
    case "sysctl":
      for (const diff of diffs.of("sysctl", stage.removes)) {
        if (diff.desired)
          yield { kind: "sysctl", verb: "replace", object: diff.desired, reason: diff.reason };
      }
      return;
    case "link":
      for (const diff of diffs.of("link", stage.removes)) yield* planLink(diff);
      return;
    case "address":
      for (const diff of diffs.of("address", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "address", verb: "delete", object: diff.actual, reason: diff.reason };
        } else {
          yield { kind: "address", verb: "add", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "neighbour":
      for (const diff of diffs.of("neighbour", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "neighbour", verb: "delete", object: diff.actual, reason: diff.reason };
        } else {
          yield { kind: "neighbour", verb: "replace", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "fdb":
      for (const diff of diffs.of("fdb", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "fdb", verb: "delete", object: diff.actual, reason: diff.reason };
        } else {
          yield { kind: "fdb", verb: "replace", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "nexthop":
      for (const diff of diffs.of("nexthop", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "nexthop", verb: "delete", object: diff.actual, reason: diff.reason };
        } else {
          // Another's object under a number that is not ours is left alone: `add` says EEXIST.
          const replaces =
            diff.reason === "different" &&
            (isOurNexthop(diff.actual) || isOurNexthopId(diff.actual.id));
          const verb = replaces ? "replace" : "add";
          yield { kind: "nexthop", verb, object: diff.desired, reason: diff.reason };
        }
      }
  }
}

/** What the kernel cannot change in place goes and comes back, at once, so that the gap is short. */
function* planLink(diff: Difference<string, Link>): Generator<KernelOp> {
  const { reason } = diff;
  if (diff.reason === "unwanted") {
    yield { kind: "link", verb: "delete", object: diff.actual, reason };
  } else if (diff.reason === "missing") {
    yield { kind: "link", verb: "add", object: diff.desired, reason };
  } else if (linkChange(diff.actual, diff.desired) === "in-place") {
    yield { kind: "link", verb: "replace", object: diff.desired, actual: diff.actual, reason };
  } else {
    yield { kind: "link", verb: "delete", object: diff.actual, reason };
    yield { kind: "link", verb: "add", object: diff.desired, reason };
  }
}

/** What can be carried out now, itself if that is all; the rest waits for its device. */
export function readyObjects(ops: readonly KernelOp[], input: PlanInput): readonly KernelOp[] {
  const waiting = new Set(ops.filter((op) => !isReady(op, input)));
  for (const op of waiting) {
    if (op.kind !== "route") input.waiting.mark(op.kind, keyOf(op), input.dirty.causeOfOp(op));
  }
  return waiting.size === 0 ? ops : ops.filter((op) => !waiting.has(op));
}

function isReady(op: KernelOp, { actual }: PlanInput): boolean {
  if (op.verb === "delete" || op.kind === "sysctl" || op.kind === "link" || op.kind === "route") {
    return true;
  }
  return actual.links.get(op.object.device)?.up === true;
}
