/** A status report as text: the first line answers the question. */
import type { Repair } from "../../tunnels/reconcile/repair-log.ts";
import type { KindCount, StatusReport } from "../observe/status.ts";
import { columns, duration, plural } from "./text.ts";

const LISTED = 10;

export function formatStatus(report: StatusReport): string {
  return [
    header(report),
    ...datastoreLines(report),
    repairLines(report),
    list("failing", report.failing, ({ name, why, reason, attempts }) =>
      why === "fight"
        ? `${name}: another program keeps undoing it (found ${reason}); repaired at intervals`
        : `${name}: ${reason} (tried ${plural(attempts, "time")})`,
    ),
    list(
      "problems",
      report.problems,
      ({ severity, subject, reason, hint }) =>
        `${severity === "error" ? "" : `${severity}: `}${subject}: ${reason}${hint ? `\n            → ${hint}` : ""}`,
    ),
    list(
      "conflicts",
      report.conflicts,
      ({ kind, value, winner, losers, rule, hint }) =>
        `${kind} ${value} is claimed by ${[winner, ...losers].join(" and ")}; ` +
        `${winner} has it (${rule})\n            → ${hint}`,
    ),
    takenOverLines(report),
  ].join("");
}

function header({ state, node, datastore, kernel, counts, waiting }: StatusReport): string {
  const age = datastore.age === undefined ? "" : `, ${duration(datastore.age)} old`;
  const revision =
    datastore.revision === undefined ? "" : `   revision ${datastore.revision}${age}`;
  const abilities = [
    kernel.nexthopObjects ? "nexthop objects" : "no nexthop objects",
    kernel.vxlan === "" ? "vxlan" : "no vxlan",
    kernel.ipip === "" ? "ipip" : "no ipip",
  ].join(", ");
  const waits = waiting > 0 ? `, ${waiting} waiting for a device or a nexthop` : "";
  return (
    `${state}   node ${node}${revision}   datastore ${datastore.url}\n` +
    `          kernel ${kernel.release}: ${abilities}\n` +
    `          ${plural(counts.nodes, "node")}, ${plural(counts.blocks, "block")} → ` +
    `${amount(counts.routes, "route")}, ${amount(counts.neighbours, "neighbour")}, ` +
    `${amount(counts.fdb, "FDB entry")}, ${amount(counts.nexthops, "nexthop")}${waits}\n`
  );
}

function amount({ wanted, inKernel }: KindCount, noun: string): string {
  return wanted === inKernel ? plural(wanted, noun) : `${inKernel} of ${plural(wanted, noun)}`;
}

function datastoreLines({ datastore, withheld }: StatusReport): string[] {
  const lines: string[] = [];
  const { condition } = datastore;
  if (condition.state !== "ok") {
    const age =
      datastore.age === undefined ? "" : `; the state in force is ${duration(datastore.age)} old`;
    lines.push(`datastore ${condition.state}: ${condition.reason}${age}\n`);
  }
  if (withheld > 0)
    lines.push(`withheld  ${plural(withheld, "removal")} until the datastore is whole\n`);
  lines.push(
    list(
      "refused",
      datastore.faults,
      ({ where, what, field, reason, keptLastGood }) =>
        `${[where, what, field].filter(Boolean).join("  ")}: ${reason}${keptLastGood ? " (last good version in force)" : ""}`,
    ),
  );
  return lines;
}

function repairLines({ repairs }: StatusReport): string {
  const last = repairs.recent.slice(-LISTED).reverse();
  if (last.length === 0) return "repairs   none\n";
  const rows = last.map((repair) => [`          ${describe(repair)}`, ago(repair.at)]);
  return `repairs   ${repairs.count} since the start\n${columns(rows)}`;
}

function describe({ what, found, others, milliseconds }: Repair): string {
  const rest = others > 0 ? ` and ${others} more with it` : "";
  const how =
    found === "added" ? "added by another program, removed" : `${found} by another program, back`;
  return `${what}${rest} ${how} after ${duration(milliseconds)}`;
}

function ago(at: number): string {
  return `${duration(Date.now() - at)} ago`;
}

function takenOverLines({ takenOver, leftAlone }: StatusReport): string {
  const left = list(
    "foreign",
    leftAlone,
    (route) => `${route} stands where ours should (takeOver is off)`,
  );
  const taken = list("took over", takenOver, ({ foreign, ours }) => `${foreign}, now ${ours}`);
  return (leftAlone.length > 0 ? left : "") + (takenOver.length > 0 ? taken : "");
}

function list<T>(title: string, items: readonly T[], format: (item: T) => string): string {
  if (items.length === 0) return `${title.padEnd(9)} none\n`;
  const lines = items.slice(0, LISTED).map((item) => `          ${format(item)}\n`);
  if (items.length > LISTED)
    lines.push(`          and ${items.length - LISTED} more; see --json\n`);
  return `${title.padEnd(9)} ${items.length}\n${lines.join("")}`;
}
