/** Who carries this node's tunnels, by which engine, and how the data path fares. */
import { dropReasonName, dropReasonText } from "../../encap/drop-reason.ts";
import { TUNNEL_KINDS, type TunnelKind } from "../../tunnels/desired/tunnel-role.ts";
import type { Agent } from "../agent.ts";
import type { EndpointReport } from "../userspace/data-path.ts";
import type { DataPathReport, DataplaneReport, TunnelReport } from "./status.ts";

export function dataplaneReport(agent: Agent): DataplaneReport {
  const { tunnels } = agent.overlay;
  return {
    tunnels: TUNNEL_KINDS.filter(({ role }) => tunnels[role] !== undefined).map((kind) =>
      tunnels[kind.role]?.endpoint === undefined ? byKernel(kind) : inUserspace(kind, agent),
    ),
    dataPath: dataPathReport(agent),
  };
}

/** The data path's end of a tunnel; undefined if it has none. */
export function endpointReport(
  { encap, family }: Pick<TunnelKind, "encap" | "family">,
  { forwarding }: Agent,
): EndpointReport | undefined {
  return forwarding?.endpoints.find((one) => one.encap === encap && one.family === family);
}

function byKernel({ label }: TunnelKind): TunnelReport {
  const none = { engine: undefined, whyNotKernel: undefined, whyNotBetter: undefined };
  return { tunnel: label, carriedBy: "kernel", ...none };
}

function inUserspace(kind: TunnelKind, agent: Agent): TunnelReport {
  const carrier = agent.carriers[kind.encap];
  const endpoint = endpointReport(kind, agent);
  return {
    tunnel: kind.label,
    carriedBy: "userspace",
    engine: endpoint?.engine,
    whyNotKernel: carrier.by === "userspace" ? carrier.reason : undefined,
    whyNotBetter: endpoint?.reason,
  };
}

function dataPathReport({ forwarding }: Agent): DataPathReport | undefined {
  const counters = forwarding?.counters();
  if (forwarding === undefined || counters === undefined) return undefined;
  const { sent, received, drops } = counters;
  return {
    sent,
    received,
    drops: [...drops]
      .sort(([, a], [, b]) => b - a)
      .map(([reason, packets]) => ({
        reason: dropReasonName(reason),
        text: dropReasonText(reason),
        packets,
      })),
    restarts: forwarding.restarts,
  };
}
