/** `causeway status`: how the agent is. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { CausewayError } from "../errors.ts";
import type { StatusReport } from "../observe/status.ts";
import { askAgent } from "./agent-client.ts";
import { formatStatus } from "./format-status.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

const POLL = 50;

export function statusCommand(): Command {
  const command = new Command("status")
    .description("say whether everything wanted is in the kernel, and what is wrong if not")
    .option("--wait <seconds>", "wait until it is; exit 1 if it is not in time")
    .option("--json", "print the whole report as JSON");
  addSettingFlags(command, ["runDir"]);
  return command.action(async () => {
    const { config } = configOf(command, []);
    const { wait, json } = command.opts<{ wait?: string; json?: boolean }>();
    const seconds = wait === undefined ? 0 : Number(wait);
    if (!(seconds >= 0)) throw new CausewayError("bad-config", `--wait "${wait}": must be seconds`);
    const report = await askUntilInSync(config.runDir, seconds * 1_000);
    if (wait !== undefined && report.state !== "in sync") process.exitCode = 1;
    const text = json ? `${JSON.stringify(report, undefined, 2)}\n` : formatStatus(report);
    process.stdout.write(text);
  });
}

/** While there is time, an agent that does not answer yet is one that is about to start. */
async function askUntilInSync(runDir: string, milliseconds: number): Promise<StatusReport> {
  const end = performance.now() + milliseconds;
  for (;;) {
    let report: StatusReport | undefined;
    try {
      report = (await askAgent(runDir, "GET", "/status")) as StatusReport;
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    if (report && (report.state === "in sync" || performance.now() >= end)) return report;
    await sleep(POLL);
  }
}
