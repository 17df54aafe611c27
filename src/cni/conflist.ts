/**
 * A network for container runtimes, made of the reference plugins alone: ptp makes each pod a link
 * of its own with a route on the node, host-local gives it an address of each family out of the
 * node's blocks, portmap publishes ports. A pod's route is more specific than the blackhole of its
 * block, and every other packet goes to the node, whose routes lead into the overlay.
 */
import type { AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import { type PodRange, podRanges } from "../../tunnels/ipam/pod-ranges.ts";

/** Also the name of the directory in which host-local keeps what it gave out. */
export const NETWORK = "causeway";
/** The number decides which of several a runtime takes: the first by name. */
export const CONFLIST_NAME = "10-causeway.conflist";

/** All runtimes in use take it; nothing newer is needed. */
const CNI_VERSION = "0.4.0";

export interface Conflist {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginConfig[];
}

export interface PluginConfig {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [field: string]: unknown;
}

export interface PodNetwork {
  /** In the order in which pods take from them. */
  readonly blocks: readonly AllocationBlock[];
  /** Of a pod's link, in bytes. */
  readonly mtu: number;
  /** Where host-local keeps what it gave out. */
  readonly dataDir: string;
}

/** Undefined where no address is left for pods. */
export function conflistOf({ blocks, mtu, dataDir }: PodNetwork): Conflist | undefined {
  const all = blocks.flatMap(podRanges);
  const families = [4, 6].filter((family) => all.some(({ subnet }) => subnet.family === family));
  if (families.length === 0) return undefined;
  // A pod gets one address of each set.
  const ranges = families.map((family) =>
    all.filter(({ subnet }) => subnet.family === family).map(rangeConfig),
  );
  const routes = families.map((family) => ({ dst: family === 4 ? "0.0.0.0/0" : "::/0" }));
  const ipam = { type: "host-local", dataDir, ranges, routes };
  return {
    cniVersion: CNI_VERSION,
    name: NETWORK,
    plugins: [
      { type: "ptp", mtu, ipam },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}

function rangeConfig({ subnet, start, end, gateway }: PodRange): Record<string, string> {
  return {
    subnet: subnet.toString(),
    rangeStart: start.toString(),
    rangeEnd: end.toString(),
    gateway: gateway.toString(),
  };
}
