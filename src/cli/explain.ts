/** `causeway explain`: what becomes of a packet to an address, link by link. */
import { Command } from "commander";
import { type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import { runDirsHere } from "../observe/agents-here.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { type ExplainedLink, type Explanation, explain } from "./explanation.ts";
import { makePlan } from "./make-plan.ts";
import { print, printJson, withProgress } from "./output.ts";
import { PLAN_HIDDEN } from "./plan.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";
import { columns, wrap } from "./text.ts";

const HELP = `
It reads the datastore and the kernel as they are now, whether an agent runs or not, and changes
nothing. Everything that has to be in place for a packet from this node to that address is named in
the order in which the packet meets it, with ✓ or with ✗ and what mends it.

Examples:    causeway explain 10.244.1.70 --node alder --datastore file:/etc/causeway/cluster
             causeway explain fd00:10:244::7 --json
${exitCodesText("0 all is in place; 1 something is not")}`;

/** Below the second column. */
const INDENT = " ".repeat(12);

export function explainCommand(): Command {
  const command = new Command("explain")
    .description("say where a packet to an address goes, and what is missing on its way")
    .argument("<address>", "IPv4 or IPv6 address, of a pod as a rule")
    .option("--json", "print the links as JSON");
  addSettingFlags(command, undefined, PLAN_HIDDEN).addHelpText("after", HELP);
  return command.action(async (text: string) => {
    const address = readAddress(text);
    const { config } = configOf(command, ["node", "datastore"]);
    const { json } = command.opts<{ json?: boolean }>();
    requireNetAdmin("explain", "asks the kernel what it has");
    const plan = await withProgress(`reading ${config.datastore}`, makePlan(config));
    const explanation = explain(address, plan);
    if (!explanation.ok) process.exitCode = EXIT.no;
    if (json) printJson(explanation);
    else print(formatExplanation(explanation, await runDirsHere()));
  });
}

/** @throws CausewayError "bad-config" */
function readAddress(text: string): IpAddress {
  try {
    return parseIp(text);
  } catch (error) {
    throw new CausewayError("bad-config", `explain "${text}": ${reasonOf(error)}`);
  }
}

export function formatExplanation(explanation: Explanation, agents: readonly string[]): string {
  const { summary, links } = explanation;
  const rows = links.map(({ name, text, ok }) => [name, text, ok ? "✓" : "✗"]);
  const lines = columns(rows, " ").trimEnd().split("\n");
  const body = lines.flatMap((line, at) => [line, ...troubleText(links[at])]);
  const parts = [wrap(summary, "  "), "", ...body];
  if (links.some(({ isKernel, ok }) => isKernel && !ok)) parts.push("", agentText(agents));
  return `${parts.join("\n")}\n`;
}

function troubleText(link: ExplainedLink | undefined): string[] {
  if (link === undefined || link.ok) return [];
  const { found = "", mend } = link;
  return [
    wrap(`${INDENT}${found}`, INDENT),
    ...mend.map((words) => wrap(`${INDENT}→ ${words}`, `${INDENT}  `)),
  ];
}

function agentText([runDir]: readonly string[]): string {
  if (runDir === undefined)
    return "No agent runs here: it would put this right.  causeway run --help";
  return `An agent runs here and should have put this right:  causeway status --run-dir ${runDir}`;
}
