/** `causeway show`: the agent's devices, VTEPs, routes and conflicts. */
import { Command } from "commander";
import type { Conflict } from "../../tunnels/desired/problem.ts";
import { nearest } from "../config/nearest.ts";
import { CausewayError } from "../errors.ts";
import type { DeviceRow, RouteRow, VtepRow } from "../observe/show.ts";
import { SHOWN } from "../observe/show.ts";
import { askAgent } from "./agent-client.ts";
import { exitCodesText } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { addSettingFlags, runDirOf } from "./setting-flags.ts";
import { columns, plural, wrap } from "./text.ts";
import { conflictText } from "./trouble-text.ts";

type Shown = (typeof SHOWN)[number];

const HELP = `
devices: the tunnel devices. vteps: what leads to each node over VXLAN. routes: to every block and
address. conflicts: two claims on one thing, and who has it. ✓ the kernel has it; ✗ it does not.

Example:     causeway show routes
${exitCodesText("0 it is listed")}`;

export function showCommand(): Command {
  const command = new Command("show")
    .description("list what the agent wants, and whether the kernel has it")
    .argument("<what>", `one of ${SHOWN.join(", ")}`, readShown)
    .option("--json", "print the rows as JSON");
  addSettingFlags(command, ["runDir"]).addHelpText("after", HELP);
  return command.action(async (what: Shown) => {
    const answer = await askAgent(runDirOf(command), "GET", `/show?what=${what}`);
    const { rows } = answer as { rows: readonly unknown[] };
    if (command.opts()["json"]) printJson({ [what]: rows });
    else print(formatShown(what, rows));
  });
}

/** @throws CausewayError "bad-config" */
function readShown(text: string): Shown {
  const what = SHOWN.find((name) => name === text);
  if (what !== undefined) return what;
  const near = nearest(text, SHOWN);
  const hint = near === undefined ? `one of ${SHOWN.join(", ")}` : `did you mean ${near}?`;
  throw new CausewayError("bad-config", `show: there is no "${text}" to show`, { hint });
}

/** @param rows as the agent sent them. */
export function formatShown(what: Shown, rows: readonly unknown[]): string {
  switch (what) {
    case "devices":
      return formatDevices(rows as readonly DeviceRow[]);
    case "vteps":
      return formatVteps(rows as readonly VtepRow[]);
    case "routes":
      return formatRoutes(rows as readonly RouteRow[]);
    case "conflicts":
      return formatConflicts(rows as readonly Conflict[]);
  }
}

function formatDevices(rows: readonly DeviceRow[]): string {
  const items = rows.map(({ state, name, mtu, address, mac, parameters, note, carries }) => {
    const facts = [name, `mtu ${mtu}`, address, mac].filter(Boolean).join("  ");
    const more = [parameters, ...carries, note].filter(Boolean).map((text) => `    ${text}`);
    return [`${mark(state)} ${facts}`, ...more];
  });
  return summary(rows, "tunnel device") + lines(items.flat());
}

function formatVteps(rows: readonly VtepRow[]): string {
  const cells = rows.map(({ state, node, tunnelIp, mac, underlayIp, carriedBy }) => {
    return [mark(state), node, tunnelIp, mac, underlayIp, carriedBy];
  });
  const head = ["", "node", "tunnel IP", "MAC", "node address", "carried by"];
  const inUserspace = rows.some(({ carriedBy }) => carriedBy === "userspace");
  return (
    summary(rows, "VTEP", inUserspace ? "in force" : "in the kernel") +
    (rows.length > 0 ? columns([head, ...cells]) : "")
  );
}

function formatRoutes(rows: readonly RouteRow[]): string {
  const cells = rows.map(({ state, route, note }) => [mark(state), route, note]);
  return summary(rows, "route") + columns(cells);
}

function formatConflicts(conflicts: readonly Conflict[]): string {
  const heading = conflicts.length === 0 ? "no conflicts" : plural(conflicts.length, "conflict");
  return lines([heading, ...conflicts.flatMap(conflictText)]);
}

/** "12 routes, all in the kernel", or how many are not. */
function summary(
  rows: readonly { readonly state: string }[],
  noun: string,
  place = "in the kernel",
): string {
  if (rows.length === 0) return `no ${noun}s are wanted\n`;
  const bad = rows.filter(({ state }) => state !== "ok" && state !== "local").length;
  const how = bad === 0 ? `all ${place}` : `${bad.toLocaleString("en-US")} not ${place}`;
  return `${plural(rows.length, noun)}, ${how}\n`;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${wrap(text, "      ")}\n`).join("");
}

function mark(state: string): string {
  if (state === "ok") return "✓";
  return state === "local" ? "·" : `✗ ${state}`;
}
