/** "1 device, 2 routes": operations counted by kind, for people. */
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { plural } from "./text.ts";

const NOUNS: Readonly<Record<KernelOp["kind"], string>> = {
  sysctl: "sysctl",
  link: "device",
  address: "address",
  neighbour: "neighbour",
  fdb: "FDB entry",
  nexthop: "nexthop",
  route: "route",
};

/** In the order of their first operations. */
export function countKinds(operations: readonly { readonly kind: KernelOp["kind"] }[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of operations) counts.set(NOUNS[kind], (counts.get(NOUNS[kind]) ?? 0) + 1);
  return [...counts].map(([noun, count]) => plural(count, noun)).join(", ");
}
