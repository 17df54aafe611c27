/** `causeway resync`: look at everything again now. */
import { Command } from "commander";
import { askAgent } from "./agent-client.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

export function resyncCommand(): Command {
  const command = new Command("resync")
    .description("let the agent read the datastore and the kernel again now")
    .option("--accept-empty", "let a datastore that lost everything count: removes our routes");
  addSettingFlags(command, ["runDir"]);
  return command.action(async () => {
    const { config } = configOf(command, []);
    const query = command.opts()["acceptEmpty"] ? "?acceptEmpty=true" : "";
    await askAgent(config.runDir, "POST", `/resync${query}`);
    process.stdout.write("asked; see causeway status\n");
  });
}
