/** A status report as text: the first line answers the question. */
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import type { HeldKey } from "../../tunnels/reconcile/held-keys.ts";
import type { Repair } from "../../tunnels/reconcile/repair-log.ts";
import { formatFault } from "../datastore/fault-text.ts";
import type { KindCount, StatusReport } from "../observe/status.ts";
import { dataplaneText } from "./dataplane-text.ts";
import { ago, duration, plural, wrap } from "./text.ts";
import { conflictText, hintText, problemText } from "./trouble-text.ts";

/** Of a list, so many items; the whole is in --json. */
const LISTED = 10;
const INDENT = " ".repeat(10);

export function formatStatus(report: StatusReport): string {
  const { counts, failing, problems, conflicts, datastore, takenOver, leftAlone } = report;
  return [
    line(headline(report)),
    line(INDENT + identity(report)),
    line(INDENT + kernelText(report)),
    line(INDENT + resourcesText(report)),
    line(INDENT + objectsText(report)),
    ...registrationText(report).map((text) => line(INDENT + text)),
    ...dataplaneText(report.dataplane).map(line),
    ...datastoreLines(report),
    ...list("refused", datastore.faults, faultText, counts.faults),
    ...repairLines(report),
    ...list("failing", failing, failingText, counts.failing),
    ...list("problems", problems, problemText),
    ...list("conflicts", conflicts, conflictText),
    ...(leftAlone.length > 0 ? list("foreign", leftAlone, leftAloneText) : []),
    ...(takenOver.length > 0
      ? list("taken", takenOver, ({ foreign, ours, at }) => [`${foreign}, now ${ours}, ${ago(at)}`])
      : []),
  ].join("");
}

/** "in sync", or the state and what it is about. */
export function headline(report: StatusReport): string {
  const { state, problems, waiting, datastore, counts, leftAlone } = report;
  switch (state) {
    case "in sync":
      return datastore.condition.state === "ok"
        ? "in sync   everything wanted is in the kernel"
        : `in sync   with the last good state; the datastore is ${datastore.condition.state}`;
    case "waiting": {
      const { condition } = datastore;
      return `waiting   for the datastore${condition.state === "ok" ? "" : `: ${condition.reason}`}`;
    }
    case "syncing": {
      const { wanted, inKernel } = counts.routes;
      return `syncing   ${inKernel.toLocaleString("en-US")} of ${plural(wanted, "route")} in the kernel`;
    }
    case "degraded": {
      const impossible = problems.filter(({ severity }) => severity === "error").length;
      const parts = [
        impossible > 0 ? plural(impossible, "problem") : "",
        counts.failing > 0 ? `${counts.failing} failing` : "",
        leftAlone.length > 0 ? `${plural(leftAlone.length, "foreign route")} in the way` : "",
        waiting > 0 ? `${waiting} waiting for a device or a nexthop` : "",
      ];
      return `degraded  ${parts.filter(Boolean).join(", ")}`;
    }
  }
}

function identity({ node, datastore }: StatusReport): string {
  const age = datastore.age === undefined ? "" : `, read ${duration(datastore.age)} ago`;
  const revision = datastore.revision === undefined ? "" : ` revision ${datastore.revision}${age}`;
  return `node ${node}, datastore ${datastore.url}${revision}`;
}

function registrationText({ registration }: StatusReport): string[] {
  if (registration === undefined) return [];
  const { on, why, addresses, blocks } = registration;
  if (on === undefined) return ["looks whether to register this node"];
  if (!on) return [`does not register this node: ${why}`];
  const found = addresses.map(({ address, how }) => `${address}, by ${how}`);
  const where = found.length > 0 ? `with ${found.join("; and ")}` : "without an address yet";
  return [`registers this node ${where}`, `blocks ${blocks.join(", ") || "none yet"}`];
}

function kernelText({ kernel }: StatusReport): string {
  const has = [
    kernel.nexthopObjects ? "nexthop objects" : "",
    kernel.vxlan === "" ? "vxlan" : "",
    kernel.ipip === "" ? "ipip" : "",
    kernel.ipv6 ? "IPv6" : "",
  ].filter(Boolean);
  const lacks = [
    kernel.nexthopObjects ? "" : "no nexthop objects",
    kernel.vxlan === "" ? "" : "no vxlan",
    kernel.ipip === "" ? "" : "no ipip",
    kernel.ipv6 ? "" : "no IPv6",
  ].filter(Boolean);
  return `kernel ${kernel.release}: ${[has.join(", "), lacks.join(", ")].filter(Boolean).join("; ")}`;
}

