/**
 * Reading the kernel back into our picture of it, and marking as dirty what is not as desired. A
 * difference found here that nobody asked for is drift.
 */
import type { Kernel } from "../kernel/kernel.ts";
import type { KernelState } from "../kernel/kernel-state.ts";
import { type DeviceNames, FORWARDING_SYSCTLS } from "../kernel/ownership.ts";
import type { Cause, Dirty, Key, KeyedKind } from "./dirty.ts";
import { type DiffRules, keyedDiff } from "./keyed-diff.ts";
import { diffRules, mapOf } from "./object-differences.ts";
import type { ForeignRoutes } from "./plan-input.ts";

/** What can be read back on its own. */
export type ReadScope = KeyedKind | "routes4" | "routes6";

export const ALL_SCOPES: readonly ReadScope[] = [
  "sysctl",
  "link",
  "address",
  "fdb",
  "neighbour",
  "nexthop",
  "routes4",
  "routes6",
];

export interface Picture {
  readonly desired: KernelState;
  readonly actual: KernelState;
  readonly foreign: ForeignRoutes;
  readonly dirty: Dirty;
  readonly devices: DeviceNames;
}

/** Reads one scope other than routes and marks every key of it that is not as desired. */
export async function readBack(
  scope: KeyedKind,
  kernel: Kernel,
  picture: Picture,
  cause: Cause,
): Promise<void> {
  const read = await readKind(scope, kernel, picture);
  const actual = mapOf(picture.actual, scope) as Map<Key, unknown>;
  actual.clear();
  for (const [key, value] of read) actual.set(key, value);
  if (picture.dirty.all !== undefined) return;
  const rules = diffRules(picture.devices)[scope] as unknown as DiffRules<never>;
  const desired = mapOf(picture.desired, scope) as Map<Key, never>;
  for (const { key } of keyedDiff(desired, actual as Map<Key, never>, rules)) {
    picture.dirty.mark(scope, key, cause);
  }
}

async function readKind(
  kind: KeyedKind,
  kernel: Kernel,
  { desired, actual, devices: names }: Picture,
): Promise<Map<Key, unknown>> {
  const devices = (): string[] => [...actual.links.keys()].filter((name) => names.isOurs(name));
  switch (kind) {
    case "sysctl":
      return kernel.readSysctls(FORWARDING_SYSCTLS);
    case "link":
      return kernel.readLinks();
    case "address":
      return kernel.readAddresses();
    case "neighbour":
      return kernel.readNeighbours(devices());
    case "fdb":
      return readFdbTwice(kernel, devices(), desired, actual);
    case "nexthop":
      return kernel.readNexthops();
  }
}

/**
 * Under churn an FDB dump leaves out entries that are there. What we know and desire and do not see
 * is looked for a second time before it counts as gone.
 */
async function readFdbTwice(
  kernel: Kernel,
  devices: string[],
  desired: KernelState,
  actual: KernelState,
): Promise<Map<Key, unknown>> {
  const first = await kernel.readFdb(devices);
  const isDoubtful = [...desired.fdb.keys()].some((key) => actual.fdb.has(key) && !first.has(key));
  if (!isDoubtful) return first;
  const second = await kernel.readFdb(devices);
  for (const [key, entry] of first) if (!second.has(key)) second.set(key, entry);
  return second;
}
