/** `causeway resync`: look at everything again now. */
import { Command } from "commander";
import { askAgent } from "./agent-client.ts";
import { exitCodesText } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { addSettingFlags, runDirOf } from "./setting-flags.ts";

const HELP = `
The agent looks by itself when something changes, and at intervals; this is for the impatient.

Example:     causeway resync
${exitCodesText("0 the agent was asked")}`;

export function resyncCommand(): Command {
  const command = new Command("resync")
    .description("let the agent read the datastore and the kernel again now")
    .option("--accept-empty", "let a datastore that lost everything count: removes our routes")
    .option("--json", "print the answer as JSON");
  addSettingFlags(command, ["runDir"]).addHelpText("after", HELP);
  return command.action(async () => {
    const { acceptEmpty, json } = command.opts<{ acceptEmpty?: true; json?: true }>();
    const query = acceptEmpty ? "?acceptEmpty=true" : "";
    const answer = await askAgent(runDirOf(command), "POST", `/resync${query}`);
    if (json) printJson(answer);
    else
      print("asked: it reads everything again; causeway status --wait 10 says when it is done\n");
  });
}