function resourcesText({ counts }: StatusReport): string {
  const kinds = [plural(counts.nodes, "node"), plural(counts.pools, "pool")];
  return `${kinds.join(", ")}, ${plural(counts.blocks, "block")} in the datastore`;
}

function objectsText({ counts }: StatusReport): string {
  const kinds = [
    amount(counts.devices, "device"),
    amount(counts.routes, "route"),
    amount(counts.neighbours, "neighbour"),
    amount(counts.fdb, "FDB entry"),
    amount(counts.nexthops, "nexthop"),
  ];
  return `${kinds.join(", ")} in the kernel`;
}

/** "12 routes", "2 of 12 routes", "3 nexthops (none wanted)". */
function amount({ wanted, inKernel }: KindCount, noun: string): string {
  if (inKernel <= wanted) {
    const all = plural(wanted, noun);
    return inKernel === wanted ? all : `${inKernel.toLocaleString("en-US")} of ${all}`;
  }
  return `${plural(inKernel, noun)} (${wanted === 0 ? "none" : wanted.toLocaleString("en-US")} wanted)`;
}

function datastoreLines({ datastore, withheld, state }: StatusReport): string[] {
  const lines: string[] = [];
  const { condition } = datastore;
  if (condition.state !== "ok" && state !== "waiting") {
    lines.push(line(`datastore ${condition.state}: ${condition.reason}`));
  }
  if (withheld > 0) {
    const [until, hint] = datastore.complete
      ? ["this node has a record", "if it has left the cluster: causeway cleanup"]
      : [
          "the datastore is whole again",
          "mend it; or, if it is right as it is: causeway resync --accept-empty",
        ];
    lines.push(line(`withheld  ${plural(withheld, "removal")} until ${until}`));
    lines.push(...hintText(hint).map((text) => line(INDENT + text)));
  }
  return lines;
}

function repairLines({ repairs }: StatusReport): string[] {
  const last = repairs.recent.slice(-LISTED).reverse();
  const heading =
    repairs.count === 0
      ? "none"
      : `${plural(repairs.count, "object")} since the start, the last first`;
  return [
    line(`repairs   ${heading}`),
    ...last.map((repair) => line(`${INDENT}${repairText(repair)}, ${ago(repair.at)}`)),
  ];
}

function repairText({ what, found, others, milliseconds }: Repair): string {
  const rest = others > 0 ? ` and ${plural(others, "more object")} with it` : "";
  const how =
    found === "added" ? "added by another program, removed" : `${found} by another program, back`;
  return `${what}${rest} ${how} after ${duration(milliseconds)}`;
}

function faultText(fault: ResourceFault): string[] {
  const { where, severity, keptLastGood } = fault;
  const grade = severity === "error" ? "" : "warning: ";
  const kept = keptLastGood ? "; its last good version is in force" : "";
  return [`${grade}${where}  ${formatFault(fault)}${kept}`];
}

/** What to do about an errno, where it is not in the name. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "ss -ulnp names the program that has the UDP port",
  EPERM: "let the agent have CAP_NET_ADMIN",
};

function failingText({ name, why, reason, code, attempts }: HeldKey): string[] {
  return why === "fight"
    ? [`${name}: another program keeps undoing it (found ${reason}); repaired at intervals`]
    : [`${name}: ${reason} (tried ${plural(attempts, "time")})`, ...hintText(REMEDIES[code ?? ""])];
}

function leftAloneText(route: string): string[] {
  return [`${route} stands where ours should`, ...hintText("remove it, or set takeOver")];
}

/** Each item is a line, and another for what to do. */
function list<T>(
  title: string,
  items: readonly T[],
  format: (item: T) => readonly string[],
  total: number = items.length,
): string[] {
  const heading = `${title.padEnd(9)} ${total === 0 ? "none" : total.toLocaleString("en-US")}`;
  const shown = items.slice(0, LISTED).flatMap((item) => format(item));
  const more = total - LISTED;
  if (more > 0) shown.push(`and ${more.toLocaleString("en-US")} more; see causeway status --json`);
  return [line(heading), ...shown.map((text) => line(INDENT + text))];
}

function line(text: string): string {
  const margin = /^ */.exec(text)?.[0] ?? "";
  return `${wrap(text, `${margin === "" ? INDENT : margin}    `)}\n`;
}
