/** The command line. */
import { Command, type CommanderError } from "commander";
import { CausewayError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { cleanupCommand } from "./cleanup.ts";
import { demoCommand } from "./demo.ts";
import { planCommand } from "./plan.ts";
import { resyncCommand } from "./resync.ts";
import { runCommand } from "./run.ts";
import { showCommand } from "./show.ts";
import { statusCommand } from "./status.ts";
import { validateCommand } from "./validate.ts";

const ABOUT = `An overlay dataplane for Linux nodes: VXLAN and IP-in-IP tunnels between the address
blocks of a cluster's nodes, kept exact in the kernel.`;

const CODES = `
Exit codes: 0 done; 1 a check failed or the answer is no; 2 there is something to do (plan
--exit-code); 64 wrong usage; 70 it failed.

Start here:  causeway demo`;

/** Ends the process at once; what is registered for its exit still runs. */
export type Exit = (code: number) => never;

export function createProgram(exit: Exit): Command {
  const program = new Command("causeway")
    .description(ABOUT)
    .version(VERSION, "--version", "print the version")
    .addHelpText("after", CODES)
    .helpCommand(false)
    .configureHelp({ sortSubcommands: false, helpWidth: 98 })
    .showSuggestionAfterError(true);
  program
    .addCommand(runCommand())
    .addCommand(statusCommand())
    .addCommand(planCommand())
    .addCommand(showCommand())
    .addCommand(validateCommand())
    .addCommand(resyncCommand())
    .addCommand(cleanupCommand())
    .addCommand(demoCommand(exit));
  for (const command of [program, ...program.commands]) {
    command.configureHelp({ helpWidth: 98 });
    command.configureOutput({ outputError: () => undefined });
    command.exitOverride((error) => endOrRefuse(error, exit));
  }
  return program;
}

/** `--help` and `--version` end well; anything else is wrong usage, said in our own way. */
function endOrRefuse(error: CommanderError, exit: Exit): never {
  if (error.exitCode === 0) exit(0);
  const message = error.message.replace(/^error: /, "");
  throw new CausewayError("bad-config", message === "(outputHelp)" ? "name a command" : message);
}
