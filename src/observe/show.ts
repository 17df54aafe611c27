/** The agent's answers to `causeway show`: what it wants and what is in the kernel, row by row. */

import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type { Remote } from "../../encap/forwarding-plan.ts";
import { NO_REMOTE } from "../../encap/prefix-columns.ts";
import type { Overlay } from "../../tunnels/desired/overlay.ts";
import type { Conflict } from "../../tunnels/desired/problem.ts";
import { tunnelKind } from "../../tunnels/desired/tunnel-role.ts";
import { vtepGateway } from "../../tunnels/desired/vxlan.ts";
import { describeTunnel } from "../../tunnels/kernel/describe-link.ts";
import { describeRoute } from "../../tunnels/kernel/describe-op.ts";
import type { KernelState } from "../../tunnels/kernel/kernel-state.ts";
import { fdbKey, neighbourKey } from "../../tunnels/kernel/kernel-state.ts";
import { linkChange } from "../../tunnels/kernel/link-change.ts";
import { TUN_DEVICE } from "../../tunnels/kernel/ownership.ts";
import type { Agent } from "../agent.ts";
import { CausewayError } from "../errors.ts";
import type { StatusContext } from "./build-status.ts";
import { dataplaneReport, endpointReport } from "./dataplane-report.ts";
import type { TunnelReport } from "./status.ts";

export const SHOWN = ["devices", "vteps", "routes", "conflicts"] as const;

export interface DeviceRow {
  readonly name: string;
  readonly parameters: string;
  readonly mtu: number;
  readonly mac: string;
  readonly address: string;
  readonly note: string;
  /** What the data path does with its packets; empty for the kernel's own tunnel devices. */
  readonly carries: readonly string[];
  readonly state: RowState;
}

export interface VtepRow {
  readonly node: string;
  readonly tunnelIp: string;
  readonly mac: string;
  readonly underlayIp: string;
  readonly carriedBy: "kernel" | "userspace" | "nobody";
  readonly state: RowState | "local" | "lost a conflict";
}

export interface RouteRow {
  readonly route: string;
  readonly note: string;
  readonly state: RowState;
}

/**
 * `missing` and `different` are about the kernel, as last read, or where userspace carries it about
 * the data path.
 */
export type RowState = "ok" | "missing" | "different";

/** Rows one by one: a table of 100,000 must not hold the agent up. */
export type ShownRows = Iterable<DeviceRow | VtepRow | RouteRow | Conflict>;

/** @throws CausewayError "bad-config" for anything but SHOWN. */
export function showRows(context: StatusContext, what: string): ShownRows {
  switch (what) {
    case "devices":
      return devices(context);
    case "vteps":
      return vteps(context);
    case "routes":
      return routes(context);
    case "conflicts":
      return context.agent.overlay.conflicts();
    default:
      throw new CausewayError("bad-config", `cannot show "${what}"; one of ${SHOWN.join(", ")}`);
  }
}

function devices({ agent }: StatusContext): DeviceRow[] {
  const { overlay, reconciler } = agent;
  return [...overlay.desired.links.values()].map((link) => {
    const actual = reconciler.actual.links.get(link.name);
    const addresses = [...overlay.desired.addresses.values()];
    return {
      name: link.name,
      parameters: describeTunnel(link.tunnel),
      mtu: link.mtu,
      mac: link.mac ?? "",
      address: addresses
        .filter(({ device }) => device === link.name)
        .map(({ ip, prefixLength }) => `${ip}/${prefixLength}`)
        .join(" "),
      note: overlay.describe("link", link.name) ?? "",
      carries: link.kind === "tun" ? dataplaneReport(agent).tunnels.flatMap(carriedText) : [],
      state: !actual ? "missing" : linkChange(actual, link) === "none" ? "ok" : "different",
    };
  });
}

/** "VXLAN by the offload engine". */
function carriedText({ tunnel, carriedBy, engine }: TunnelReport): string[] {
  if (carriedBy === "kernel") return [];
  return [`${tunnel} ${engine === undefined ? "not served" : `by the ${engine} engine`}`];
}

function vteps({ agent }: StatusContext): VtepRow[] {
  const { overlay, reconciler } = agent;
  return overlay.vteps().map((vtep) => {
    const kind = tunnelKind("vxlan", vtep.family);
    const tunnel = kind && overlay.tunnels[kind.role];
    const inUserspace = tunnel?.endpoint !== undefined;
    const state = (): RowState =>
      inUserspace
        ? dataPathState(agent, vtep.family)
        : vtepState(tunnel?.link.name ?? "", vtep, reconciler.actual);
    return {
      node: vtep.node,
      tunnelIp: String(vtep.tunnelIp),
      mac: vtep.mac,
      underlayIp: String(vtep.underlayIp),
      carriedBy: tunnel === undefined ? "nobody" : inUserspace ? "userspace" : "kernel",
      state: vtep.local ? "local" : vtep.inForce ? state() : "lost a conflict",
    };
  });
}

/** Every VTEP is in the plan as a whole, or not. */
function dataPathState(agent: Agent, family: Family): RowState {
  const isServed = endpointReport({ encap: "vxlan", family }, agent)?.engine !== undefined;
  return isServed && agent.forwarding?.isInForce === true ? "ok" : "missing";
}

function vtepState(
  device: string,
  vtep: ReturnType<StatusContext["agent"]["overlay"]["vteps"]>[number],
  actual: KernelState,
): RowState {
  const neighbour = actual.neighbours.get(neighbourKey({ device, ip: vtepGateway(vtep) }));
  const entry = actual.fdb.get(fdbKey({ device, mac: vtep.mac }));
  if (!neighbour || !entry) return "missing";
  const isSame = neighbour.mac === vtep.mac && entry.destination.equals(vtep.underlayIp);
  return isSame ? "ok" : "different";
}

function* routes({ agent, kernel }: StatusContext): Generator<RouteRow> {
  const { overlay, reconciler } = agent;
  for (const family of [4, 6] as const) {
    const desired = overlay.desired.routes[family];
    for (const row of desired.rows()) {
      const destination = desired.destinationOf(row);
      const want = desired.pathOf(row);
      const have = reconciler.actual.routes[family].get(destination);
      const path = kernel.paths.get(want);
      const remote = path.device === TUN_DEVICE ? remoteOf(destination, overlay) : undefined;
      const way = remote && `, ${remote.encap} to ${remote.address} in userspace`;
      yield {
        route: describeRoute({ destination, path }),
        note: `${overlay.describe("route", String(destination)) ?? ""}${way ?? ""}`,
        state: have === want ? "ok" : have < 0 ? "missing" : "different",
      };
    }
  }
}

/** Where the data path takes packets for a prefix. */
function remoteOf({ address }: Cidr, { forwardingPlan }: Overlay): Remote | undefined {
  const { family, w0, w1, w2, w3 } = address;
  const table = forwardingPlan?.prefixes;
  const index = family === 4 ? table?.lookupIpv4(w0) : table?.lookupIpv6(w0, w1, w2, w3);
  return forwardingPlan?.remotes[index ?? NO_REMOTE];
}
