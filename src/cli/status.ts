/** `causeway status`: how the agent is. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { CausewayError } from "../errors.ts";
import type { StatusReport } from "../observe/status.ts";
import { askAgent } from "./agent-client.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { formatStatus, headline } from "./format-status.ts";
import { print, printJson, withProgress } from "./output.ts";
import { addSettingFlags, runDirOf } from "./setting-flags.ts";

const POLL = 50;

const HELP = `
States: in sync; degraded (something wanted fails, waits or cannot be had); syncing (work is under
way); waiting (for the datastore). Each item says what is wrong, why, and after → what to do.

Examples:    causeway status
             causeway status --wait 30 && start-the-pods
${exitCodesText("0 the agent answered, with --wait: in sync; 1 with --wait: not in time")}`;

export function statusCommand(): Command {
  const command = new Command("status")
    .description("say whether everything wanted is in the kernel, and what is wrong if not")
    .option("--wait <seconds>", "wait until it is; exit 1 if it is not in time")
    .option("--json", "print the whole report as JSON");
  addSettingFlags(command, ["runDir"]).addHelpText("after", HELP);
  return command.action(async () => {
    const runDir = runDirOf(command);
    const { wait, json } = command.opts<{ wait?: string; json?: boolean }>();
    const seconds = wait === undefined ? undefined : readSeconds(wait);
    const report = seconds === undefined ? await ask(runDir) : await waitFor(runDir, seconds);
    if (report === undefined) return;
    if (wait !== undefined && report.state !== "in sync") process.exitCode = EXIT.no;
    if (json) printJson(report);
    else print(formatStatus(report));
  });
}

/** @throws CausewayError "bad-config" */
function readSeconds(text: string): number {
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (seconds >= 0 && Number.isFinite(seconds)) return seconds;
  throw new CausewayError("bad-config", `--wait "${text}": must be a number of seconds`);
}

async function ask(runDir: string): Promise<StatusReport> {
  return (await askAgent(runDir, "GET", "/status")) as StatusReport;
}

/** The last report; undefined, said on stderr, if no agent answered in time. */
async function waitFor(runDir: string, seconds: number): Promise<StatusReport | undefined> {
  let last: StatusReport | CausewayError | undefined;
  const words = (): string =>
    last === undefined || last instanceof CausewayError ? "no agent answers" : headline(last);
  await withProgress(
    words,
    untilInSync(runDir, seconds * 1_000, (now) => {
      last = now;
    }),
  );
  if (!(last instanceof CausewayError)) return last;
  process.exitCode = EXIT.no;
  process.stderr.write(`causeway: not within ${seconds} s: ${last.message}\n  → ${last.hint}\n`);
  return undefined;
}

/** While there is time, an agent that does not answer yet is one that is about to start. */
async function untilInSync(
  runDir: string,
  milliseconds: number,
  tell: (now: StatusReport | CausewayError) => void,
): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const now = await ask(runDir).catch((error) => {
      if (error instanceof CausewayError) return error;
      throw error;
    });
    tell(now);
    const isInSync = !(now instanceof CausewayError) && now.state === "in sync";
    if (isInSync || performance.now() >= end) return;
    await sleep(Math.min(POLL, Math.max(0, end - performance.now())));
  }
}
