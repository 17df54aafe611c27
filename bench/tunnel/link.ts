/**
 * Two nodes on one veth pair, 192.0.2.1 and 192.0.2.2 outside, 10.244.1.1 and 10.244.2.1 inside:
 *
 * E1: the link carries super-packets whole, as between two pods of a host or with a clever NIC.
 * E2: no segmentation offload, GRO on: every packet crosses at MTU size. Nearest to a plain NIC.
 * E2 with hold-off: GRO waits 20 us for more, as interrupt moderation of a NIC makes it.
 */
import { run } from "../lab/command.ts";
import type { Lab } from "../lab/lab.ts";

export type Condition = "E1" | "E2" | "E2 with GRO hold-off";

export const UNDER = "under";
export const PEERS = 100;

export interface Link {
  /** Namespaces of node 1 and node 2. */
  readonly nodes: readonly [string, string];
  close(): Promise<void>;
}

export async function openLink(lab: Lab, condition: Condition): Promise<Link> {
  const nodes = [await lab.newEmptyNamespace(), await lab.newEmptyNamespace()] as const;
  const [one, two] = nodes;
  await run("ip", [
    ...["-n", one, "link", "add", UNDER, "type", "veth"],
    ...["peer", "name", UNDER, "netns", two],
  ]);
  for (const [at, node] of nodes.entries()) {
    await run("ip", ["-n", node, "address", "add", `192.0.2.${at + 1}/24`, "dev", UNDER]);
    if (condition !== "E1") await withoutOffloads(node, condition);
    await run("ip", ["-n", node, "link", "set", UNDER, "up"]);
  }
  const close = async (): Promise<void> => {
    for (const node of nodes) await lab.removeEmptyNamespace(node);
  };
  return { nodes, close };
}

async function withoutOffloads(node: string, condition: Condition): Promise<void> {
  const there = `/sys/class/net/${UNDER}`;
  const features = ["tso", "gso", "tx-udp-segmentation", "tx-udp_tnl-segmentation"];
  const commands = [
    `ethtool -K ${UNDER} ${features.map((feature) => `${feature} off`).join(" ")} gro on`,
    ...(condition === "E2"
      ? []
      : [`echo 20000 > ${there}/gro_flush_timeout`, `echo 2 > ${there}/napi_defer_hard_irqs`]),
  ];
  await inside(node, "sh", ["-ec", commands.join("\n")]);
}

/** Runs a program in a namespace; returns what it printed. */
export async function inside(
  node: string,
  command: string,
  args: readonly string[],
): Promise<string> {
  return (await run("ip", ["netns", "exec", node, command, ...args])).stdout;
}
