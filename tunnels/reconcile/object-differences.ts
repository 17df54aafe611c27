/**
 * What differs between desired and actual objects, kind by kind; routes have columns of their own
 * (plan-routes.ts).
 */
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
import { type DeviceNames, isOurAddress, isOurNexthop } from "../kernel/ownership.ts";
import type { Key, KeyedKind } from "./dirty.ts";
import { type Difference, type DiffRules, keyedDiff } from "./keyed-diff.ts";
import type { PlanInput } from "./plan-input.ts";

/** When two values of a kind are the same, and which actual ones are ours. */
export interface KindRules {
  readonly sysctl: DiffRules<Sysctl>;
  readonly link: DiffRules<Link>;
  readonly address: DiffRules<Address>;
  readonly neighbour: DiffRules<Neighbour>;
  readonly fdb: DiffRules<FdbEntry>;
  readonly nexthop: DiffRules<Nexthop>;
}

export function diffRules(devices: DeviceNames): KindRules {
  return {
    sysctl: { isSame: (a, b) => a.value === b.value, isOwned: () => false },
    link: {
      isSame: (a, b) => linkChange(b, a) === "none",
      isOwned: (link) => devices.isOurs(link.name),
    },
    address: { isSame: () => true, isOwned: (one) => isOurAddress(one, devices) },
    neighbour: {
      isSame: (a, b) => a.mac === b.mac && b.permanent,
      isOwned: (row) => row.permanent && devices.isOurs(row.device),
    },
    fdb: {
      isSame: (a, b) => a.destination.equals(b.destination),
      isOwned: (row) => devices.isOurs(row.device),
    },
    nexthop: { isSame: isSameNexthop, isOwned: isOurNexthop },
  };
}

function isSameNexthop(a: Nexthop, b: Nexthop): boolean {
  return (
    a.family === b.family &&
    a.device === b.device &&
    a.onlink === b.onlink &&
    a.protocol === b.protocol &&
    String(a.gateway) === String(b.gateway)
  );
}

interface KindValues {
  sysctl: Sysctl;
  link: Link;
  address: Address;
  neighbour: Neighbour;
  fdb: FdbEntry;
  nexthop: Nexthop;
}

export type ObjectDifference<K extends KeyedKind> = Difference<Key, KindValues[K]> & {
  readonly key: string;
};

const KINDS: readonly KeyedKind[] = ["sysctl", "link", "address", "neighbour", "fdb", "nexthop"];

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

/**
 * The differences of one pass. Where everything is looked at they are found at once, before the
 * first write: the kernel is on the way from the old state to the new one for a shorter time.
 */
export class ObjectDifferences {
  readonly #input: PlanInput;
  readonly #rules: KindRules;
  #found: Map<KeyedKind, readonly ObjectDifference<KeyedKind>[]> | undefined;

  constructor(input: PlanInput) {
    this.#input = input;
    this.#rules = diffRules(input.devices);
    if (input.dirty.all === undefined) return;
    this.#found = new Map(KINDS.map((kind) => [kind, [...this.#compare(kind)]]));
  }

  /** What was found is out of date: a device has gone, and whatever was on it. */
  forget(): void {
    this.#found = undefined;
  }

  /** Differences of a kind that are settled by removing (or by adding and changing) something. */
  *of<K extends KeyedKind>(kind: K, removes: boolean): Generator<ObjectDifference<K>> {
    const { actual } = this.#input;
    const found = (this.#found?.get(kind) ?? this.#compare(kind)) as Iterable<ObjectDifference<K>>;
    for (const diff of found) {
      if ((diff.reason === "unwanted") !== removes) continue;
      // It may have gone along with something else meanwhile.
      if (!removes || mapOf(actual, kind).has(diff.key)) yield diff;
    }
  }

  #compare<K extends KeyedKind>(kind: K): Generator<ObjectDifference<K>> {
    const { desired, actual, dirty } = this.#input;
    const keys = dirty.all === undefined ? dirty.keys(kind).keys() : undefined;
    const rules = this.#rules[kind] as unknown as DiffRules<KindValues[K]>;
    const found = keyedDiff(mapOf(desired, kind), mapOf(actual, kind), rules, keys);
    return found as Generator<ObjectDifference<K>>;
  }
}
