/**
 * The operations of one pass, stage by stage: desired against actual, for what is dirty. Pure; the
 * order of stages is in op-order.ts.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import type { KernelOp } from "../kernel/kernel-op.ts";
import type { KernelOps, RouteBatch } from "../kernel/route-batch.ts";
import type { KeyedKind } from "./dirty.ts";
import { ObjectDifferences } from "./object-differences.ts";
import { isOpStage, type OpStage, STAGES } from "./op-order.ts";
import type { PlanInput } from "./plan-input.ts";
import { planObjects, readyObjects } from "./plan-objects.ts";
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

export class Plan {
  readonly #input: PlanInput;
  readonly #differences: ObjectDifferences;
  /** Additions of a pass that looks at everything, planned before the first write. */
  #objects: ReadonlyMap<KeyedKind, readonly KernelOp[][]> | undefined;
  /** Undefined: to be found again, because routes went along with a device. */
  #routes: RoutePlan | undefined;
  /** Numbers of nexthop objects that are on their way to the kernel. */
  readonly #comingNexthops = new Set<number>();

  constructor(input: PlanInput) {
    this.#input = input;
    this.#differences = new ObjectDifferences(input);
    if (input.dirty.all !== undefined) this.#objects = planAllObjects(this.#differences);
    this.#routes = planRoutes(input);
  }

  /** What is to be added or changed, as far as it is known before the first write. */
  get additions(): readonly KernelOps[] {
    const objects = [...(this.#objects?.values() ?? [])].flat();
    return [...objects, ...(this.#routes?.additions ?? [])];
  }

  /** How many routes are to be added or changed, as far as it is known before the first write. */
  get newRouteCount(): number {
    return this.#routes?.additions.reduce((sum, { length }) => sum + length, 0) ?? 0;
  }

  *stage(stage: OpStage): Generator<KernelOps> {
    if (stage.kind !== "route") yield* this.#objectStage(stage);
    else if (stage.removes) {
      this.#routes ??= planRoutes(this.#input);
      const { hasExtra } = this.#routes;
      for (const family of FAMILIES) yield* planRemovals(family, hasExtra[family], this.#input);
    } else {
      this.#routes ??= planRoutes(this.#input);
      yield* readyAdditions(this.#routes.additions, this.#input, this.#comingNexthops);
    }
  }

  /** Takes note of what was sent of a stage, before anything is known about its success. */
  sent(ops: KernelOps): void {
    for (const op of ops) {
      if (op.kind !== "nexthop") return;
      if (op.verb !== "delete") this.#comingNexthops.add(op.object.id);
    }
  }

  *#objectStage(stage: OpStage): Generator<KernelOps> {
    const ahead = stage.removes ? undefined : this.#objects?.get(stage.kind as KeyedKind);
    for (const planned of ahead ?? chunks(planObjects(stage, this.#differences))) {
      if (stage.kind === "link" && !stage.removes) yield* this.#clearing(planned);
      const ops = readyObjects(planned, this.#input);
      if (ops.length > 0) yield ops;
    }
  }

  /** What has to go before links are changed. */
  *#clearing(ops: readonly KernelOp[]): Generator<KernelOps> {
    for (const op of ops) {
      if (op.kind !== "link" || op.verb === "add") continue;
      this.#routes = undefined;
      this.#objects = undefined;
      this.#differences.forget();
      if (op.verb !== "delete") continue;
      for (const family of FAMILIES) yield* planClearing(family, op.object.name, this.#input);
    }
  }
}

function planAllObjects(differences: ObjectDifferences): Map<KeyedKind, KernelOp[][]> {
  const planned = new Map<KeyedKind, KernelOp[][]>();
  for (const stage of STAGES) {
    if (!isOpStage(stage) || stage.kind === "route" || stage.removes) continue;
    planned.set(stage.kind, [...chunks(planObjects(stage, differences))]);
  }
  return planned;
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
