/** The command line. */
import { Command, type CommanderError } from "commander";
import { CausewayError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { captureCommand } from "./capture.ts";
import { cleanupCommand } from "./cleanup.ts";
import { decodeCommand } from "./decode.ts";
import { demoCommand } from "./demo.ts";
import { encapCommand } from "./encap.ts";
import { EXIT } from "./exit-codes.ts";
import { planCommand } from "./plan.ts";
import { podCommand } from "./pod.ts";
import { resyncCommand } from "./resync.ts";
import { runCommand } from "./run.ts";
import { showCommand } from "./show.ts";
import { statusCommand } from "./status.ts";
import { WIDTH } from "./text.ts";
import { validateCommand } from "./validate.ts";

const ABOUT = `An overlay dataplane for Linux nodes: VXLAN and IP-in-IP tunnels between the address blocks of a
cluster's nodes, kept exact in the kernel.`;

const MORE = `
Each command has a --help of its own.

Exit codes: ${EXIT.done} done; ${EXIT.no} a check failed, or the answer is no; ${EXIT.todo} there is something to do
(plan --exit-code); ${EXIT.usage} wrong usage; ${EXIT.failed} it could not be done.

Start here:  causeway demo`;

/** Ends the process at once; what is registered for its exit still runs. */
export type Exit = (code: number) => never;

export function createProgram(exit: Exit): Command {
  const program = new Command("causeway")
    .description(ABOUT)
    .version(VERSION, "--version", "print the version")
    .addHelpText("after", MORE)
    .helpCommand(false)
    .showSuggestionAfterError(true);
  program
    .addCommand(runCommand())
    .addCommand(statusCommand())
    .addCommand(planCommand())
    .addCommand(showCommand())
    .addCommand(validateCommand())
    .addCommand(resyncCommand())
    .addCommand(cleanupCommand())
    .addCommand(podCommand())
    .addCommand(decodeCommand())
    .addCommand(captureCommand())
    .addCommand(encapCommand())
    .addCommand(demoCommand(exit));
  for (const command of [program, ...program.commands]) {
    command.configureHelp({ sortSubcommands: false, helpWidth: WIDTH });
    command.helpOption("-h, --help", "print this help");
    command.configureOutput({ outputError: () => undefined });
    command.exitOverride((error) => endOrRefuse(error, command, exit));
  }
  return program;
}

/** `--help` and `--version` end well; anything else is wrong usage, said in our own way. */
function endOrRefuse(error: CommanderError, command: Command, exit: Exit): never {
  if (error.exitCode === 0) exit(EXIT.done);
  if (error.code === "commander.help") {
    throw new CausewayError("bad-config", "no command", { hint: "causeway demo" });
  }
  const [what = "", suggestion] = error.message.split("\n");
  const near = /Did you mean (.+)\?/.exec(suggestion ?? "")?.[1];
  const name = command.parent ? `${command.name()}: ` : "";
  throw new CausewayError(
    "bad-config",
    `${name}${what.replace(/^error: /, "").replaceAll("'", '"')}`,
    { hint: near === undefined ? helpOf(command) : `did you mean ${near}?` },
  );
}

function helpOf(command: Command): string {
  return `causeway ${command.parent ? `${command.name()} ` : ""}--help`;
}
