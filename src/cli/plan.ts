/** `causeway plan`: what the agent would do now, as commands; nothing is changed. */
import { Command } from "commander";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { formatPlan, planReport } from "./format-plan.ts";
import { makePlan } from "./make-plan.ts";
import { print, printJson, withProgress } from "./output.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

const CODES =
  "0 the plan is printed; with --exit-code: 0 there is nothing to do, 2 there is something to do, " +
  "1 there is nothing to do, but something wanted that cannot be had";

const HELP = `
It takes every flag of run. The commands are those of iproute2 and procps, in the order in which the
agent would work; they can be pasted, or piped into a shell.

Examples:    causeway plan --node alder --datastore file:/etc/causeway/cluster
             causeway plan --node alder --datastore file:/etc/causeway/cluster | sh -e
${exitCodesText(CODES)}`;

/** Of no use to a plan, and taken all the same. */
export const PLAN_HIDDEN: readonly string[] = [
  "runDir",
  "logLevel",
  "routeRefreshInterval",
  "register",
  "nodeAddress",
  "nodeInterface",
  "nodeReaches",
  "nodeCidr",
  "cniDir",
  "cniPath",
];

export function planCommand(): Command {
  const command = new Command("plan")
    .description("print what the agent would do, as commands, and change nothing")
    .option("--exit-code", "let the exit code say whether there is something to do")
    .option("--json", "print the plan as JSON");
  addSettingFlags(command, undefined, PLAN_HIDDEN).addHelpText("after", HELP);
  return command.action(async () => {
    const { config } = configOf(command, ["node", "datastore"]);
    const { exitCode, json } = command.opts<{ exitCode?: boolean; json?: boolean }>();
    requireNetAdmin("plan", "asks the kernel what it can do");
    const plan = await withProgress(`reading ${config.datastore}`, makePlan(config));
    const report = planReport(plan, config);
    if (exitCode && report.operations.length > 0) process.exitCode = EXIT.pending;
    else if (exitCode && report.problems.some(({ severity }) => severity === "error")) {
      process.exitCode = EXIT.no;
    }
    if (json) printJson(report);
    else print(formatPlan(report));
  });
}
