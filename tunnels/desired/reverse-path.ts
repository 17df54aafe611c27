/**
 * Strict reverse-path filtering (RFC 3704 section 2.2; `rp_filter` 1) drops a packet that comes in
 * by another device than the one its source is routed by. Between pods the two are the same, as the
 * tunnel is used both ways; a node address is routed by the parent device, and a pod's by the tunnel,
 * whichever way its packets come in. The kernel has the filter for IPv4 alone.
 */
import type { Sysctl } from "../kernel/kernel-state.ts";
import type { Arrival } from "./arrival.ts";
import type { LocalSide } from "./local-side.ts";
import { inNameOrder } from "./name-order.ts";
import type { PoolIndex } from "./pool-index.ts";
import type { Problem } from "./problem.ts";
import type { RemoteNodes } from "./remote-nodes.ts";
import { TUNNEL_KINDS, type TunnelKind } from "./tunnel-role.ts";

const STRICT = 1;
/** So many nodes are named one by one. */
const LISTED = 10;

export interface ReversePathInputs {
  /** This node's name. */
  readonly name: string;
  readonly local: LocalSide;
  readonly pools: PoolIndex;
  readonly remotes: Pick<RemoteNodes, "oneWay" | "size" | "beyondSubnet">;
  /** As read: `rp_filter` of "all" and of the devices concerned. */
  readonly sysctls: ReadonlyMap<string, Sysctl>;
}

/** What to read for `reversePathProblems`. A dot in a device name is written as a slash. */
export function reversePathSysctls(devices: Iterable<string>): string[] {
  return ["all", ...devices].map(
    (device) => `net.ipv4.conf.${device.replaceAll(".", "/")}.rp_filter`,
  );
}

export function* reversePathProblems(inputs: ReversePathInputs): Generator<Problem> {
  const parent = inputs.local.families[4].parent;
  const used = devicesOf(
    TUNNEL_KINDS.filter((kind) => carriesPackets(kind, inputs)),
    inputs.local,
  );
  for (const device of used) {
    const reason = "packets that other nodes send from their node addresses are dropped";
    yield* strict(device, reason, inputs);
  }
  if (parent !== undefined && used.length > 0) {
    const reason = "packets that pods of other nodes send to this node's address are dropped";
    yield* strict(parent, reason, inputs);
  }
  yield* oneWay("tunnel", inputs);
  yield* oneWay("parent", inputs);
}

function* strict(device: string, effect: string, inputs: ReversePathInputs): Generator<Problem> {
  if (!isStrict(device, inputs)) return;
  const subject = `device ${device}`;
  const reason = `strict rp_filter (${cause(device, inputs)}): ${effect}`;
  yield { subject, reason, hint: loosen([device]), severity: "warning" };
}

/** CrossSubnet encapsulates one way only: what the other way is filtered by decides how bad it is. */
function* oneWay(arrival: Arrival, inputs: ReversePathInputs): Generator<Problem> {
  const nodes = inNameOrder(
    [...inputs.remotes.oneWay].filter(([, way]) => way === arrival).map(([node]) => node),
  );
  if (nodes.length === 0) return;
  const more = nodes.length > LISTED ? `, and ${nodes.length - LISTED} more` : "";
  const listed = `${nodes.slice(0, LISTED).join(", ")}${more}`;
  const subject = `node ${inputs.name}`;
  const what = `CrossSubnet encapsulates one way only with ${listed}`;
  const hint = "give all nodes of one subnet the same prefix length";
  const filtering = arrivalDevices(arrival, inputs).filter((device) => isStrict(device, inputs));
  if (filtering.length === 0) {
    yield { subject, reason: what, hint, severity: "warning" };
    return;
  }
  const reason = `${what}, and strict rp_filter on ${filtering.join(", ")} drops what comes in`;
  yield { subject, reason, hint: `${hint}, or ${loosen(filtering)}`, severity: "error" };
}

function arrivalDevices(arrival: Arrival, { local, pools }: ReversePathInputs): string[] {
  if (arrival === "parent") return [local.families[4].parent ?? []].flat();
  const kinds = TUNNEL_KINDS.filter(({ encap, family }) => {
    return family === 4 && pools.routed(4, encap).some(({ mode }) => mode === "CrossSubnet");
  });
  return devicesOf(kinds, local);
}

/** Several tunnels may share a device. */
function devicesOf(kinds: readonly TunnelKind[], { tunnels }: LocalSide): string[] {
  return [...new Set(kinds.flatMap(({ role }) => tunnels[role]?.link.name ?? []))];
}

/** Whether packets of some remote node have to come over the device. */
function carriesPackets(
  { role, family, encap }: TunnelKind,
  { local, pools, remotes }: ReversePathInputs,
): boolean {
  if (family !== 4 || local.tunnels[role] === undefined) return false;
  return pools
    .routed(4, encap)
    .some(({ mode }) =>
      mode === "Always" ? remotes.size > 0 : mode === "CrossSubnet" && remotes.beyondSubnet > 0,
    );
}

/** The kernel takes the greater of the two; 2 is loose (`Documentation/networking/ip-sysctl.rst`). */
function isStrict(device: string, inputs: ReversePathInputs): boolean {
  return Math.max(modeOf("all", inputs), modeOf(device, inputs)) === STRICT;
}

function modeOf(device: string, { sysctls }: ReversePathInputs): number {
  const name = reversePathSysctls([device])[1] ?? "";
  return Number(sysctls.get(name)?.value ?? 0);
}

function cause(device: string, inputs: ReversePathInputs): string {
  return modeOf(device, inputs) === STRICT ? "1" : "1 for all devices";
}

function loosen(devices: readonly string[]): string {
  const names = devices.map((device) => `net/ipv4/conf/${device}/rp_filter=2`);
  return `sysctl -w ${names.join(" ")}`;
}
