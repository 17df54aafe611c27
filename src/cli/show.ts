/** `causeway show`: the agent's devices, VTEPs, routes and conflicts. */
import { Argument, Command } from "commander";
import type { Conflict } from "../../tunnels/desired/problem.ts";
import type { DeviceRow, RouteRow, VtepRow } from "../observe/show.ts";
import { SHOWN } from "../observe/show.ts";
import { askAgent } from "./agent-client.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";
import { columns } from "./text.ts";

export function showCommand(): Command {
  const command = new Command("show")
    .description("list what the agent wants and whether the kernel has it")
    .addArgument(new Argument("<what>", "what to list").choices(SHOWN))
    .option("--json", "print it as JSON");
  addSettingFlags(command, ["runDir"]);
  return command.action(async (what: string) => {
    const { config } = configOf(command, []);
    const shown = (await askAgent(config.runDir, "GET", `/show?what=${what}`)) as AnyShown;
    if (command.opts()["json"]) process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
    else process.stdout.write(formatShown(shown));
  });
}

interface AnyShown {
  readonly devices?: readonly DeviceRow[];
  readonly vteps?: readonly VtepRow[];
  readonly routes?: readonly RouteRow[];
  readonly conflicts?: readonly Conflict[];
}

function formatShown({ devices, vteps, routes, conflicts }: AnyShown): string {
  if (devices) {
    return orNone(
      devices.map(
        (row) =>
          `${mark(row.state)} ${row.name}  mtu ${row.mtu}  ${row.address}  ${row.mac}  ${row.note}\n` +
          `    ${row.parameters}\n`,
      ),
    );
  }
  if (vteps) {
    const rows = vteps.map((row) => [
      mark(row.state),
      row.node,
      row.tunnelIp,
      row.mac,
      row.underlayIp,
    ]);
    return orNone([columns([["", "node", "tunnel IP", "MAC", "node address"], ...rows])]);
  }
  if (routes) {
    return orNone([columns(routes.map((row) => [mark(row.state), row.route, row.note]))]);
  }
  return orNone(
    (conflicts ?? []).map(
      ({ kind, value, winner, losers, rule, hint }) =>
        `${kind} ${value} is claimed by ${[winner, ...losers].join(" and ")}; ${winner} has it (${rule})\n` +
        `  → ${hint}\n`,
    ),
  );
}

function orNone(parts: readonly string[]): string {
  return parts.join("") || "none\n";
}

function mark(state: string): string {
  return state === "ok" ? "✓" : state === "local" ? "·" : `✗ ${state}`;
}
