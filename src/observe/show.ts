/** The agent's answers to `causeway show`: what it wants and what is in the kernel, row by row. */

import type { Conflict } from "../../tunnels/desired/problem.ts";
import { vtepGateway } from "../../tunnels/desired/vxlan.ts";
import { describeTunnel } from "../../tunnels/kernel/describe-link.ts";
import { describeRoute } from "../../tunnels/kernel/describe-op.ts";
import type { KernelState } from "../../tunnels/kernel/kernel-state.ts";
import { fdbKey, neighbourKey } from "../../tunnels/kernel/kernel-state.ts";
import { linkChange } from "../../tunnels/kernel/link-change.ts";
import { CausewayError } from "../errors.ts";
import type { StatusContext } from "./build-status.ts";

export const SHOWN = ["devices", "vteps", "routes", "conflicts"] as const;

export interface DeviceRow {
  readonly name: string;
  readonly parameters: string;
  readonly mtu: number;
  readonly mac: string;
  readonly address: string;
  readonly note: string;
  readonly state: RowState;
}

export interface VtepRow {
  readonly node: string;
  readonly tunnelIp: string;
  readonly mac: string;
  readonly underlayIp: string;
  readonly state: RowState | "local" | "lost a conflict";
}

export interface RouteRow {
  readonly route: string;
  readonly note: string;
  readonly state: RowState;
}

/** `missing` and `different` are about the kernel, as last read. */
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

function devices({ agent: { overlay, reconciler } }: StatusContext): DeviceRow[] {
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
      state: !actual ? "missing" : linkChange(actual, link) === "none" ? "ok" : "different",
    };
  });
}

function vteps({ agent: { overlay, reconciler } }: StatusContext): VtepRow[] {
  return overlay.vteps().map((vtep) => ({
    node: vtep.node,
    tunnelIp: String(vtep.tunnelIp),
    mac: vtep.mac,
    underlayIp: String(vtep.underlayIp),
    state: vtep.local
      ? "local"
      : vtep.inForce
        ? vtepState(
            vtep.family === 4 ? "vxlan.causeway" : "vxlan6.causeway",
            vtep,
            reconciler.actual,
          )
        : "lost a conflict",
  }));
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

function* routes({ agent: { overlay, reconciler }, kernel }: StatusContext): Generator<RouteRow> {
  for (const family of [4, 6] as const) {
    const desired = overlay.desired.routes[family];
    for (const row of desired.rows()) {
      const destination = desired.destinationOf(row);
      const want = desired.pathOf(row);
      const have = reconciler.actual.routes[family].get(destination);
      yield {
        route: describeRoute({ destination, path: kernel.paths.get(want) }),
        note: overlay.describe("route", String(destination)) ?? "",
        state: have === want ? "ok" : have < 0 ? "missing" : "different",
      };
    }
  }
}
