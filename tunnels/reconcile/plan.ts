/**
 * The operations of one stage: desired against actual, for what is dirty. Pure; the order of
 * stages is in op-order.ts.
 */
import type { Family } from "../../encap/address/ip-address.ts";
import type { KernelOp } from "../kernel/kernel-op.ts";
import type {
  Address,
  FdbEntry,
  KernelState,
  Link,
  Neighbour,
  Nexthop,
  Sysctl,
} from "../kernel/kernel-state.ts";
import { linkChange } from "../kernel/link-change.ts";
import { isOurAddress, isOurDevice, isOurNexthop, isOurNexthopId } from "../kernel/ownership.ts";
import type { KernelOps, RouteBatch } from "../kernel/route-batch.ts";
import type { Key, KeyedKind } from "./dirty.ts";
import { type Difference, type DiffRules, keyedDiff } from "./keyed-diff.ts";
import type { OpStage } from "./op-order.ts";
import type { PlanInput } from "./plan-input.ts";
import {
  compareRoutes,
  planAdditions,
  planClearing,
  planRemovals,
  readyAdditions,
} from "./plan-routes.ts";

/** The rules of each kind: when two values are the same, and which actual ones are ours. */
export const DIFF_RULES: {
  readonly sysctl: DiffRules<Sysctl>;
  readonly link: DiffRules<Link>;
  readonly address: DiffRules<Address>;
  readonly neighbour: DiffRules<Neighbour>;
  readonly fdb: DiffRules<FdbEntry>;
  readonly nexthop: DiffRules<Nexthop>;
} = {
  sysctl: { isSame: (a, b) => a.value === b.value, isOwned: () => false },
  link: {
    isSame: (a, b) => linkChange(b, a) === "none",
    isOwned: (link) => isOurDevice(link.name),
  },
  address: { isSame: () => true, isOwned: isOurAddress },
  neighbour: {
    isSame: (a, b) => a.mac === b.mac && b.permanent,
    isOwned: (row) => row.permanent && isOurDevice(row.device),
  },
  fdb: {
    isSame: (a, b) => a.destination.equals(b.destination),
    isOwned: (row) => isOurDevice(row.device),
  },
  nexthop: { isSame: isSameNexthop, isOwned: isOurNexthop },
};

function isSameNexthop(a: Nexthop, b: Nexthop): boolean {
  return (
    a.family === b.family &&
    a.device === b.device &&
    a.onlink === b.onlink &&
    a.protocol === b.protocol &&
    String(a.gateway) === String(b.gateway)
  );
}

/** Operations handed to the kernel in one call; a turn of the event loop lies between two. */
const CHUNK = 8_192;

const FAMILIES: readonly Family[] = [4, 6];

/** The operations of one pass, stage by stage, each planned when it is asked for. */
export class Plan {
  readonly #input: PlanInput;
  /** Undefined: to be made again, because routes went along with a device. */
  #additions: readonly RouteBatch[] | undefined;

  constructor(input: PlanInput) {
    this.#input = input;
    this.#additions = planAllAdditions(input);
  }

  /** The routes to be added or changed, if nothing comes in between: most of a first sync. */
  get additions(): readonly RouteBatch[] {
    return this.#additions ?? [];
  }

  *stage(stage: OpStage): Generator<KernelOps> {
    if (stage.kind !== "route") {
      for (const ops of chunks(planObjects(stage, this.#input))) {
        if (stage.kind === "link" && !stage.removes) yield* this.#clearing(ops);
        yield ops;
      }
    } else if (stage.removes) {
      for (const family of FAMILIES) yield* planRemovals(family, this.#input);
    } else {
      this.#additions ??= planAllAdditions(this.#input);
      yield* readyAdditions(this.#additions, this.#input);
    }
  }

  /** What has to go before links are changed. */
  *#clearing(ops: readonly KernelOp[]): Generator<KernelOps> {
    for (const op of ops) {
      if (op.kind !== "link" || op.verb === "add") continue;
      this.#additions = undefined;
      if (op.verb !== "delete") continue;
      for (const family of FAMILIES) yield* planClearing(family, op.object.name, this.#input);
    }
  }
}

function planAllAdditions(input: PlanInput): RouteBatch[] {
  return FAMILIES.flatMap((family) => [
    ...planAdditions(family, compareRoutes(family, input), input),
  ]);
}

function* planObjects(stage: OpStage, input: PlanInput): Generator<KernelOp> {
  switch (stage.kind) {
    case "sysctl":
      for (const diff of differences("sysctl", stage, input)) {
        if (diff.desired)
          yield { kind: "sysctl", verb: "replace", object: diff.desired, reason: diff.reason };
      }
      return;
    case "link":
      for (const diff of differences("link", stage, input)) yield* planLink(diff);
      return;
    case "address":
      for (const diff of differences("address", stage, input)) {
        if (diff.reason === "unwanted") {
          yield { kind: "address", verb: "delete", object: diff.actual, reason: diff.reason };
        } else if (isThere("address", diff.desired.device, diff.key, input)) {
          yield { kind: "address", verb: "add", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "neighbour":
      for (const diff of differences("neighbour", stage, input)) {
        if (diff.reason === "unwanted") {
          yield { kind: "neighbour", verb: "delete", object: diff.actual, reason: diff.reason };
        } else if (isThere("neighbour", diff.desired.device, diff.key, input)) {
          yield { kind: "neighbour", verb: "replace", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "fdb":
      for (const diff of differences("fdb", stage, input)) {
        if (diff.reason === "unwanted") {
          yield { kind: "fdb", verb: "delete", object: diff.actual, reason: diff.reason };
        } else if (isThere("fdb", diff.desired.device, diff.key, input)) {
          yield { kind: "fdb", verb: "replace", object: diff.desired, reason: diff.reason };
        }
      }
      return;
    case "nexthop":
      for (const diff of differences("nexthop", stage, input)) {
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

interface KindValues {
  sysctl: Sysctl;
  link: Link;
  address: Address;
  neighbour: Neighbour;
  fdb: FdbEntry;
  nexthop: Nexthop;
}

/** The map of one kind in a state. */
export function mapOf<K extends KeyedKind>(state: KernelState, kind: K): Map<Key, KindValues[K]> {
  const maps = {
    sysctl: state.sysctls,
    link: state.links,
    address: state.addresses,
    neighbour: state.neighbours,
    fdb: state.fdb,
    nexthop: state.nexthops,
  };
  return maps[kind] as unknown as Map<Key, KindValues[K]>;
}

/** Dirty differences of a kind that this stage is about. */
function* differences<K extends KeyedKind>(
  kind: K,
  stage: OpStage,
  { desired, actual, dirty }: PlanInput,
): Generator<Difference<Key, KindValues[K]> & { key: string }> {
  const keys = dirty.all === undefined ? dirty.keys(kind).keys() : undefined;
  const rules = DIFF_RULES[kind] as unknown as DiffRules<KindValues[K]>;
  for (const diff of keyedDiff(mapOf(desired, kind), mapOf(actual, kind), rules, keys)) {
    if ((diff.reason === "unwanted") === stage.removes) {
      yield diff as Difference<Key, KindValues[K]> & { key: string };
    }
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
