/**
 * The operations of one stage: desired against actual, for what is dirty. Pure; the order of
 * stages is in op-order.ts.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import type { KernelOp } from "../kernel/kernel-op.ts";
import type { Link } from "../kernel/kernel-state.ts";
import { linkChange } from "../kernel/link-change.ts";
import { isOurNexthop, isOurNexthopId } from "../kernel/ownership.ts";
import type { KernelOps, RouteBatch } from "../kernel/route-batch.ts";
import type { Key, KeyedKind } from "./dirty.ts";
import type { Difference } from "./keyed-diff.ts";
import { ObjectDifferences } from "./object-differences.ts";
import type { OpStage } from "./op-order.ts";
import type { PlanInput } from "./plan-input.ts";
import {
  compareRoutes,
  planAdditions,
  planClearing,
  planRemovals,
  readyAdditions,
} from "./plan-routes.ts";

/** Operations handed to the kernel in one call; a turn of the event loop lies between two. */
const CHUNK = 8_192;

const FAMILIES: readonly Family[] = [4, 6];

/** The operations of one pass, stage by stage, each planned when it is asked for. */
export class Plan {
  readonly #input: PlanInput;
  readonly #differences: ObjectDifferences;
  /** Undefined: to be found again, because routes went along with a device. */
  #routes: RoutePlan | undefined;

  constructor(input: PlanInput) {
    this.#input = input;
    this.#differences = new ObjectDifferences(input);
    this.#routes = planRoutes(input);
  }

  /** The routes to be added or changed, if nothing comes in between: most of a first sync. */
  get additions(): readonly RouteBatch[] {
    return this.#routes?.additions ?? [];
  }

  *stage(stage: OpStage): Generator<KernelOps> {
    if (stage.kind !== "route") {
      for (const ops of chunks(planObjects(stage, this.#differences, this.#input))) {
        if (stage.kind === "link" && !stage.removes) yield* this.#clearing(ops);
        yield ops;
      }
    } else if (stage.removes) {
      this.#routes ??= planRoutes(this.#input);
      const { hasExtra } = this.#routes;
      for (const family of FAMILIES) yield* planRemovals(family, hasExtra[family], this.#input);
    } else {
      this.#routes ??= planRoutes(this.#input);
      yield* readyAdditions(this.#routes.additions, this.#input);
    }
  }

  /** What has to go before links are changed. */
  *#clearing(ops: readonly KernelOp[]): Generator<KernelOps> {
    for (const op of ops) {
      if (op.kind !== "link" || op.verb === "add") continue;
      this.#routes = undefined;
      this.#differences.forget();
      if (op.verb !== "delete") continue;
      for (const family of FAMILIES) yield* planClearing(family, op.object.name, this.#input);
    }
  }
}

/** What is to be done about the routes, as far as it does not depend on the stages before. */
interface RoutePlan {
  readonly additions: readonly RouteBatch[];
  /** Whether there may be routes of ours that are not wanted. */
  readonly hasExtra: Readonly<Record<Family, boolean>>;
}

function planRoutes(input: PlanInput): RoutePlan {
  const hasExtra = { 4: true, 6: true };
  const additions = FAMILIES.flatMap((family) => {
    const differences = compareRoutes(family, input);
    hasExtra[family] = differences.hasExtra;
    return [...planAdditions(family, differences, input)];
  });
  return { additions, hasExtra };
}

function* planObjects(
  stage: OpStage,
  diffs: ObjectDifferences,
  input: PlanInput,
): Generator<KernelOp> {
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
        } else if (isThere("address", diff.desired.device, diff.key, input)) {
          yield { kind: "address", verb: "add", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "neighbour":
      for (const diff of diffs.of("neighbour", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "neighbour", verb: "delete", object: diff.actual, reason: diff.reason };
        } else if (isThere("neighbour", diff.desired.device, diff.key, input)) {
          yield { kind: "neighbour", verb: "replace", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "fdb":
      for (const diff of diffs.of("fdb", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "fdb", verb: "delete", object: diff.actual, reason: diff.reason };
        } else if (isThere("fdb", diff.desired.device, diff.key, input)) {
          yield { kind: "fdb", verb: "replace", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "nexthop":
      for (const diff of diffs.of("nexthop", stage.removes)) {
        if (diff.reason === "unwanted") {
          yield { kind: "nexthop", verb: "delete", object: diff.actual, reason: diff.reason };
        } else if (isThere("nexthop", diff.desired.device, diff.key, input)) {
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

/** True if the device is there; else the key waits for it. */
function isThere(kind: KeyedKind, device: string, key: Key, input: PlanInput): boolean {
  if (input.actual.links.get(device)?.up) return true;
  input.waiting.mark(kind, key, input.dirty.causeOf(kind, key));
  return false;
}

function* chunks(ops: Iterable<KernelOp>): Generator<KernelOp[]> {
  let chunk: KernelOp[] = [];
  for (const op of ops) {
    chunk.push(op);
    if (chunk.length === CHUNK) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
